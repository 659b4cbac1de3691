#pragma once

#include <optional>
#include <string>

#include "common/time.hpp"
#include "gpu-worker/ring/area.hpp"
#include "gpu-worker/ring/doorbell.hpp"
#include "gpu-worker/ring/spsc_ring.hpp"

namespace sublet::ring {

/// What a session process says that a lease has on the device: `count` chunks from `first` of command `number` on, in order, into the
/// following commands. Unchecked.
struct Running {
  std::uint64_t number = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint64_t since_ns = 0;  ///< of the oldest, on the monotonic clock
};

/// The agent's end of what connects it with one lease's session.
class AgentEnd {
 public:
  static Result<AgentEnd> create(Bytes arena);

  /// For the process, as `SessionEnd::attach` wants them.
  [[nodiscard]] int area_fd() const { return area_.fd(); }
  [[nodiscard]] int child_listener() const { return commands_.listener.get(); }
  [[nodiscard]] int child_ringer() const { return replies_.ringer.get(); }
  /// Once the child has its copies: without this, the child's end would not be noticed.
  void close_child_ends();

  PushOutcome push(const Command& command);
  Result<std::optional<Reply>> pop() { return reader_.pop(); }

  /// Readable when a reply has come after `about_to_wait` was true.
  [[nodiscard]] int fd() const { return replies_.listener.get(); }
  bool about_to_wait() { return ring::about_to_wait(reader_, area_.control().reply_reader_waits); }
  Heard hear() const { return listen(replies_.listener.get()); }

  void set_deadline(Instant deadline);
  void request_stop() { area_.control().stop.store(1, std::memory_order_release); }
  [[nodiscard]] Running running() const;
  /// The text that goes with a reply about the whole session, cleaned.
  [[nodiscard]] std::string note(const Reply& reply) const;

  [[nodiscard]] std::span<std::byte> arena() const { return area_.arena(); }

 private:
  AgentEnd(Area area, Doorbell commands, Doorbell replies);

  Area area_;
  Doorbell commands_;
  Doorbell replies_;
  RingWriter<Command> writer_;
  RingReader<Reply> reader_;
};

}  // namespace sublet::ring
