#pragma once

#include <cstdint>

#include "common/time.hpp"

namespace sublet {

/// What an agent lets a session hold at a time.
struct WindowSize {
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;

  bool operator==(const WindowSize&) const = default;
};

struct WindowLimits {
  std::uint32_t lanes = 1;
  std::uint64_t max_chunk_bytes = 0;
  std::uint64_t arena_bytes = 0;
};

/// How much to hand to a session: enough that it never waits for the broker, little enough that its work can be shared with other sessions
/// and that not much comes back when it dies.
class WindowPolicy {
 public:
  explicit WindowPolicy(const WindowLimits& limits);

  [[nodiscard]] WindowSize size() const { return size_; }
  /// `chunks` ended that took `busy` together. True when the window has become another one, worth a message: by a factor of 2 or more.
  bool learn(std::uint64_t chunks, Nanos busy);

 private:
  WindowLimits limits_;
  WindowSize size_;
  double nanos_per_chunk_ = 0;
};

}  // namespace sublet
