#include "gpu-worker/devices/cpu/ptx/flow.hpp"

#include <algorithm>
#include <utility>

namespace sublet::cpu {

namespace {

constexpr std::uint32_t kNone = ~0U;

bool leaves(const Instruction& instruction) {
  return instruction.opcode == Opcode::ret || instruction.opcode == Opcode::exit || instruction.opcode == Opcode::trap;
}

bool ends_block(const Instruction& instruction) {
  return instruction.opcode == Opcode::bra || leaves(instruction) || suspends(instruction.opcode);
}

/// Marks where blocks begin: at labels, and after every branch, exit and instruction where threads may wait.
std::vector<std::uint32_t> block_of_each_instruction(const Kernel& kernel, const std::vector<std::uint32_t>& label_positions) {
  const auto count = static_cast<std::uint32_t>(kernel.instructions.size());
  std::vector<std::uint32_t> begins(count + 1, 0);
  for (const std::uint32_t position : label_positions) {
    begins[position] = 1;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (ends_block(kernel.instructions[i])) {
      begins[i + 1] = 1;
    }
  }
  std::uint32_t block = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    block += i != 0 ? begins[i] : 0;
    begins[i] = block;
  }
  // A label behind the last instruction is a block of its own, an empty one.
  begins[count] = count == 0 ? 0 : block + 1;
  return begins;
}

void connect(Kernel& kernel, const std::vector<std::uint32_t>& block_of, const std::vector<std::uint32_t>& label_positions) {
  for (std::uint32_t b = 0; b < kernel.blocks.size(); ++b) {
    BasicBlock& block = kernel.blocks[b];
    const bool has_next = b + 1 < kernel.blocks.size();
    if (block.first != block.last) {
      Instruction& last = kernel.instructions[block.last - 1];
      if (last.opcode == Opcode::bra) {
        block.taken = block_of[label_positions[last.operands[0].index]];
        last.operands[0].index = *block.taken;
      }
      if ((last.opcode == Opcode::bra || leaves(last)) && !last.guard) {
        continue;
      }
    }
    if (has_next) {
      block.next = b + 1;
    }
  }
}

/// Post-dominators by the method of Cooper, Harvey and Kennedy on the reversed graph; node `exit` is where every kernel ends.
class PostDominators {
 public:
  explicit PostDominators(const std::vector<BasicBlock>& blocks)
      : blocks_(blocks),
        exit_(static_cast<std::uint32_t>(blocks.size())),
        predecessors_(exit_ + 1),
        number_(exit_ + 1, kNone),
        join_(exit_ + 1, kNone) {
    for (std::uint32_t b = 0; b < exit_; ++b) {
      for_each_successor(b, [&](std::uint32_t to) { predecessors_[to].push_back(b); });
    }
    number_from_exit();
    solve();
  }

  /// kNone also for a block from which the end cannot be reached (an endless loop): its threads never meet.
  [[nodiscard]] std::uint32_t join(std::uint32_t block) const { return join_[block] == exit_ ? kNone : join_[block]; }

 private:
  template <class Visit>
  void for_each_successor(std::uint32_t block, Visit visit) const {
    const BasicBlock& node = blocks_[block];
    const bool may_leave = !node.taken || !node.next;
    if (node.taken) {
      visit(*node.taken);
    }
    if (node.next && node.next != node.taken) {
      visit(*node.next);
    }
    if (may_leave && !(node.taken || node.next)) {
      visit(exit_);
    }
  }

  void number_from_exit() {
    std::vector<std::pair<std::uint32_t, std::size_t>> stack = {{exit_, 0}};
    std::vector<bool> seen(exit_ + 1, false);
    seen[exit_] = true;
    while (!stack.empty()) {
      auto& [node, at] = stack.back();
      if (at < predecessors_[node].size()) {
        const std::uint32_t to = predecessors_[node][at++];
        if (!seen[to]) {
          seen[to] = true;
          stack.emplace_back(to, 0);
        }
        continue;
      }
      number_[node] = static_cast<std::uint32_t>(order_.size());
      order_.push_back(node);
      stack.pop_back();
    }
    std::ranges::reverse(order_);
  }

  [[nodiscard]] std::uint32_t meet(std::uint32_t a, std::uint32_t b) const {
    while (a != b) {
      while (number_[a] < number_[b]) {
        a = join_[a];
      }
      while (number_[b] < number_[a]) {
        b = join_[b];
      }
    }
    return a;
  }

  void solve() {
    join_[exit_] = exit_;
    for (bool changed = true; changed;) {
      changed = false;
      for (const std::uint32_t node : order_) {
        if (node == exit_) {
          continue;
        }
        std::uint32_t found = kNone;
        for_each_successor(node, [&](std::uint32_t to) {
          if (join_[to] != kNone) {
            found = found == kNone ? to : meet(found, to);
          }
        });
        changed = changed || join_[node] != found;
        join_[node] = found;
      }
    }
  }

  const std::vector<BasicBlock>& blocks_;
  std::uint32_t exit_;
  std::vector<std::vector<std::uint32_t>> predecessors_;
  std::vector<std::uint32_t> number_;
  std::vector<std::uint32_t> order_;
  std::vector<std::uint32_t> join_;
};

}  // namespace

void build_flow(Kernel& kernel, const std::vector<std::uint32_t>& label_positions) {
  const std::vector<std::uint32_t> block_of = block_of_each_instruction(kernel, label_positions);
  const auto count = static_cast<std::uint32_t>(kernel.instructions.size());
  kernel.blocks.assign(block_of[count] + 1, BasicBlock{.first = count, .last = count, .taken = {}, .next = {}, .join = {}});
  for (std::uint32_t i = 0; i < count; ++i) {
    BasicBlock& block = kernel.blocks[block_of[i]];
    block.first = std::min(block.first, i);
    block.last = i + 1;
  }
  connect(kernel, block_of, label_positions);
  const PostDominators joins(kernel.blocks);
  for (std::uint32_t b = 0; b < kernel.blocks.size(); ++b) {
    if (const std::uint32_t join = joins.join(b); join != kNone) {
      kernel.blocks[b].join = join;
    }
  }
}

}  // namespace sublet::cpu
