#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "gpu-worker/devices/cpu/ptx/ir.hpp"
#include "gpu-worker/devices/cpu/run/program.hpp"

namespace sublet::cpu {

/// How long a slot keeps its value.
enum class Lifetime : std::uint8_t {
  changing,  ///< any instruction may write it
  block,     ///< set once per block of threads
  launch,    ///< set once per launch, the same for every block
};

/// Gives out a kernel's slots: to registers as they are met, to constants, parameters and special registers once each.
class Slots {
 public:
  Slots(const Kernel& kernel, Program& program);

  Slot fresh(std::uint32_t width);
  /// For values that live within one instruction. All are free again after `release_scratch`.
  Slot scratch(std::uint32_t width);
  void release_scratch();

  Slot of_register(std::uint32_t reg);
  [[nodiscard]] bool is_met(std::uint32_t reg) const { return registers_[reg].width != 0; }
  [[nodiscard]] Lifetime lifetime_of_register(std::uint32_t reg) const { return lifetimes_[reg]; }
  void set_lifetime(std::uint32_t reg, Lifetime lifetime) { lifetimes_[reg] = lifetime; }
  /// Lets a register that was not met yet stand where `slot` does.
  void alias(std::uint32_t reg, Slot slot, Lifetime lifetime);

  /// The carry of add.cc and its like.
  Slot carry();
  /// Everything that instructions write: registers and scratch.
  [[nodiscard]] const std::vector<Slot>& written() const { return written_; }

  Slot constant(std::uint64_t bits, std::uint32_t width);
  Slot parameter(std::uint32_t offset, Type type, std::uint32_t width);
  Slot special(SpecialRegister special);

 private:
  const Kernel& kernel_;
  Program& program_;
  std::vector<Slot> registers_;
  std::vector<Lifetime> lifetimes_;
  std::vector<Slot> written_;
  std::optional<Slot> carry_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, Slot> constants_;
  std::map<std::tuple<std::uint32_t, Type, std::uint32_t>, Slot> parameters_;
  std::map<SpecialRegister, Slot> specials_;
  struct Scratch {
    std::vector<Slot> slots;
    std::size_t used = 0;
  };
  std::map<std::uint32_t, Scratch> scratch_;
};

/// %ctaid differs from block to block; %tid and everything about the launch does not.
Lifetime lifetime_of(SpecialRegister special);

/// Whether reading it twice gives two values.
bool is_time(SpecialRegister special);

}  // namespace sublet::cpu
