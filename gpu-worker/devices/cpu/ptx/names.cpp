#include "gpu-worker/devices/cpu/ptx/names.hpp"

#include <array>
#include <charconv>
#include <ranges>

namespace sublet::cpu {

bool RegisterNames::declare(std::string_view name, std::uint32_t first_register, std::uint32_t count, bool range) {
  Scope& scope = scopes_.back();
  if (range) {
    return scope.ranges.try_emplace(name, Entry{.first = first_register, .count = count}).second;
  }
  return scope.single.try_emplace(name, first_register).second;
}

std::optional<std::uint32_t> RegisterNames::find(std::string_view name) const {
  std::size_t digits = name.size();
  while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') {
    --digits;
  }
  std::uint32_t number = 0;
  // "%r01" is not a member of %r<7>, "%r0" is.
  const bool numbered = digits < name.size() && (name[digits] != '0' || digits + 1 == name.size()) &&
                        std::from_chars(name.data() + digits, name.data() + name.size(), number).ec == std::errc();
  for (const Scope& scope : std::views::reverse(scopes_)) {
    if (const auto found = scope.single.find(name); found != scope.single.end()) {
      return found->second;
    }
    if (numbered) {
      const auto found = scope.ranges.find(name.substr(0, digits));
      if (found != scope.ranges.end() && number < found->second.count) {
        return found->second.first + number;
      }
    }
  }
  return std::nullopt;
}

std::optional<SpecialRegister> special_register_named(std::string_view name) {
  // In the order of SpecialRegister.
  constexpr std::array<std::string_view, kSpecialRegisters> kNames = {
      "%tid.x",          "%tid.y",       "%tid.z",       "%ntid.x",         "%ntid.y",         "%ntid.z",
      "%ctaid.x",        "%ctaid.y",     "%ctaid.z",     "%nctaid.x",       "%nctaid.y",       "%nctaid.z",
      "%laneid",         "%warpid",      "%nwarpid",     "%smid",           "%nsmid",          "%gridid",
      "%lanemask_eq",    "%lanemask_lt", "%lanemask_le", "%lanemask_gt",    "%lanemask_ge",    "%clock",
      "%clock_hi",       "%clock64",     "%globaltimer", "%globaltimer_lo", "%globaltimer_hi", "%dynamic_smem_size",
      "%total_smem_size"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) {
      return static_cast<SpecialRegister>(i);
    }
  }
  return std::nullopt;
}

}  // namespace sublet::cpu
