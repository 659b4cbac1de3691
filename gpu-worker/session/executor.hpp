#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "common/error.hpp"
#include "common/time.hpp"
#include "gpu-worker/core/plan.hpp"
#include "gpu-worker/device.hpp"
#include "gpu-worker/ring/session_end.hpp"
#include "gpu-worker/session/lane.hpp"
#include "gpu-worker/session/references.hpp"
#include "gpu-worker/session/run_in_hand.hpp"
#include "gpu-worker/session/shared_device.hpp"

namespace sublet::session {

/// Why the loop ended.
enum class Ended : std::uint8_t {
  closed,                    ///< as the agent asked
  over,                      ///< the lease's deadline has passed, or the agent is gone
  device_broken,             ///< by a `sync_failed` or `kernel_timeout` of this lease: only a new process can go on
  device_broken_by_other,    ///< by another lease's, which tells
  device_broken_by_someone,  ///< by one of several chunks: the process has to end without a word, which makes suspects of them all
};

/// The live state under a lease: modules and buffers loaded once, lanes that chunks pass through in order. While the oldest chunk is waited
/// for, the other lanes' chunks are queued on the device already, whatever runs they belong to.
class Executor {
 public:
  /// Makes the plan, opens the session, loads the modules and allocates every lane's buffers.
  /// @param command  `start`, with the bundle in its block
  static Result<Executor> start(ring::SessionEnd& end, SharedDevice& device, const ring::Command& command);

  /// Runs what comes until the lease is closed or over, or the device is broken. `protocol_error` for commands that cannot be.
  Result<Ended> serve();

  [[nodiscard]] Bytes bytes_at_peak() const { return session_->bytes_at_peak(); }

 private:
  struct InFlight {
    RunInHand* run = nullptr;
    std::uint32_t chunk = 0;
    std::span<std::byte> answer;  ///< where the reference to its output goes
    Referred referred;
  };

  Executor(ring::SessionEnd& end, SharedDevice& device, std::unique_ptr<Session> session, Plan plan);
  Result<ChunkBytes> place(InFlight& chunk, const ChunkBytes& bytes);
  Result<void> load(const Bundle& bundle, std::uint32_t lanes);

  Result<bool> begin_next();
  Result<RunInHand*> run_to_begin();
  Result<void> begin_chunk(RunInHand& run);
  Result<void> refuse_chunk(RunInHand& run, std::uint32_t chunk, const Error& error);
  Result<void> finish_oldest();
  Result<void> finish_all();
  Result<void> break_down(RunInHand& run, std::uint32_t chunk, const Error& error, Micros took);
  [[nodiscard]] Ended find_broken(bool certain);
  void landed();
  [[nodiscard]] bool must_stop() const;
  Result<void> answer_ended_runs();
  Result<void> answer(RunInHand& run);
  void show_oldest();

  ring::SessionEnd* end_;
  SharedDevice* device_;
  /// With a lease by reference; outlives the session, which has its memory locked.
  std::optional<References> references_;
  std::unique_ptr<Session> session_;
  Plan plan_;
  std::vector<Lane> lanes_;
  /// A ring over `lanes_`: the oldest chunk is on lane `oldest_`.
  std::vector<InFlight> in_flight_;
  std::size_t oldest_ = 0;
  std::size_t flying_ = 0;
  /// While chunks are in flight.
  std::optional<Gate::Pass> pass_;
  /// Runs without an answer, in order. A deque, since chunks in flight point at them.
  std::deque<RunInHand> runs_;
  Instant waiting_since_;
  Traffic traffic_;
  bool has_answered_ = false;  ///< a run
  bool closing_ = false;
  std::optional<Ended> ended_;
};

}  // namespace sublet::session
