#pragma once

#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "broker/server.hpp"
#include "broker/stores/make_store.hpp"
#include "common/io/log.hpp"
#include "common/io/wakeup.hpp"

namespace sublet::broker::test {

inline std::unique_ptr<Store> memory_store() {
  SeededRandom random(1);
  return make_store("memory:", {}, random).value();
}

inline ServerOptions any_ports() {
  ServerOptions options;
  options.endpoints = {.control = "tcp://127.0.0.1:*", .bulk = "tcp://127.0.0.1:*"};
  return options;
}

/// A server on a thread of its own, until it is stopped or goes out of scope.
class RunningServer {
 public:
  RunningServer(const ServerOptions& options, std::unique_ptr<Store> store)
      : server_(Server::open(options, std::move(store), io::silent_log()).value()), endpoints_(server_->endpoints()) {
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
