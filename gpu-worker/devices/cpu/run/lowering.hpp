#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "gpu-worker/devices/cpu/ptx/ir.hpp"
#include "gpu-worker/devices/cpu/run/program.hpp"
#include "gpu-worker/devices/cpu/run/slots.hpp"

namespace sublet::cpu {

struct LoweringContext {
  Module& module;
  const Kernel& kernel;
  std::span<const std::uint64_t> variable_addresses;
  bool wide = false;
};

/// Turns a kernel's instructions into steps, one after another.
class Lowering {
 public:
  Lowering(const LoweringContext& context, Program& program, Slots& slots) : context_(context), program_(program), slots_(slots) {}

  void lower(const Instruction& instruction);
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  /// What an instruction reads: operand `i` as a value of `type`; a register may be wider only where `narrow` allows.
  Slot read(std::size_t i, Type type, bool narrow = false);
  Slot read(const Operand& operand, Type type, bool narrow);
  Slot read_register(const Operand& operand, Type type, bool narrow);
  Slot read_special(const Operand& operand, Type type);
  Slot read_immediate(const Operand& operand, Type type);
  /// Where operand `i` goes as a value of `type`; into a wider register only where `widen` allows.
  Slot write(std::size_t i, Type type, bool widen = false);
  Slot write(const Operand& operand, Type type, bool widen);

  void emit(const LaneKey& key, Slot to, Slot a = {}, Slot b = {}, Slot c = {});
  [[nodiscard]] LaneKey key(Lane lane, Type type) const;

  void dispatch();
  /// The destination, then as many sources, all of the instruction's type.
  void uniform(Lane lane, std::size_t sources);
  void integer_or_float_product(bool add);
  void shift(Lane lane);
  void shift_funnel();
  void insert_field();
  void extract_field();
  void count_bits(Lane lane);
  void logic3();
  void convert();
  void compare_to_predicate();
  void compare_to_register();
  Slot compare(std::size_t first, bool complement);
  void combine(Slot to, Slot compared, std::size_t operand);
  void select();
  void select_by_sign();
  void move();
  void move_value(Type type);
  void pack();
  void unpack();
  void load();
  void load_parameter();
  void store();
  Access access(const Operand& address, const Operand& values);
  void finish_steps();
  bool try_alias(const Operand& to, Slot from, Type type);

  bool expect_operands(std::size_t least, std::size_t most);
  bool expect_operands(std::size_t count) { return expect_operands(count, count); }
  void unsupported();
  void unsupported(std::string what);
  void fail(std::string what);
  void note_source(Lifetime lifetime) { sources_ = std::min(sources_, lifetime); }
  [[nodiscard]] const Operand& operand(std::size_t i) const { return current_->operands[i]; }

  LoweringContext context_;
  Program& program_;
  Slots& slots_;
  std::optional<Error> error_;

  // Of the instruction being lowered.
  const Instruction* current_ = nullptr;
  std::vector<Step> made_;
  /// Copies out of scratch into a register, behind everything else.
  std::vector<Step> after_;
  std::vector<std::uint32_t> destinations_;
  Lifetime sources_ = Lifetime::launch;
  bool refused_ = false;
  bool movable_ = true;  ///< may run once per launch when its sources last that long
};

}  // namespace sublet::cpu
