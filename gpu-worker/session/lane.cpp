#include "gpu-worker/session/lane.hpp"

#include <fmt/format.h>

namespace sublet::session {

Result<Lane> Lane::open(Session& session, StreamId stream, const Plan& plan) {
  Lane lane;
  lane.stream_ = stream;
  for (const PlannedBuffer& buffer : plan.buffers()) {
    auto handle = session.mem_alloc(buffer.capacity);
    if (!handle) {
      return fail(handle.error().code,
                  fmt::format("buffer \"{}\" of {} bytes: {}", buffer.name, buffer.capacity.count, handle.error().detail));
    }
    lane.buffers_.push_back(*handle);
  }
  return lane;
}

Result<void> Lane::begin(Session& session, Plan& plan, std::span<const ModuleId> modules, const ChunkBytes& bytes, Traffic& traffic) {
  auto chunk = plan.chunk(bytes.input.size());
  if (!chunk) {
    return std::unexpected(chunk.error());
  }
  if ((*chunk)->output_bytes > bytes.output.size()) {
    return fail(ErrorCode::output_too_large,
                fmt::format("an output of {} bytes where the arena keeps {}: raise the pipeline's output_bytes", (*chunk)->output_bytes,
                            bytes.output.size()));
  }
  output_bytes_ = static_cast<std::uint32_t>((*chunk)->output_bytes);
  auto queued = queue(session, plan, **chunk, modules, bytes, traffic);
  if (!queued && queued.error().code != ErrorCode::session_lost) {
    // What was queued before the refusal still uses the chunk's bytes.
    if (auto synced = session.sync(stream_); !synced) {
      return synced;
    }
  }
  return queued;
}

Result<void> Lane::queue(Session& session, const Plan& plan, const ChunkPlan& chunk, std::span<const ModuleId> modules,
                         const ChunkBytes& bytes, Traffic& traffic) {
  if (!bytes.input.empty()) {
    if (auto written = session.mem_write(stream_, buffers_[plan.input_buffer()], 0, bytes.input); !written) {
      return written;
    }
    traffic.to_device += bytes.input.size();
  }
  for (const PlannedLaunch& planned : chunk.launches) {
    const Launch launch{.module = modules[planned.module],
                        .kernel = planned.kernel,
                        .grid = planned.grid,
                        .block = planned.block,
                        .shared_bytes = planned.shared_bytes,
                        .args = bind_handles(planned, buffers_, arguments_),
                        .arg_sizes = planned.arg_sizes};
    if (auto launched = session.launch(stream_, launch); !launched) {
      return launched;
    }
  }
  if (output_bytes_ == 0) {
    return {};
  }
  traffic.from_device += output_bytes_;
  return session.mem_read(stream_, buffers_[plan.output_buffer()], 0, bytes.output.first(output_bytes_));
}

Result<std::uint32_t> Lane::finish(Session& session) const {
  if (auto synced = session.sync(stream_); !synced) {
    return std::unexpected(synced.error());
  }
  return output_bytes_;
}

}  // namespace sublet::session
