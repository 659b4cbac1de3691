#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/stores/redis_url.hpp"
#include "broker/stores/resp.hpp"
#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// What Redis answered to one command. Parts of it share its memory and may outlive it.
class RedisReply {
 public:
  enum class Kind { text, array, integer, nothing, error };

  RedisReply(std::shared_ptr<const void> owner, const void* node) : owner_(std::move(owner)), node_(node) {}

  [[nodiscard]] Kind kind() const;
  [[nodiscard]] bool is_error() const { return kind() == Kind::error; }
  /// Of a text, a status or an error; empty otherwise.
  [[nodiscard]] std::string_view text() const;
  /// The text without a copy.
  [[nodiscard]] Blob blob() const { return {owner_, as_view(text())}; }
  /// 0 when it is no integer.
  [[nodiscard]] std::int64_t integer() const;
  /// Elements of an array; 0 otherwise.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] RedisReply at(std::size_t index) const;

 private:
  std::shared_ptr<const void> owner_;
  const void* node_;
};

/// One connection to a Redis that never blocks: `send` queues, `pump` moves what can be moved. An error is the connection's end. Used by
/// one thread.
class RedisConnection {
 public:
  /// Begins to connect; whether it succeeds, `pump` tells.
  static Result<RedisConnection> open(const RedisAddress& address);
  RedisConnection(RedisConnection&&) noexcept;
  RedisConnection& operator=(RedisConnection&&) noexcept;
  ~RedisConnection();

  [[nodiscard]] int fd() const;
  /// Whether `pump` waits for room to write, or for the connection.
  [[nodiscard]] bool wants_to_write() const;
  /// Replies that have not arrived.
  [[nodiscard]] std::size_t outstanding() const;

  void send(const RespCommands& commands);
  Result<void> pump();
  /// The next reply that has arrived.
  std::optional<RedisReply> next();

  /// Sends, and waits for all the replies. For where blocking is allowed; nothing else may be outstanding.
  Result<std::vector<RedisReply>> call(const RespCommands& commands, Millis timeout);

 private:
  struct State;
  explicit RedisConnection(std::unique_ptr<State> state);
  Result<void> write();
  Result<void> read();

  std::unique_ptr<State> state_;
};

}  // namespace sublet::broker
