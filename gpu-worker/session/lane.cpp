#include "gpu-worker/session/lane.hpp"

#include <algorithm>

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

Result<void> Lane::begin(Session& session, Plan& plan, std::span<const ModuleId> modules, const ChunkBytes& bytes, bool traced,
                         Traffic& traffic) {
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
  bind(**chunk, modules);
  auto queued = session.pass(stream_, {.input = buffers_[plan.input_buffer()],
                                       .from = bytes.input,
                                       .launches = launches_,
                                       .output = buffers_[plan.output_buffer()],
                                       .into = bytes.output.first(output_bytes_),
                                       .traced = traced});
  if (queued) {
    traffic.to_device += bytes.input.size();
    traffic.from_device += output_bytes_;
  } else if (queued.error().code != ErrorCode::session_lost) {
    // What was queued before the refusal still uses the chunk's bytes.
    if (auto synced = session.sync(stream_); !synced) {
      return synced;
    }
  }
  return queued;
}

void Lane::bind(const ChunkPlan& chunk, std::span<const ModuleId> modules) {
  launches_.clear();
  arguments_.resize(std::max(arguments_.size(), chunk.launches.size()));
  for (const PlannedLaunch& planned : chunk.launches) {
    launches_.push_back({.module = modules[planned.module],
                         .kernel = planned.kernel,
                         .grid = planned.grid,
                         .block = planned.block,
                         .shared_bytes = planned.shared_bytes,
                         .args = bind_handles(planned, buffers_, arguments_[launches_.size()]),
                         .arg_sizes = planned.arg_sizes});
  }
}

Result<std::uint32_t> Lane::finish(Session& session) const {
  if (auto synced = session.sync(stream_); !synced) {
    return std::unexpected(synced.error());
  }
  return output_bytes_;
}

}  // namespace sublet::session
