#include "gpu-worker/devices/cpu/run/lane_addresses.hpp"

namespace sublet::cpu {

LaneAddresses::LaneAddresses(const AddressOperand& operand, const RegisterFile& registers, LaneRun run, const BlockMemory& memory,
                             std::uint32_t bytes)
    : first_(address_of(operand, registers, run.first)) {
  if (!operand.base) {
    survey_.bits = static_cast<std::uint32_t>(operand.offset);
    return;
  }
  const AddressQuery query{
      .addresses = registers.of(*operand.base, run.first), .count = run.count(), .offset = operand.offset, .stride = bytes};
  survey_ = memory.functions_for(operand.base->width).survey(query, behind_.data(), groups_.data());
}

}  // namespace sublet::cpu
