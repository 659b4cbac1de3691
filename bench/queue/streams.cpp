#include "bench/queue/streams.hpp"

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include "common/bytes.hpp"
#include "common/io/clock.hpp"
#include "common/io/ready.hpp"
#include "tests/support/cluster.hpp"

namespace sublet::bench {
namespace {

constexpr std::string_view kIn = "bench:in";
constexpr std::string_view kOut = "bench:out";
constexpr std::string_view kGroup = "bench";
// Far more entries than are ever on their way; without a limit the streams would fill the memory.
constexpr std::string_view kKeep = "200000";
constexpr std::string_view kTogether = "1024";

[[noreturn]] void fail(std::string_view what) {
  fmt::print(stderr, "queue_bench: redis streams: {}\n", what);
  std::exit(1);
}

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

std::string_view text(const redisReply& reply) { return {reply.str, reply.len}; }

class Connection {
 public:
  explicit Connection(const std::string& socket) : context_(redisConnectUnix(socket.c_str())) {
    if (context_ == nullptr || context_->err != 0) fail(context_ == nullptr ? "no memory" : context_->errstr);
  }
  ~Connection() { redisFree(context_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Written with the next `receive`.
  void append(std::initializer_list<std::string_view> words) {
    std::vector<const char*> parts;
    std::vector<std::size_t> lengths;
    for (const auto word : words) {
      parts.push_back(word.data());
      lengths.push_back(word.size());
    }
    if (redisAppendCommandArgv(context_, static_cast<int>(words.size()), parts.data(), lengths.data()) != REDIS_OK) fail(context_->errstr);
  }

  /// Sends what was appended, for an answer that is read later.
  void flush() {
    for (int done = 0; done == 0;) {
      if (redisBufferWrite(context_, &done) != REDIS_OK) fail(context_->errstr);
    }
  }

  Reply receive() {
    void* reply = nullptr;
    if (redisGetReply(context_, &reply) != REDIS_OK) fail(context_->errstr);
    Reply owned(static_cast<redisReply*>(reply));
    if (owned->type == REDIS_REPLY_ERROR) fail(text(*owned));
    return owned;
  }

  Reply call(std::initializer_list<std::string_view> words) {
    append(words);
    return receive();
  }

 private:
  redisContext* context_;
};

/// Calls `take(id, payload)` for each entry of the one stream that XREAD or XREADGROUP answered with; how many there were.
template <class Take>
std::size_t each_entry(const redisReply& answer, Take take) {
  if (answer.type != REDIS_REPLY_ARRAY) return 0;
  const redisReply& entries = *answer.element[0]->element[1];
  for (std::size_t i = 0; i < entries.elements; ++i) {
    const redisReply& entry = *entries.element[i];
    take(text(*entry.element[0]), text(*entry.element[1]->element[1]));
  }
  return entries.elements;
}

void add(Connection& connection, std::string_view stream, std::string_view payload) {
  connection.append({"XADD", stream, "MAXLEN", "~", kKeep, "*", "p", payload});
}

}  // namespace

int run_consumer(const std::string& socket, int ready_fd) {
  Connection connection(socket);
  static_cast<void>(connection.call({"DEL", kIn, kOut}));
  static_cast<void>(connection.call({"XGROUP", "CREATE", kIn, kGroup, "0", "MKSTREAM"}));
  if (!io::write_ready(ready_fd, {})) return 1;
  for (;;) {
    const Reply taken = connection.call({"XREADGROUP", "GROUP", kGroup, "one", "COUNT", kTogether, "BLOCK", "0", "STREAMS", kIn, ">"});
    const auto count = each_entry(*taken, [&](std::string_view id, std::string_view payload) {
      add(connection, kOut, payload);
      connection.append({"XACK", kIn, kGroup, id});
    });
    for (std::size_t i = 0; i < 2 * count; ++i) static_cast<void>(connection.receive());
  }
}

struct Streams::State {
  explicit State(const std::string& socket)
      : consumer(test::start("queue_bench", {"--role", "consumer", "--connect", socket})), writer(socket), reader(socket) {}

  /// Waits for what has come since the last call; each answer has to be the next chunk, in order.
  std::size_t read(std::size_t chunk_bytes) {
    const Reply answer = reader.call({"XREAD", "COUNT", kTogether, "BLOCK", "0", "STREAMS", kOut, last});
    return each_entry(*answer, [&](std::string_view id, std::string_view payload) {
      std::uint64_t chunk = 0;
      std::memcpy(&chunk, payload.data(), std::min(payload.size(), sizeof chunk));
      if (payload.size() != chunk_bytes || chunk != next_read) fail(fmt::format("chunk {} came back as {}", next_read, chunk));
      ++next_read;
      last = id;
    });
  }

  void write(std::span<std::byte> payload, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i, ++next_written) {
      std::memcpy(payload.data(), &next_written, sizeof next_written);
      add(writer, kIn, as_text(payload));
    }
  }

  static std::string_view as_text(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

  test::Started consumer;
  Connection writer;
  Connection reader;
  std::string last = "0";
  std::uint64_t next_written = 0;
  std::uint64_t next_read = 0;
};

Streams::Streams(const std::string& socket) : state_(std::make_unique<State>(socket)) {}
Streams::~Streams() = default;

double Streams::rate(const Shape& shape) {
  State& state = *state_;
  std::vector<std::byte> payload(shape.chunk_bytes);
  std::atomic<std::uint64_t> seen = 0;
  std::atomic<std::uint64_t> sent = 0;
  std::atomic<bool> stop = false;
  const std::uint64_t limit = shape.batch * shape.in_flight;
  std::jthread writing([&] {
    // Half of what may be on its way goes out together, so that a slow flush of the file is paid for once by many.
    const std::uint64_t together = std::max<std::uint64_t>(shape.batch, limit / 2);
    while (!stop) {
      if (sent - seen > limit - together) {
        std::this_thread::sleep_for(50us);
        continue;
      }
      state.write(payload, together);
      sent += together;
      for (std::uint64_t i = 0; i < together; ++i) static_cast<void>(state.writer.receive());
    }
  });
  const auto begin = io::now();
  const auto measured_from = begin + 1s;
  const auto until = measured_from + shape.duration;
  std::uint64_t before = 0;
  Instant started = begin;
  while (io::now() < until) {
    seen += state.read(shape.chunk_bytes);
    if (before == 0 && io::now() >= measured_from) {
      before = seen;
      started = io::now();
    }
  }
  const std::chrono::duration<double> seconds = io::now() - started;
  const auto counted = seen - before;
  stop = true;
  writing.join();
  while (seen < sent) seen += state.read(shape.chunk_bytes);
  return static_cast<double>(counted) / seconds.count();
}

Latency Streams::round_trip(std::size_t rounds) {
  State& state = *state_;
  std::vector<std::byte> payload(64);
  std::vector<Nanos> samples;
  for (std::size_t round = 0; round < rounds; ++round) {
    const auto start = io::now();
    state.write(payload, 1);
    state.writer.flush();
    while (state.read(payload.size()) == 0) continue;
    samples.push_back(io::now() - start);
    static_cast<void>(state.writer.receive());
  }
  return percentiles(std::move(samples));
}

}  // namespace sublet::bench
