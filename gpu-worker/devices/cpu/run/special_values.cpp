#include "gpu-worker/devices/cpu/run/special_values.hpp"

#include "gpu-worker/devices/cpu/run/warp_exchange.hpp"

namespace sublet::cpu {

std::uint32_t special_of_lane(const LaunchState& launch, SpecialRegister special, std::uint32_t lane) {
  const Extent& block = launch.block;
  const std::uint32_t in_warp = lane % kWarpLanes;
  switch (special) {
    case SpecialRegister::tid_x:
      return lane % block[0];
    case SpecialRegister::tid_y:
      return lane / block[0] % block[1];
    case SpecialRegister::tid_z:
      return lane / block[0] / block[1];
    case SpecialRegister::ntid_x:
      return block[0];
    case SpecialRegister::ntid_y:
      return block[1];
    case SpecialRegister::ntid_z:
      return block[2];
    case SpecialRegister::nctaid_x:
      return launch.grid[0];
    case SpecialRegister::nctaid_y:
      return launch.grid[1];
    case SpecialRegister::nctaid_z:
      return launch.grid[2];
    case SpecialRegister::laneid:
      return in_warp;
    case SpecialRegister::warpid:
      return lane / kWarpLanes;
    case SpecialRegister::nwarpid:
      return launch.warps();
    case SpecialRegister::nsmid:
      return 1;
    case SpecialRegister::lanemask_eq:
      return 1U << in_warp;
    case SpecialRegister::lanemask_lt:
      return (1U << in_warp) - 1;
    case SpecialRegister::lanemask_le:
      return (2U << in_warp) - 1;
    case SpecialRegister::lanemask_gt:
      return ~((2U << in_warp) - 1);
    case SpecialRegister::lanemask_ge:
      return ~((1U << in_warp) - 1);
    case SpecialRegister::dynamic_smem_size:
      return launch.shared_bytes;
    case SpecialRegister::total_smem_size:
      return launch.program.shared_bytes + launch.shared_bytes;
    default:
      return 0;
  }
}

std::uint32_t special_of_block(const LaunchState& launch, SpecialRegister special, std::uint64_t block) {
  const Extent& grid = launch.grid;
  switch (special) {
    case SpecialRegister::ctaid_y:
      return static_cast<std::uint32_t>(block / grid[0] % grid[1]);
    case SpecialRegister::ctaid_z:
      return static_cast<std::uint32_t>(block / grid[0] / grid[1]);
    default:
      return static_cast<std::uint32_t>(block % grid[0]);
  }
}

}  // namespace sublet::cpu
