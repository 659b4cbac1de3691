#include "gpu-worker/devices/cpu/fault_text.hpp"

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/run/address_space.hpp"

namespace sublet::cpu {

namespace {

std::string access_text(const Fault& fault) {
  std::uint64_t address = fault.address;
  const char* memory = "the session's buffers";
  if (is_in_window(address, kLocalWindow)) {
    memory = "the thread's local memory";
  } else if (address < kWindowBytes || is_in_window(address, kSharedWindow)) {
    memory = "the session's buffers, and of the block's shared memory";
  }
  const char* const why = fault.kind == Fault::Kind::misaligned ? "which is not aligned to them" : "outside of";
  return fmt::format("{} {} bytes at {:#x}, {}{}{}", fault.store ? "writes" : "reads", fault.bytes, address, why,
                     fault.kind == Fault::Kind::misaligned ? "" : " ", fault.kind == Fault::Kind::misaligned ? "" : memory);
}

}  // namespace

std::string fault_text(const Fault& fault, const LaunchState& launch) {
  if (fault.kind == Fault::Kind::timeout) {
    return fmt::format("it was still running in block {} at the time limit", place_in(launch.grid, fault.block));
  }
  const std::string thread = fmt::format("thread {} of block {}", place_in(launch.block, fault.thread), place_in(launch.grid, fault.block));
  const std::string line = fmt::format("(line {} of the PTX)", fault.line);
  switch (fault.kind) {
    case Fault::Kind::trap:
      return fmt::format("{} reached a trap {}", thread, line);
    case Fault::Kind::assertion:
      return fmt::format("{}: {} {}", thread, fault.text, line);
    case Fault::Kind::deadlock:
      return fmt::format("{} waits for threads that never come, and so do all others of its block {}", thread, line);
    case Fault::Kind::stack:
      return fmt::format("{} calls functions deeper than its local memory has room for {}", thread, line);
    case Fault::Kind::bad_call:
      return fmt::format("{} calls a function at {:#x}, where there is none {}", thread, fault.address, line);
    default:
      return fmt::format("{} {} {}", thread, access_text(fault), line);
  }
}

}  // namespace sublet::cpu
