#pragma once

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "broker/claims.hpp"
#include "broker/server.hpp"
#include "broker/stores/make_store.hpp"
#include "common/io/log.hpp"
#include "common/io/wakeup.hpp"

namespace sublet::broker::test {

inline std::unique_ptr<Store> memory_store() {
  SeededRandom random(1);
  return make_store("memory:", 0, {}, random).value();
}

/// Shard 0 of a cluster with as many shards as there are stores, and so on.
inline std::unique_ptr<Claims> claims_of(std::vector<std::unique_ptr<Store>> stores, const BrokerOptions& rules = {}) {
  return FixedClaims::open(rules, std::move(stores)).value();
}

inline std::unique_ptr<Claims> claims_of(std::unique_ptr<Store> store, const BrokerOptions& rules = {}) {
  std::vector<std::unique_ptr<Store>> stores;
  stores.push_back(std::move(store));
  return claims_of(std::move(stores), rules);
}

inline ServerOptions any_ports() {
  ServerOptions options;
  options.endpoints = {.control = "tcp://127.0.0.1:*", .bulk = "tcp://127.0.0.1:*"};
  return options;
}

/// A server on a thread of its own, until it is stopped or goes out of scope.
class RunningServer {
 public:
  RunningServer(const ServerOptions& options, std::unique_ptr<Store> store) : RunningServer(options, claims_of(std::move(store))) {}
  RunningServer(const ServerOptions& options, std::unique_ptr<Claims> claims)
      : server_(Server::open(options, std::move(claims), io::silent_log()).value()), endpoints_(server_->endpoints()) {
    thread_ = std::jthread([this] { outcome_ = server_->run(stop_.fd()); });
  }
  ~RunningServer() { stop(); }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  [[nodiscard]] const Endpoints& endpoints() const { return endpoints_; }
  [[nodiscard]] const std::string& control() const { return endpoints_.control; }

  /// What it counted until now; it serves no more.
  Counters stop() {
    stop_.notify();
    if (thread_.joinable()) thread_.join();
    return server_->counters();
  }

  /// Waits until it ends by itself.
  Result<void> outcome() {
    thread_.join();
    return outcome_;
  }

 private:
  io::Wakeup stop_ = io::Wakeup::open().value();
  std::unique_ptr<Server> server_;
  Endpoints endpoints_;
  Result<void> outcome_;
  std::jthread thread_;
};

}  // namespace sublet::broker::test
