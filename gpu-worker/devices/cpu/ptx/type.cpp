#include "gpu-worker/devices/cpu/ptx/type.hpp"

#include <array>

namespace sublet::cpu {

namespace {
constexpr std::array<std::string_view, 20> kNames = {"none", "pred", "b8",  "b16", "b32", "b64",  "u8",    "u16",    "u32", "u64",
                                                     "s8",   "s16",  "s32", "s64", "f16", "bf16", "f16x2", "bf16x2", "f32", "f64"};
}  // namespace

std::optional<Type> type_named(std::string_view name) {
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    if (kNames[i] == name) {
      return static_cast<Type>(i);
    }
  }
  return std::nullopt;
}

std::string_view name_of(Type type) { return kNames[static_cast<std::size_t>(type)]; }

}  // namespace sublet::cpu
