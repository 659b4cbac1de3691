#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/stores/redis_checks.hpp"
#include "broker/stores/redis_connection.hpp"
#include "broker/stores/redis_scripts.hpp"
#include "broker/stores/redis_url.hpp"
#include "broker/stores/resp.hpp"
#include "common/error.hpp"
#include "common/io/file_descriptor.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// How patient a session is.
struct RedisTiming {
  Millis connect_timeout = 2s;
  /// Nothing heard for so long while an answer is due: the connection is given up.
  Millis reply_timeout = 5s;
  Millis first_backoff = 20ms;
  Millis max_backoff = 1s;
};

/// A connection to Redis that is logged in, checked and knows our scripts, and that comes back by itself when it breaks. Never blocks,
/// except in `open` and `call`. Used by one thread.
class RedisSession {
 public:
  /// Who a reply belongs to, in the caller's numbers.
  using Tag = std::uint32_t;
  struct Answer {
    Tag tag = 0;
    std::vector<RedisReply> replies;
  };

  /// Connects and checks. `name` stands in every error.
  static Result<RedisSession> open(RedisAddress address, std::string name, Durability demanded, RedisTiming timing);

  /// Readable when `pump` has something to do.
  [[nodiscard]] int fd() const { return epoll_.get(); }
  [[nodiscard]] bool is_up() const { return up_; }
  /// Counts connections: what was sent over an earlier one has an unknown fate.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  /// Why it is not up.
  [[nodiscard]] const Error& reason() const { return reason_; }
  [[nodiscard]] const RedisFacts& facts() const { return facts_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& sha(RedisScript script) const { return shas_[static_cast<std::size_t>(script)]; }

  /// While it is up. The answer comes from `next`, unless the connection breaks before.
  void send(Tag tag, const RespCommands& commands);
  /// Queues the scripts again, for a Redis that forgot them: what is sent after this finds them.
  void load_scripts();
  /// Moves what can be moved, and reconnects when it is time.
  void pump(Instant now);
  std::optional<Answer> next();
  [[nodiscard]] bool has_answers() const { return !answers_.empty(); }
  /// `fd` becomes readable then, at the latest.
  void wake_at(Instant when);

  /// Sends and waits, after what is outstanding has been answered.
  Result<std::vector<RedisReply>> call(const RespCommands& commands);

 private:
  struct Request {
    Tag tag = 0;
    std::size_t replies = 0;
    std::vector<RedisReply> got;
  };

  RedisSession(RedisAddress address, std::string name, Durability demanded, RedisTiming timing);
  Result<void> make_descriptors();
  [[nodiscard]] RespCommands greeting() const;
  Result<void> read_greeting(const std::vector<RedisReply>& replies);
  Result<void> connect();
  void take_replies(Instant now);
  void down(Error reason, Instant now);
  void watch_socket();
  void arm(Instant now);

  RedisAddress address_;
  std::string name_;
  Durability demanded_;
  RedisTiming timing_;
  io::FileDescriptor epoll_;
  io::FileDescriptor timer_;
  std::optional<RedisConnection> connection_;
  bool up_ = false;
  bool watches_writing_ = false;
  std::uint64_t generation_ = 0;
  std::int64_t client_id_ = 0;
  Error reason_;
  RedisFacts facts_;
  std::array<std::string, kRedisScripts> shas_;
  std::deque<Request> requests_;
  std::deque<Answer> answers_;
  Instant heard_;
  Instant reconnect_at_;
  Millis backoff_;
  /// When the timer goes off; nothing while it is not set.
  std::optional<Instant> armed_;
  Instant wake_at_ = Instant::max();
};

}  // namespace sublet::broker
