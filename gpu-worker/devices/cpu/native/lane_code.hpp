#pragma once

// The part of a run's code that goes over the lanes by eights.

#include <map>
#include <vector>

#include "gpu-worker/devices/cpu/native/run_code.hpp"
#include "gpu-worker/devices/cpu/native/scalar_code.hpp"

namespace sublet::cpu::native {

/// Eight lanes of a kind between memory and vector registers.
void load_lanes_of(asmjit::x86::Compiler& code, Kind kind, const Value& to, asmjit::x86::Mem from);
void store_lanes_of(asmjit::x86::Compiler& code, Kind kind, const Value& from, asmjit::x86::Mem to);

class LaneCode {
 public:
  /// @param results  the first lane of what each item made, where it is a scalar
  LaneCode(asmjit::x86::Compiler& code, const RunContext& context, ScalarCode& scalars, const std::vector<asmjit::x86::Gp>& results);

  /// The whole loop.
  void emit(const Trace& trace, const SlotSet& live);

 private:
  /// A scalar as eight lanes, and by how much they grow from eight to eight.
  struct Counted {
    Value value;
    Kind kind = Kind::none;
    std::int64_t stride = 0;
  };
  struct Known {
    Value value;
    Kind kind = Kind::none;
    /// A scalar's item, while nobody has asked for its lanes.
    std::optional<std::size_t> item = {};
  };

  void emit_item(const Trace& trace, std::size_t index);
  void step(const Step& step, const NativeForm& form);
  void load(const Item& item);
  void store(const Item& item);
  void write_back(const SlotSet& live);
  void count_on();
  Value lanes_of(Slot slot, Kind kind);
  Value spread(std::size_t item);
  [[nodiscard]] asmjit::x86::Mem in_registers(Slot slot) const;
  [[nodiscard]] asmjit::x86::Mem in_row(const asmjit::x86::Gp& host, std::uint32_t bytes) const;
  void resize(const StepForm& form, const Value& to, const Value& from);

  asmjit::x86::Compiler& code_;
  const RunContext& context_;
  ScalarCode& scalars_;
  const std::vector<asmjit::x86::Gp>& results_;
  const Trace* trace_ = nullptr;
  asmjit::x86::Gp lane_;
  asmjit::BaseNode* before_loop_ = nullptr;
  std::map<std::uint32_t, Known> known_;
  std::map<std::uint32_t, Slot> written_;
  std::map<std::size_t, Counted> counted_;
};

}  // namespace sublet::cpu::native
