#pragma once

// How one side of a ring wakes the other: a byte through a pipe, and only when the reader has said that it waits. A pipe and not an
// eventfd: each end has its own flags, so a hostile process can neither make the other side block nor fill what it only reads; and its end
// tells that the other process is gone.

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "common/error.hpp"
#include "common/io/file_descriptor.hpp"
#include "common/time.hpp"

namespace sublet::ring {

struct Doorbell {
  io::FileDescriptor listener;
  io::FileDescriptor ringer;
};

/// A pipe, closed in other programs. The ringer's end never blocks; the listener's does unless `nonblocking`.
Result<Doorbell> make_doorbell(bool nonblocking_listener);

/// Wakes the reader if it waits. To be called after a push.
void wake(int ringer, std::atomic<std::uint32_t>& reader_waits);

/// Says that the reader waits, unless its ring has something by now. Whoever got `true` is woken by the next push.
template <class Reader>
bool about_to_wait(const Reader& reader, std::atomic<std::uint32_t>& reader_waits) {
  reader_waits.store(1, std::memory_order_seq_cst);
  if (reader.empty()) {
    return true;
  }
  reader_waits.store(0, std::memory_order_relaxed);
  return false;
}

/// For poll(): milliseconds until then, rounded up; at most an hour, and -1 for ever.
int poll_milliseconds(std::optional<Instant> until);

/// Blocks until the bell has been rung or its ringer is gone; false when `until` comes first, or a signal.
bool is_rung(int listener, std::optional<Instant> until);

enum class Heard : std::uint8_t { nothing, bell, closed };

/// Takes the rings that have come. Blocks when the listener's end does.
Heard listen(int listener);

}  // namespace sublet::ring
