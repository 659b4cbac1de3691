#include "gpu-worker/devices/cpu/run/lane_op.hpp"

namespace sublet::cpu {

namespace {

bool is_directed(Rounding rounding) { return rounding == Rounding::rz || rounding == Rounding::rm || rounding == Rounding::rp; }

std::uint8_t how_of(const LaneKey& key) {
  switch (key.lane) {
    case Lane::compare:
      return static_cast<std::uint8_t>(key.modifiers.compare);
    case Lane::convert:
      return static_cast<std::uint8_t>(key.modifiers.rounding);
    case Lane::min:
    case Lane::max:
      return key.modifiers.nan ? kNanForm : 0;
    case Lane::logic:
      return key.table;
    default:
      return key.modifiers.saturate ? kSaturatedForm : 0;
  }
}

}  // namespace

StepForm form_of(const LaneKey& key) {
  const Modifiers& asked = key.modifiers;
  const bool converts_saturated = key.lane == Lane::convert && asked.saturate;
  const bool approximate = key.lane == Lane::div && asked.approximate && !asked.full_range;
  if (asked.flush || asked.relu || converts_saturated || approximate || is_directed(asked.rounding) || is_half(key.type) ||
      is_half(key.from)) {
    return {};
  }
  return {.lane = key.lane, .type = key.type, .from = key.from, .how = how_of(key)};
}

}  // namespace sublet::cpu
