#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/error.hpp"
#include "gpu-worker/core/plan.hpp"
#include "gpu-worker/device.hpp"

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
  static Result<Lane> open(Session& session, StreamId stream, const Plan& plan);

  /// Queues everything that the chunk needs and waits for nothing. The bytes must stay until `finish`. An error that is the chunk's own
  /// leaves the lane free: `finish` is not to be called.
  /// @param traced  which kernel fails has to be told exactly
  Result<void> begin(Session& session, Plan& plan, std::span<const ModuleId> modules, const ChunkBytes& bytes, bool traced,
                     Traffic& traffic);
  /// Waits until the chunk is through. Its output's length.
  Result<std::uint32_t> finish(Session& session) const;

 private:
  Lane() = default;
  void bind(const ChunkPlan& chunk, std::span<const ModuleId> modules);

  StreamId stream_;
  std::vector<MemHandle> buffers_;
  /// The chunk's launches, and the bytes of each one's arguments.
  std::vector<Launch> launches_;
  std::vector<std::vector<std::byte>> arguments_;
  std::uint32_t output_bytes_ = 0;
};

}  // namespace sublet::session
