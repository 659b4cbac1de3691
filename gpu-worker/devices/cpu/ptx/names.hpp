#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gpu-worker/devices/cpu/ptx/ir.hpp"

namespace sublet::cpu {

/// The names of a kernel's body: registers in nested scopes, ".reg .b32 %r<7>" as one entry for all seven.
class RegisterNames {
 public:
  void enter() { scopes_.emplace_back(); }
  void leave() { scopes_.pop_back(); }

  /// Declares `name`, or the `count` names `name`0 … when `range`. False when the innermost scope has it already.
  bool declare(std::string_view name, std::uint32_t first_register, std::uint32_t count, bool range);
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const;

 private:
  struct Entry {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  struct Scope {
    std::unordered_map<std::string_view, std::uint32_t> single;
    std::unordered_map<std::string_view, Entry> ranges;
  };
  std::vector<Scope> scopes_;
};

/// "%tid.x", "%clock64" … Nothing for a special register that this device lacks.
std::optional<SpecialRegister> special_register_named(std::string_view name);

}  // namespace sublet::cpu
