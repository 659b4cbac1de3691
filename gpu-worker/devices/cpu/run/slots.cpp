#include "gpu-worker/devices/cpu/run/slots.hpp"

namespace sublet::cpu {

Slots::Slots(const Kernel& kernel, Program& program)
    : kernel_(kernel), program_(program), registers_(kernel.registers.size()), lifetimes_(kernel.registers.size(), Lifetime::changing) {}

Slot Slots::fresh(std::uint32_t width) {
  const Slot slot{.unit = program_.register_bytes, .width = width};
  program_.register_bytes += width;
  return slot;
}

Slot Slots::scratch(std::uint32_t width) {
  Scratch& pool = scratch_[width];
  if (pool.used == pool.slots.size()) {
    pool.slots.push_back(fresh(width));
    written_.push_back(pool.slots.back());
  }
  return pool.slots[pool.used++];
}

void Slots::release_scratch() {
  for (auto& [width, pool] : scratch_) {
    pool.used = 0;
  }
}

Slot Slots::of_register(std::uint32_t reg) {
  if (!is_met(reg)) {
    registers_[reg] = fresh(width_of(kernel_.registers[reg].type));
    written_.push_back(registers_[reg]);
  }
  return registers_[reg];
}

Slot Slots::carry() {
  if (!carry_) {
    carry_ = fresh(1);
    written_.push_back(*carry_);
  }
  return *carry_;
}

void Slots::alias(std::uint32_t reg, Slot slot, Lifetime lifetime) {
  registers_[reg] = slot;
  lifetimes_[reg] = lifetime;
}

Slot Slots::constant(std::uint64_t bits, std::uint32_t width) {
  const auto [found, added] = constants_.try_emplace({bits, width});
  if (added) {
    found->second = fresh(width);
    program_.constants.push_back({.slot = found->second, .bits = bits});
  }
  return found->second;
}

Slot Slots::parameter(std::uint32_t offset, Type type, std::uint32_t width) {
  const auto [found, added] = parameters_.try_emplace({offset, type, width});
  if (added) {
    found->second = fresh(width);
    program_.parameter_loads.push_back({.slot = found->second, .offset = offset, .type = type});
  }
  return found->second;
}

Slot Slots::special(SpecialRegister special) {
  const auto [found, added] = specials_.try_emplace(special);
  if (added) {
    found->second = fresh(width_of(type_of(special)));
    auto& loads = lifetime_of(special) == Lifetime::block ? program_.block_specials : program_.launch_specials;
    loads.push_back({.slot = found->second, .special = special});
  }
  return found->second;
}

Lifetime lifetime_of(SpecialRegister special) {
  switch (special) {
    case SpecialRegister::ctaid_x:
    case SpecialRegister::ctaid_y:
    case SpecialRegister::ctaid_z:
      return Lifetime::block;
    default:
      return Lifetime::launch;
  }
}

bool is_time(SpecialRegister special) {
  switch (special) {
    case SpecialRegister::clock:
    case SpecialRegister::clock_hi:
    case SpecialRegister::clock64:
    case SpecialRegister::globaltimer:
    case SpecialRegister::globaltimer_lo:
    case SpecialRegister::globaltimer_hi:
      return true;
    default:
      return false;
  }
}

}  // namespace sublet::cpu
