#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "gpu-worker/devices/cpu/ptx/token_stream.hpp"
#include "gpu-worker/devices/cpu/ptx/type.hpp"

namespace sublet::cpu {

/// That a block of threads may have, static and dynamic together.
inline constexpr std::uint64_t kMostSharedBytes = 227ULL << 10U;

/// A variable or a parameter as it is declared: ".align 16 .b8 name[48]", ".u64 .ptr .global .align 1 name", ".v4 .f32 name".
struct Declared {
  Type type = Type::none;
  std::uint32_t align = 1;
  std::string_view name;
  std::uint64_t count = 1;
  bool array = false;
  bool pointer = false;  ///< .ptr

  /// Its bytes; more than any limit when that is not a number of 32 bits.
  [[nodiscard]] std::uint64_t size() const { return std::min<std::uint64_t>(count, 1ULL << 40U) * width_of(type); }
};

/// Reads everything up to and without what may follow: "=", "," or ";". What is wrong is left in the stream.
/// @param what  "a variable", for messages
Declared read_declaration(TokenStream& tokens, std::string_view what);

/// The next place at or after `offset` that is a multiple of `align`.
constexpr std::uint64_t aligned_up(std::uint64_t offset, std::uint64_t align) { return (offset + align - 1) / align * align; }

}  // namespace sublet::cpu
