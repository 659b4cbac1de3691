#pragma once

#include <cstdint>

namespace sublet::cpu {

// Where generic addresses point to what is not global memory. All of it lies below the windows of sessions, and far from 0.

inline constexpr std::uint64_t kSharedWindow = 1ULL << 40U;
inline constexpr std::uint64_t kLocalWindow = 2ULL << 40U;
inline constexpr std::uint64_t kParameterWindow = 3ULL << 40U;
inline constexpr std::uint64_t kFunctionWindow = 4ULL << 40U;
/// No window is larger.
inline constexpr std::uint64_t kWindowBytes = 1ULL << 32U;
/// Between the addresses of two functions.
inline constexpr std::uint64_t kFunctionStride = 16;

constexpr bool is_in_window(std::uint64_t address, std::uint64_t window) { return address - window < kWindowBytes; }

}  // namespace sublet::cpu
