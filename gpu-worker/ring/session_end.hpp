#pragma once

#include <optional>
#include <string_view>

#include "common/ids.hpp"
#include "common/time.hpp"
#include "gpu-worker/ring/area.hpp"
#include "gpu-worker/ring/spsc_ring.hpp"

namespace sublet::ring {

/// The session process's end of what connects a lease's session with the agent. Used by the thread that serves the lease, but for what is
/// marked.
class SessionEnd {
 public:
  static Result<SessionEnd> attach(LeaseId lease, io::FileDescriptor area, io::FileDescriptor listener, io::FileDescriptor ringer);

  /// The next command, or nothing when none has come. Never blocks.
  Result<std::optional<Command>> next() { return reader_.pop(); }
  /// Blocks until there is a command; false when none will come: the deadline has passed, or the agent has closed its end.
  bool wait();

  /// In the name of its lease. `protocol_error` when the agent does not take its replies.
  Result<void> reply(Reply reply);
  /// With a text for the note, cut where it does not fit.
  Result<void> reply(Reply reply, std::string_view note);

  /// A command's block; `protocol_error` when it does not lie in the arena.
  [[nodiscard]] Result<std::span<std::byte>> block(std::uint64_t offset, std::uint64_t bytes) const;

  /// Where all blocks lie.
  [[nodiscard]] std::span<std::byte> arena() const { return area_.arena(); }

  [[nodiscard]] LeaseId lease() const { return lease_; }
  /// The lease's deadline, or nothing while it has none. From any thread.
  [[nodiscard]] std::optional<Instant> deadline() const;
  [[nodiscard]] bool is_past_deadline(Instant now) const;
  [[nodiscard]] bool stop_requested() const { return area_.control().stop.load(std::memory_order_acquire) != 0; }

  void begin_running(std::uint64_t number, std::uint32_t first, Instant since);
  void set_running_count(std::uint32_t count) { area_.control().running_count.store(count, std::memory_order_release); }

 private:
  SessionEnd(LeaseId lease, Area area, io::FileDescriptor listener, io::FileDescriptor ringer);

  LeaseId lease_;
  Area area_;
  io::FileDescriptor listener_;
  io::FileDescriptor ringer_;
  RingReader<Command> reader_;
  RingWriter<Reply> writer_;
};

}  // namespace sublet::ring
