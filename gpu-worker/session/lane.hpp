#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/error.hpp"
#include "common/time.hpp"
#include "gpu-worker/core/plan.hpp"
#include "gpu-worker/device.hpp"
#include "gpu-worker/session/host_functions.hpp"
#include "gpu-worker/session/resources.hpp"

namespace sublet::session {

/// Bytes between host and device, as counted where the copies are asked for.
struct Traffic {
  std::uint64_t to_device = 0;
  std::uint64_t from_device = 0;
};

/// Where one chunk's bytes lie.
struct ChunkBytes {
  ByteView input;
  std::span<std::byte> output;  ///< its whole place
};

/// One chunk in flight: a stream and a set of buffers, allocated once.
class Lane {
 public:
  /// @param stream  this lane's own
  static Result<Lane> open(Session& session, StreamId stream, const Plan& plan, const Resources& resources);

  /// Queues what the chunk needs, up to where a condition has to be looked at, and waits for nothing. The bytes must stay until `finish`.
  /// An error that is the chunk's own leaves the lane free: `finish` is not to be called.
  /// @param traced  which kernel fails has to be told exactly
  Result<void> begin(Session& session, Plan& plan, const ChunkBytes& bytes, bool traced, Traffic& traffic);
  /// Waits until the chunk is through, and looks at the conditions on its way. Its output's length. `not_converged` for a chunk whose
  /// condition never held, where the pipeline says that it has to.
  Result<std::uint32_t> finish(Session& session, Plan& plan, Traffic& traffic);

 private:
  /// What is queued last.
  enum class Reached : std::uint8_t { condition, host, lengths, end };

  Lane() = default;
  void bind(const ChunkPlan& chunk);
  Result<void> send_inputs(Session& session, const ChunkPlan& chunk, ByteView payload, Traffic& traffic);
  Result<Reached> queue(Session& session, Traffic& traffic);
  Result<Reached> queue_next(Session& session, Traffic& traffic);
  Result<Reached> queue_end(Session& session, Traffic& traffic);
  Result<void> queue_outputs(Session& session, Traffic& traffic);
  Result<void> settle_lengths();
  void repeat_part(const PlannedPart& part);
  void add_check(const PlannedPart& part);
  void next_part();
  Result<void> send(Session& session, MemHandle output, std::span<std::byte> into, Traffic& traffic);
  Result<Reached> queue_host_input(Session& session, Traffic& traffic);
  Result<Reached> queue_host_result(Session& session, Plan& plan, Nanos took, Traffic& traffic);
  Result<HostResult> call_host(Nanos took) const;
  Result<void> take_values(const HostResult& result, const Plan& plan);
  Result<void> take_segment(const ChunkPlan& segment);
  Result<Reached> queue_measured(Session& session, Traffic& traffic);
  Result<Reached> go_on(Session& session, Plan& plan, Nanos took, Traffic& traffic);
  Result<Reached> queue_on(Session& session, Nanos took, Traffic& traffic);
  template <class T>
  Result<T> emptied_unless(Result<T> queued, Session& session);

  StreamId stream_;
  std::vector<ModuleId> modules_;
  std::vector<HostFunction> functions_;  ///< of the stages of the host, in their order
  /// The lane's own, and behind them the residents.
  std::vector<MemHandle> buffers_;
  Millis time_limit_{};

  // The chunk.
  std::uint64_t n_ = 0;
  std::vector<double> variables_;
  MemHandle input_;            ///< the first of them
  ByteView from_;              ///< what goes there; empty once it is sent
  std::span<std::byte> room_;  ///< the output's whole place
  std::span<std::byte> into_;
  bool traced_ = false;
  std::size_t segment_ = 0;
  std::optional<PlannedHostStage> host_;  ///< what follows the segment's launches
  std::vector<std::byte> host_input_;     ///< what it gets
  std::vector<std::byte> host_result_;    ///< what the one before gave, until the device has it
  std::uint64_t host_bytes_ = 0;          ///< how much that is, for the device
  std::vector<Launch> launches_;
  /// Of each launch; they outlive the plan of the chunk, which is another lane's by then.
  std::vector<BoundArguments> arguments_;
  std::vector<PlannedPart> parts_;
  std::vector<PlannedOutput> outputs_;

  // How far it is queued.
  Reached reached_ = Reached::end;
  std::size_t part_ = 0;          ///< the part that is next
  std::size_t first_launch_ = 0;  ///< of that part, among `launches_`
  std::uint64_t times_ = 0;       ///< how often that part is queued
  std::vector<Launch> pass_;      ///< what is sent next
  std::array<std::byte, 8> value_{};
  std::vector<std::uint64_t> counts_;  ///< what the kernels say of each output
};

}  // namespace sublet::session
