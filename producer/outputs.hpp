#pragma once

#include <memory>
#include <optional>
#include <span>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/time.hpp"

namespace sublet {

/// For calls that take a timeout: wait as long as it takes.
inline constexpr Millis kForever = Millis::max();

/// What became of one chunk: its output, or why it is dead. An output shares the memory of the frame it came in; copy what you keep for
/// long.
struct ChunkOutput {
  ChunkId id;
  Result<Blob> output;
  Micros took{0};  ///< its time on the device; 0 when not measured
};

/// How a reader wants its outputs.
enum class Order : std::uint8_t {
  arrival,   ///< as they finish
  chunk_id,  ///< ascending by chunk id, without waiting for ids that were never submitted: needs every id up to the next one, or the job's
             ///< end
};

/// A job's outputs as they finish, each of its chunks exactly once. Made by `Job::outputs`; one thread reads it at a time.
///
/// An output is deleted at the broker only once the caller has come back for the next one (or has called `taken`), so what a killed program
/// had not handled is delivered again to the next reader. A caller that stops reading stops the flow: the library holds at most the read
/// window of `ClientOptions`, in `Order::chunk_id` at most what is missing an earlier chunk on top. The newest reader of a job gets its
/// outputs.
class Outputs {
 public:
  Outputs(Outputs&&) noexcept;
  Outputs& operator=(Outputs&&) noexcept;
  ~Outputs();

  /// The next output; nothing when the job has ended and everything was read.
  /// Errors: `timeout`, `interrupted`, `jobs_lost`, `disconnected` (the client was closed).
  Result<std::optional<ChunkOutput>> next(Millis timeout = kForever);

  /// All outputs that are there, at least one; an empty span when the job has ended and everything was read. Allocates nothing per chunk.
  /// The span lives until the next call on this object. Mixing with `next` is fine.
  Result<std::span<const ChunkOutput>> next_batch(Millis timeout = kForever);

  /// Says that everything handed out so far is handled, without asking for more.
  void taken();

 private:
  friend class Job;
  struct State;
  explicit Outputs(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sublet
