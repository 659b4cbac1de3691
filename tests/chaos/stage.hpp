#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/shard.hpp"
#include "common/time.hpp"
#include "tests/chaos/plan.hpp"
#include "tests/chaos/small_disk.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/proxy.hpp"
#include "tests/support/redis_server.hpp"

namespace sublet::chaos {

/// A program that is started again when it has ended, as a supervisor would.
struct Seat {
  std::string name;
  std::string program;
  std::vector<std::string> args;
  std::optional<test::Starting> process = {};  ///< nothing while it is down
  bool ready = false;                          ///< it has said so
  bool ended_by_itself = false;                ///< and is to be started again, not before:
  Instant not_before{};
};

/// A broker, and what stands between it and all others: they know it by the addresses of its proxies alone.
struct BrokerSeat {
  Seat seat;
  std::unique_ptr<test::Proxy> control = std::make_unique<test::Proxy>();
  std::unique_ptr<test::Proxy> bulk = std::make_unique<test::Proxy>();
  std::unique_ptr<test::Proxy> store = std::make_unique<test::Proxy>();
};

/// Redis, brokers and workers as real processes.
class Stage {
 public:
  /// Starts all of them and waits until they are ready.
  /// @param layout  of the cluster
  /// @param log  level of the programs
  Stage(const Layout& layout, const std::string& log);
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  [[nodiscard]] std::vector<std::string> endpoints() const;
  BrokerSeat& broker(std::uint32_t number) { return brokers_.at(number); }
  Seat& worker(std::uint32_t number) { return workers_.at(number); }
  test::RedisServer& redis() { return redis_; }
  /// What Redis's append-only file lies on; nothing where it cannot be mounted.
  [[nodiscard]] const Result<SmallDisk>& disk() const { return disk_; }

  /// Who serves each shard, as Redis has it: a control endpoint, or nothing. Empty while Redis does not answer.
  [[nodiscard]] std::vector<std::string> owners() const;

  /// Nothing happens when it runs.
  static void start(Seat& seat);
  /// `kill -9`.
  static void kill(Seat& seat);
  /// Unless it runs, or its disk is full.
  void start_redis();

  /// Sees who is ready, and who has ended though nobody told it to: that is a complaint, and it is started again.
  void tend();
  /// Asks all of them to stop and waits until they have.
  void stop();

  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  void start_brokers(const Layout& layout, const std::string& log);
  void start_workers(const std::string& log);
  /// @return whether it has become ready just now, with what it said
  std::optional<std::map<std::string, std::string>> tend(Seat& seat);
  void tend_until_ready();
  void stop(Seat& seat);

  test::RedisServer redis_;
  Result<SmallDisk> disk_;
  std::uint32_t shards_ = 0;
  std::vector<BrokerSeat> brokers_;
  std::vector<Seat> workers_;
  std::vector<std::string> complaints_;
};

}  // namespace sublet::chaos
