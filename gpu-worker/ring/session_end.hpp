#pragma once

#include <optional>
#include <string_view>

#include "common/time.hpp"
#include "gpu-worker/ring/area.hpp"
#include "gpu-worker/ring/spsc_ring.hpp"

namespace sublet::ring {

/// The numbers under which a session process finds what it inherits.
struct InheritedFds {
  static constexpr int kArea = 3;
  static constexpr int kListener = 4;  ///< commands have come; closed when the agent is gone
  static constexpr int kRinger = 5;
};

/// The session process's end.
class SessionEnd {
 public:
  static Result<SessionEnd> attach(io::FileDescriptor area, io::FileDescriptor listener, io::FileDescriptor ringer);

  /// The next command, or nothing when none has come. Never blocks.
  Result<std::optional<Command>> next() { return reader_.pop(); }
  /// Blocks until there is a command; false when the agent is gone.
  bool wait();

  /// `protocol_error` when the agent does not take its replies.
  Result<void> reply(const Reply& reply);
  /// With a text for the note, cut where it does not fit.
  Result<void> reply(Reply reply, std::string_view note);

  /// A command's block; `protocol_error` when it does not lie in the arena.
  [[nodiscard]] Result<std::span<std::byte>> block(std::uint64_t offset, std::uint64_t bytes) const;

  /// The lease's deadline, or nothing for a spare.
  [[nodiscard]] std::optional<Instant> deadline() const;
  [[nodiscard]] bool stop_requested() const { return area_.control().stop.load(std::memory_order_acquire) != 0; }
  /// Hung up when the agent is gone.
  [[nodiscard]] int listener() const { return listener_.get(); }

  void begin_running(std::uint64_t number, std::uint32_t first, Instant since);
  void set_running_count(std::uint32_t count) { area_.control().running_count.store(count, std::memory_order_release); }

 private:
  SessionEnd(Area area, io::FileDescriptor listener, io::FileDescriptor ringer);

  Area area_;
  io::FileDescriptor listener_;
  io::FileDescriptor ringer_;
  RingReader<Command> reader_;
  RingWriter<Reply> writer_;
};

}  // namespace sublet::ring
