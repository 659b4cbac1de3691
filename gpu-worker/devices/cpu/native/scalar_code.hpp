#pragma once

// The part of a run's code that goes once for all lanes: first lanes' values, where accesses go, and whether the run is possible at all.

#include <map>

#include "gpu-worker/devices/cpu/native/run_code.hpp"

namespace sublet::cpu::native {

class ScalarCode {
 public:
  ScalarCode(asmjit::x86::Compiler& code, const RunContext& context, const asmjit::x86::Gp& call, const asmjit::Label& give_up);

  void emit(const Item& item);
  /// That no store's row lies across that of another access.
  void emit_apart();

  /// The first lane's value, in 64 bits whose upper part is zero where the slot is narrower.
  const asmjit::x86::Gp& first_lane(Slot slot);
  /// Where the first lane's memory is.
  [[nodiscard]] const asmjit::x86::Gp& host_of(std::uint32_t step) const { return rows_[row_of_step_.at(step)].host; }
  [[nodiscard]] const asmjit::x86::Gp& registers() const { return registers_; }

 private:
  struct Row {
    asmjit::x86::Gp host;
    std::uint32_t bytes = 0;  ///< of a lane
    bool store = false;
    Space space = Space::generic;
    // What its address is made of.
    std::uint32_t address_id = 0;
    std::uint64_t offset = 0;
  };

  void step(const Item& item);
  void compare(const Step& step);
  void keep_in_range(Slot slot, Type type);
  void agree(const Item& item);
  void access(const Item& item);
  asmjit::x86::Gp widen(const asmjit::x86::Gp& narrow, const Shape& shape, bool is_signed);
  asmjit::x86::Gp factor(Slot slot, Type type);
  asmjit::x86::Gp comparison(const Step& step, bool last);
  asmjit::x86::Gp call_for_host(const Item& item, const Access& access, const asmjit::x86::Gp& address);
  void keep_apart(const Row& store, const Row& other);
  void set(const Item& item, Slot to, const asmjit::x86::Gp& value);

  asmjit::x86::Compiler& code_;
  const RunContext& context_;
  asmjit::x86::Gp call_;
  asmjit::Label give_up_;
  asmjit::x86::Gp registers_;
  std::map<std::uint32_t, asmjit::x86::Gp> values_;
  Shapes shapes_;
  std::vector<Row> rows_;
  std::map<std::uint32_t, std::size_t> row_of_step_;
};

}  // namespace sublet::cpu::native
