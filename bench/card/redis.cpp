#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <hiredis/hiredis.h>

#include "bench/card/figures.hpp"
#include "common/io/clock.hpp"

namespace sublet::bench {
namespace {

/// Bytes that are on their way to Redis at a time.
constexpr std::size_t kInFlight = 32U << 20U;

struct Free {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Connection = std::unique_ptr<redisContext, Free>;

[[noreturn]] void give_up(const char* why) {
  fmt::print(stderr, "card_bench: redis: {}\n", why);
  std::exit(1);
}

void append(redisContext& redis, std::initializer_list<std::string_view> words) {
  std::vector<const char*> parts;
  std::vector<std::size_t> lengths;
  for (const std::string_view word : words) {
    parts.push_back(word.data());
    lengths.push_back(word.size());
  }
  if (redisAppendCommandArgv(&redis, static_cast<int>(words.size()), parts.data(), lengths.data()) != REDIS_OK) give_up(redis.errstr);
}

void receive(redisContext& redis) {
  void* answer = nullptr;
  if (redisGetReply(&redis, &answer) != REDIS_OK) give_up(redis.errstr);
  const std::unique_ptr<redisReply, Free> reply(static_cast<redisReply*>(answer));
  if (reply->type == REDIS_REPLY_ERROR) give_up(reply->str);
}

}  // namespace

double redis_rate(const Burst& burst, const std::string& socket) {
  const Connection redis(redisConnectUnix(socket.c_str()));
  if (redis == nullptr || redis->err != 0) give_up(redis == nullptr ? "no memory" : redis->errstr);
  const std::string value(burst.segment_bytes, '\xff');
  const std::size_t together = std::max<std::size_t>(1, kInFlight / burst.segment_bytes / 4);
  const Instant begin = io::now();
  std::size_t done = 0;
  for (; io::now() - begin < burst.duration; done += together) {
    for (std::size_t i = 0; i < together; ++i) {
      const std::string payload = fmt::format("bench:payload:{}", i);
      const std::string output = fmt::format("bench:output:{}", i);
      append(*redis, {"SET", payload, value});
      append(*redis, {"SET", output, value});
      append(*redis, {"DEL", payload, output});
    }
    for (std::size_t i = 0; i < 3 * together; ++i) receive(*redis);
  }
  return static_cast<double>(done) / std::chrono::duration<double>(io::now() - begin).count();
}

}  // namespace sublet::bench
