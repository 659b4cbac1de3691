#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "common/time.hpp"

namespace sublet::test {

/// A relay on a free TCP port of the loopback, whose traffic a test can cut, hold up or delay. Its one thread waits for nothing but its
/// descriptors and the next delayed bytes, so it always ends with this object.
class Proxy {
 public:
  /// Passes connections on once it has a target. Aborts the program when no port is free: nothing could be tested.
  Proxy();
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// "tcp://127.0.0.1:PORT".
  [[nodiscard]] std::string endpoint() const;

  /// Where new connections go: "tcp://127.0.0.1:PORT" or the path of a unix socket.
  void set_target(const std::string& target);

  /// Everything passes, as at first; bytes that were held up go on.
  void pass();
  /// Breaks every connection, and each new one as soon as it is made.
  void cut();
  /// Connections stay, and are made, but no byte passes.
  void hold();
  /// Bytes arrive so much later, each way.
  void delay(Millis each_way);

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

}  // namespace sublet::test
