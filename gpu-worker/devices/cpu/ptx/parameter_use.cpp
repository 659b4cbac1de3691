#include "gpu-worker/devices/cpu/ptx/parameter_use.hpp"

#include <algorithm>
#include <span>

namespace sublet::cpu {

namespace {

/// A bit for each parameter.
using Parameters = std::uint64_t;

constexpr std::size_t kMostParameters = 64;
/// Values that go round a loop need another pass each; more than this no compiler writes.
constexpr int kMostPasses = 8;

class ParameterFlow {
 public:
  explicit ParameterFlow(const Kernel& kernel) : kernel_(kernel), carried_(kernel.registers.size()), uses_(kernel.parameters.size()) {}

  std::vector<ParameterUse> uses() {
    for (int pass = 0; pass < kMostPasses; ++pass) {
      changed_ = false;
      std::ranges::for_each(kernel_.instructions, [&](const Instruction& instruction) { carry(instruction); });
      if (!changed_) {
        break;
      }
    }
    std::ranges::for_each(kernel_.instructions, [&](const Instruction& instruction) { note_access(instruction); });
    keep_pointers();
    return uses_;
  }

 private:
  [[nodiscard]] Parameters in(const Operand& operand) const {
    return operand.kind == OperandKind::reg ? carried_[operand.index] : Parameters{0};
  }

  /// Which of the operands behind the destination move an address on: an index is multiplied, a pointer is not.
  static std::span<const Operand> sources(const Instruction& instruction) {
    const std::span<const Operand> operands = instruction.operands;
    switch (instruction.opcode) {
      case Opcode::mov:
      case Opcode::cvta:
      case Opcode::add:
      case Opcode::sub:
      case Opcode::selp:
        return operands.subspan(std::min<std::size_t>(operands.size(), 1));
      case Opcode::mad:
        return operands.subspan(std::min<std::size_t>(operands.size(), 3));
      default:
        return {};
    }
  }

  void carry(const Instruction& instruction) {
    if (instruction.operands.empty() || instruction.operands[0].kind != OperandKind::reg) {
      return;
    }
    Parameters found = 0;
    for (const Operand& operand : sources(instruction)) {
      found |= in(operand);
    }
    if (instruction.opcode == Opcode::cvta && instruction.modifiers.to_space) {
      converted_ |= found;
    }
    if (instruction.opcode == Opcode::ld && instruction.operands.size() > 1) {
      const Operand& from = instruction.operands[1];
      const bool looked_at = from.kind == OperandKind::parameter && from.index < kMostParameters && width_of(instruction.type) == 8;
      found |= looked_at ? Parameters{1} << from.index : 0;
    }
    Parameters& into = carried_[instruction.operands[0].index];
    changed_ = changed_ || (into | found) != into;
    into |= found;
  }

  void note_access(const Instruction& instruction) {
    const auto address = std::ranges::find_if(instruction.operands, &Operand::address);
    const bool global = instruction.modifiers.space == Space::global || instruction.modifiers.space == Space::generic;
    if (address == instruction.operands.end() || !global) {
      return;
    }
    const bool writes = instruction.opcode == Opcode::st || instruction.opcode == Opcode::red || instruction.opcode == Opcode::atom;
    const bool reads = instruction.opcode == Opcode::ld || instruction.opcode == Opcode::red || instruction.opcode == Opcode::atom;
    const Parameters here = in(*address);
    for (std::size_t i = 0; i < std::min(uses_.size(), kMostParameters); ++i) {
      if ((here >> i & 1U) == 0) {
        continue;
      }
      reached_ |= Parameters{1} << i;
      uses_[i].read = uses_[i].read || reads;
      uses_[i].written = uses_[i].written || writes;
      uses_[i].element_bytes = std::max(uses_[i].element_bytes, width_of(instruction.type));
    }
  }

  void keep_pointers() {
    const bool declared = std::ranges::any_of(kernel_.parameters, &Parameter::pointer);
    for (std::size_t i = 0; i < uses_.size(); ++i) {
      const Parameters bit = i < kMostParameters ? Parameters{1} << i : 0;
      const bool guessed = ((converted_ != 0 ? converted_ : reached_) & bit) != 0;
      if (declared ? kernel_.parameters[i].pointer : guessed) {
        uses_[i].pointer = true;
      } else {
        uses_[i] = {};
      }
    }
  }

  const Kernel& kernel_;
  std::vector<Parameters> carried_;  ///< by each register
  std::vector<ParameterUse> uses_;
  Parameters converted_ = 0;
  Parameters reached_ = 0;
  bool changed_ = false;
};

}  // namespace

std::vector<ParameterUse> parameter_uses(const Kernel& kernel) { return ParameterFlow(kernel).uses(); }

}  // namespace sublet::cpu
