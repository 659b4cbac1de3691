#pragma once

#include <cstdint>

namespace sublet::cpu {

/// When native code is made for a program's blocks.
enum class NativeUse : std::uint8_t {
  never,
  when_worth,  ///< once there was so much to do that making it will have paid
  always,
};

}  // namespace sublet::cpu
