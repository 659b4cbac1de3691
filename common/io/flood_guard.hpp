#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "common/bytes.hpp"

namespace sublet::io {

/// Finds TCP connections over which bytes come but no message ever completes. libzmq bounds each frame of a message but not their number,
/// and keeps all of them in memory until the last one: a peer that never sends it would fill the process.
///
/// Works by looking: a connection that received more than the budget since it was last known to be well becomes a suspect; one message
/// from it clears it, and another budget without one ends it. So the owner has to tell of messages only while there are suspects.
class FloodGuard {
 public:
  /// @param budget  more than the longest message, in bytes
  explicit FloodGuard(Bytes budget) : budget_(budget) {}

  /// A connection that is not TCP, or is gone by now, is not watched.
  void accepted(int fd);
  void closed(int fd);
  void message_from(int fd);

  [[nodiscard]] bool has_suspects() const { return suspects_ > 0; }

  /// To be called when every message that is complete has been received. Returns how many connections were shut down.
  std::size_t check();

 private:
  struct Connection {
    std::uint64_t cookie = 0;  ///< tells the connection from a later one under the same number
    std::uint64_t received = 0;
    bool suspect = false;
  };

  void set_suspect(Connection& connection, bool suspect);

  Bytes budget_;
  std::unordered_map<int, Connection> connections_;
  std::size_t suspects_ = 0;
};

}  // namespace sublet::io
