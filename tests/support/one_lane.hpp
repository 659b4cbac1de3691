#pragma once

// A pipeline on a device, a chunk at a time.

#include <algorithm>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/pipeline/pipeline.hpp"
#include "gpu-worker/core/plan.hpp"
#include "gpu-worker/device.hpp"
#include "gpu-worker/session/lane.hpp"
#include "gpu-worker/session/resources.hpp"

namespace sublet::test {

using Output = std::vector<std::byte>;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(to_text(result.error()));
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// One lane of one session, as a session process drives it. What fails throws with the error's text.
class OneLane {
 public:
  OneLane(Device& device, const Bundle& bundle, std::uint64_t max_chunk_bytes, const session::HostFunctions& functions = {})
      : plan_(must(make_plan(bundle, max_chunk_bytes))),
        memory_(max_chunk_bytes + must(output_room(bundle.pipeline, max_chunk_bytes))),
        session_(must(device.open_session({.slice = must(lease_bytes(bundle, max_chunk_bytes)), .kernel_time_limit = plan_.time_limit()}))),
        lane_(open(bundle, functions)) {
    session_->pin_host(memory_);
    while (!session_->is_pinning_done()) {
    }
  }

  Output run(ByteView input, bool traced = false) {
    const auto output = std::span(memory_).subspan(plan_.max_chunk_bytes());
    const auto room = std::span(memory_).first(std::min<std::size_t>(input.size(), plan_.max_chunk_bytes()));
    std::ranges::copy(input.first(room.size()), room.begin());
    must(
        lane_.begin(*session_, plan_, {.input = input.size() == room.size() ? ByteView(room) : input, .output = output}, traced, traffic_));
    const auto bytes = must(lane_.finish(*session_, plan_, traffic_));
    return {output.begin(), output.begin() + bytes};
  }

  /// Residents included.
  [[nodiscard]] const session::Traffic& traffic() const { return traffic_; }

 private:
  session::Lane open(const Bundle& bundle, const session::HostFunctions& functions) {
    const auto resources = must(session::Resources::load(*session_, bundle, functions));
    traffic_.to_device += resources.uploaded_bytes;
    return must(session::Lane::open(*session_, {}, plan_, resources));
  }

  session::Traffic traffic_;
  Plan plan_;
  std::vector<std::byte> memory_;
  std::unique_ptr<Session> session_;
  session::Lane lane_;
};

/// Why the lane refuses that chunk.
template <class Lane>
std::string refusal_by(Lane& lane, ByteView input) {
  try {
    static_cast<void>(lane.run(input));
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "(was not refused)";
}

}  // namespace sublet::test
