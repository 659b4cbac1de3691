#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/io/socket.hpp"
#include "common/shard.hpp"
#include "common/time.hpp"
#include "common/wire/codec.hpp"
#include "producer/core/link.hpp"

namespace sublet::producer {

/// A message as it came in.
struct Incoming {
  ShardNumber shard = 0;
  wire::Plane plane = wire::Plane::control;
  std::expected<wire::Decoded, wire::DecodeFailure> decoded;
  Blob payload;
};

/// The sockets of all shards, control and bulk of each, and a descriptor that interrupts waiting on them. Used by one thread.
class Planes {
 public:
  struct Options {
    io::SocketOptions sockets;
    int wakeup_fd = -1;
  };
  explicit Planes(Options options);

  /// Opens, closes and sends as told. A message that finds its peer's queue full is kept for the next call.
  Result<void> apply(ShardNumber shard, Effects effects);
  /// Waits until something arrives or the wakeup is notified.
  /// @return whether it was the wakeup
  bool wait(std::optional<Millis> timeout);
  /// What has arrived, up to a bound that keeps one side from starving the other.
  std::vector<Incoming> receive();
  /// Shards that lost a connection since this was last asked.
  std::vector<ShardNumber> take_disconnected();
  /// Messages wait here for room in a socket.
  [[nodiscard]] bool blocked() const;
  /// Sends what waits, as far as there is room.
  void flush();

 private:
  struct Pair {
    std::optional<io::Socket> control;
    std::optional<io::Socket> bulk;
    std::deque<Outgoing> unsent;
  };
  Result<void> open(std::optional<io::Socket>& socket, const std::string& endpoint);
  void watch_all();
  void flush(Pair& pair);
  bool send(Pair& pair, const Outgoing& message);
  static void receive(ShardNumber shard, wire::Plane plane, std::optional<io::Socket>& socket, std::vector<Incoming>& arrived);

  Options options_;
  io::Context context_;
  std::map<ShardNumber, Pair> pairs_;
  io::Poller poller_;
  std::vector<std::byte> head_;
};

}  // namespace sublet::producer
