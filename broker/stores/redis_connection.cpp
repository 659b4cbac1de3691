#include "broker/stores/redis_connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "broker/stores/redis_checks.hpp"
#include "common/io/clock.hpp"

namespace sublet::broker {
namespace {

const redisReply& node_of(const void* node) { return *static_cast<const redisReply*>(node); }

/// Pieces handed to the kernel at a time.
constexpr std::size_t kPieces = 64;

}  // namespace

RedisReply::Kind RedisReply::kind() const {
  switch (node_of(node_).type) {
    case REDIS_REPLY_ARRAY:
      return Kind::array;
    case REDIS_REPLY_INTEGER:
      return Kind::integer;
    case REDIS_REPLY_NIL:
      return Kind::nothing;
    case REDIS_REPLY_ERROR:
      return Kind::error;
    default:
      return Kind::text;
  }
}

std::string_view RedisReply::text() const {
  const auto& node = node_of(node_);
  return node.str == nullptr ? std::string_view() : std::string_view(node.str, node.len);
}

std::int64_t RedisReply::integer() const { return kind() == Kind::integer ? node_of(node_).integer : 0; }

std::size_t RedisReply::size() const { return kind() == Kind::array ? node_of(node_).elements : 0; }

RedisReply RedisReply::at(std::size_t index) const { return {owner_, node_of(node_).element[index]}; }

struct RedisConnection::State {
  RedisAddress address;
  std::unique_ptr<redisContext, decltype(&redisFree)> context{nullptr, &redisFree};
  bool connected = false;
  std::deque<Blob> unsent;
  /// Bytes of the first piece that have left.
  std::size_t sent = 0;
  std::size_t outstanding = 0;
  std::array<char, std::size_t{64} << 10U> buffer;

  [[nodiscard]] std::unexpected<Error> broken(std::string_view why) const {
    return std::unexpected(unreachable(to_text(address), fmt::format("{}; check that redis-server runs there", why)));
  }
};

Result<RedisConnection> RedisConnection::open(const RedisAddress& address) {
  auto state = std::make_unique<State>();
  state->address = address;
  state->context.reset(address.path.empty() ? redisConnectNonBlock(address.host.c_str(), address.port)
                                            : redisConnectUnixNonBlock(address.path.c_str()));
  if (!state->context) return state->broken("out of memory");
  if (state->context->err != 0) return state->broken(state->context->errstr);
  // Replies shorter than a packet must not wait for the acknowledgement of the one before. A unix socket has no such option.
  const int on = 1;
  ::setsockopt(state->context->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return RedisConnection(std::move(state));
}

RedisConnection::RedisConnection(std::unique_ptr<State> state) : state_(std::move(state)) {}
RedisConnection::RedisConnection(RedisConnection&&) noexcept = default;
RedisConnection& RedisConnection::operator=(RedisConnection&&) noexcept = default;
RedisConnection::~RedisConnection() = default;

int RedisConnection::fd() const { return state_->context->fd; }

bool RedisConnection::wants_to_write() const { return !state_->connected || !state_->unsent.empty(); }

std::size_t RedisConnection::outstanding() const { return state_->outstanding; }

void RedisConnection::send(const RespCommands& commands) {
  state_->unsent.insert(state_->unsent.end(), commands.pieces.begin(), commands.pieces.end());
  state_->outstanding += commands.replies;
}

Result<void> RedisConnection::pump() {
  if (!state_->connected) {
    pollfd descriptor{.fd = fd(), .events = POLLOUT, .revents = 0};
    if (::poll(&descriptor, 1, 0) <= 0) return {};
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return state_->broken(std::strerror(error));
    state_->connected = true;
  }
  if (auto written = write(); !written) return written;
  return read();
}

Result<void> RedisConnection::write() {
  auto& unsent = state_->unsent;
  while (!unsent.empty()) {
    std::array<iovec, kPieces> parts{};
    const auto count = std::min(unsent.size(), kPieces);
    for (std::size_t index = 0; index < count; ++index) {
      const auto view = unsent[index].view().subspan(index == 0 ? state_->sent : 0);
      parts[index] = {.iov_base = const_cast<std::byte*>(view.data()), .iov_len = view.size()};
    }
    const msghdr message{.msg_name = nullptr,
                         .msg_namelen = 0,
                         .msg_iov = parts.data(),
                         .msg_iovlen = count,
                         .msg_control = nullptr,
                         .msg_controllen = 0,
                         .msg_flags = 0};
    const auto written = ::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno == EAGAIN ? Result<void>() : state_->broken(std::strerror(errno));
    auto left = static_cast<std::size_t>(written) + state_->sent;
    while (!unsent.empty() && left >= unsent.front().size()) {
      left -= unsent.front().size();
      unsent.pop_front();
    }
    state_->sent = left;
  }
  return {};
}

Result<void> RedisConnection::read() {
  auto& buffer = state_->buffer;
  for (;;) {
    const auto got = ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN ? Result<void>() : state_->broken(std::strerror(errno));
    if (got == 0) return state_->broken("it closed the connection");
    if (redisReaderFeed(state_->context->reader, buffer.data(), static_cast<std::size_t>(got)) != REDIS_OK) {
      return state_->broken(state_->context->reader->errstr);
    }
    if (static_cast<std::size_t>(got) < buffer.size()) return {};
  }
}

std::optional<RedisReply> RedisConnection::next() {
  void* reply = nullptr;
  // What is no protocol leaves the reader in error for good: no reply comes any more, and the owner's timeout ends the connection.
  if (redisReaderGetReply(state_->context->reader, &reply) != REDIS_OK || reply == nullptr) return std::nullopt;
  state_->outstanding -= std::min<std::size_t>(1, state_->outstanding);
  return RedisReply(std::shared_ptr<void>(reply, &freeReplyObject), reply);
}

Result<std::vector<RedisReply>> RedisConnection::call(const RespCommands& commands, Millis timeout) {
  send(commands);
  std::vector<RedisReply> replies;
  auto deadline = io::now() + timeout;
  while (replies.size() < commands.replies) {
    if (auto pumped = pump(); !pumped) return std::unexpected(pumped.error());
    const auto before = replies.size();
    while (auto reply = next()) replies.push_back(std::move(*reply));
    if (replies.size() == commands.replies) break;
    const auto now = io::now();
    // What arrives shows that it is alive, however much there is to come.
    if (replies.size() != before) deadline = now + timeout;
    if (now >= deadline) return state_->broken(fmt::format("it has not answered for {} ms", timeout.count()));
    pollfd descriptor{.fd = fd(), .events = static_cast<short>(wants_to_write() ? POLLIN | POLLOUT : POLLIN), .revents = 0};
    ::poll(&descriptor, 1, static_cast<int>(std::chrono::ceil<Millis>(deadline - now).count()));
  }
  return replies;
}

}  // namespace sublet::broker
