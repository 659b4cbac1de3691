#include <vector>

#include "bench/card/figures.hpp"
#include "common/io/clock.hpp"
#include "gpu-worker/core/plan.hpp"
#include "gpu-worker/devices/cuda/device.hpp"
#include "gpu-worker/session/lane.hpp"

namespace sublet::bench {

double lanes_rate(const Burst& burst, bool graphs) {
  const auto device = must(make_cuda_device({.card = 0, .cache = {}, .graphs = graphs}));
  Plan plan = must(make_plan(burst.video, burst.segment_bytes));
  std::vector<std::byte> memory(2 * burst.lanes * burst.segment_bytes, std::byte{255});
  const auto session = must(device->open_session({.slice = {plan.lane_bytes().count * burst.lanes}}));
  session->pin_host(memory);
  while (!session->is_pinning_done()) {
  }
  const auto resources = must(session::Resources::load(*session, burst.video, session::HostFunctions()));
  std::vector<session::Lane> lanes;
  std::vector<session::ChunkBytes> places;
  for (std::size_t i = 0; i < burst.lanes; ++i) {
    lanes.push_back(must(session::Lane::open(*session, i == 0 ? StreamId{} : must(session->stream_create()), plan, resources)));
    const std::span<std::byte> place = std::span(memory).subspan(2 * i * burst.segment_bytes, 2 * burst.segment_bytes);
    places.push_back({.input = place.first(burst.segment_bytes), .output = place.last(burst.segment_bytes)});
  }
  session::Traffic traffic;
  const Instant begin = io::now();
  std::size_t done = 0;
  for (; io::now() - begin < burst.duration; ++done) {
    const std::size_t lane = done % lanes.size();
    if (done >= lanes.size()) {
      must(lanes[lane].finish(*session, plan, traffic));
    }
    must(lanes[lane].begin(*session, plan, places[lane], false, traffic));
  }
  for (session::Lane& lane : lanes) {
    must(lane.finish(*session, plan, traffic));
  }
  return static_cast<double>(done) / std::chrono::duration<double>(io::now() - begin).count();
}

}  // namespace sublet::bench
