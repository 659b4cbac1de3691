#pragma once

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "broker/stores/redis_connection.hpp"
#include "common/io/process.hpp"

namespace sublet::test {

/// A redis-server of a test's own, on a unix socket in a folder of its own; both end with this object.
class RedisServer {
 public:
  /// Starts with an append-only file and without snapshots; `settings` go behind, as "--maxmemory", "10mb". A server that cannot start
  /// aborts the program with the reason: nothing could be tested.
  explicit RedisServer(std::vector<std::string> settings = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  [[nodiscard]] std::string url() const { return "redis+unix://" + socket().string(); }
  [[nodiscard]] broker::RedisAddress address() const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] pid_t pid() const { return child_->pid(); }

  /// Runs one command over a connection of its own. An error that Redis answers is an answer.
  [[nodiscard]] broker::RedisReply run(const std::vector<std::string>& command) const;
  /// Its text.
  [[nodiscard]] std::string text(const std::vector<std::string>& command) const { return std::string(run(command).text()); }
  /// How many keys match; for tests of small stores.
  [[nodiscard]] std::vector<std::string> keys(const std::string& pattern) const;

  [[nodiscard]] std::filesystem::path socket() const { return folder_ / "redis.sock"; }
  /// Whether its process has ended, whoever ended it.
  [[nodiscard]] bool ended() { return child_->poll().has_value(); }

  void signal(int number) const { child_->kill(number); }
  /// `kill -9`.
  void kill();
  /// After `kill`, from what is on the disk, with `more` settings for this time. Returns when it serves.
  void start(const std::vector<std::string>& more = {});

 private:
  std::vector<std::string> settings_;
  std::filesystem::path folder_;
  std::optional<io::Child> child_;
};

/// A Redis Cluster of one node, which has all slots: a command whose keys lie in several of them is refused.
class RedisClusterNode : public RedisServer {
 public:
  /// Returns when it takes writes, which lasts two seconds.
  RedisClusterNode();
};

}  // namespace sublet::test
