#include "gpu-worker/devices/cpu/native/liveness.hpp"

#include <optional>

namespace sublet::cpu::native {

namespace {

/// Blocks times bytes of registers: 8 MiB of sets.
constexpr std::size_t kMostBits = 64U << 20U;

void note_read(SlotSet& live, Slot slot) {
  if (slot.width != 0) {
    live.insert(slot.unit);
  }
}
void note_read(SlotSet& live, const std::optional<Slot>& slot) { note_read(live, slot.value_or(Slot{})); }

void step_back(SlotSet& live, const Program& program, const Step& step) {
  const auto write = [&](Slot slot) {
    // Threads that the guard keeps out keep their value.
    if (slot.width != 0 && !step.guarded) {
      live.erase(slot.unit);
    }
  };
  switch (step.kind) {
    case StepKind::load:
      for (const Slot element : program.accesses[step.access].elements) {
        write(element);
      }
      note_read(live, program.accesses[step.access].address);
      break;
    case StepKind::store:
      for (const Slot element : program.accesses[step.access].elements) {
        note_read(live, element);
      }
      note_read(live, program.accesses[step.access].address);
      break;
    case StepKind::atomic: {
      const Atomic& atomic = program.atomics[step.access];
      write(atomic.to);
      note_read(live, atomic.a);
      note_read(live, atomic.b);
      note_read(live, atomic.address);
      break;
    }
    default:
      write(step.to);
      for (const Slot slot : {step.a, step.b, step.c, step.line_slot}) {
        note_read(live, slot);
      }
      break;
  }
  if (step.guarded) {
    live.insert(step.guard);
  }
}

}  // namespace

bool SlotSet::insert_all(const SlotSet& other) {
  bool grown = false;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const std::uint64_t both = words_[i] | other.words_[i];
    grown = grown || both != words_[i];
    words_[i] = both;
  }
  return grown;
}

bool Liveness::is_small_enough(const Program& program) { return program.blocks.size() * std::size_t{program.register_bytes} <= kMostBits; }

Liveness::Liveness(const Program& program) : program_(program), before_block_(program.blocks.size(), SlotSet(program.register_bytes)) {
  if (!program.calls.empty()) {
    return;
  }
  bool grown = true;
  while (grown) {
    grown = false;
    for (std::size_t i = program.blocks.size(); i-- > 0;) {
      SlotSet live = after(program.blocks[i]);
      go_back(live, program.blocks[i], program.blocks[i].first);
      grown = before_block_[i].insert_all(live) || grown;
    }
  }
}

SlotSet Liveness::after(const StepBlock& block) const {
  SlotSet live(program_.register_bytes);
  for (const std::uint32_t next : {block.taken, block.next}) {
    if (next != kNoBlock) {
      live.insert_all(before_block_[next]);
    }
  }
  if (block.conditional) {
    live.insert(block.predicate);
  }
  if (block.end == EndKind::exchange) {
    const Exchange& exchange = program_.exchanges[block.detail];
    // What it writes counts as read: not every lane that comes there need be given something.
    for (const Slot slot : {exchange.to, exchange.predicate, exchange.value, exchange.lane, exchange.clamp, exchange.mask}) {
      note_read(live, slot);
    }
  }
  if (block.end == EndKind::barrier) {
    const Barrier& barrier = program_.barriers[block.detail];
    for (const Slot slot : {barrier.number, barrier.to, barrier.predicate}) {
      note_read(live, slot);
    }
    note_read(live, barrier.threads);
  }
  return live;
}

void Liveness::go_back(SlotSet& live, const StepBlock& block, std::uint32_t step) const {
  for (std::uint32_t i = block.last; i-- > step;) {
    step_back(live, program_, program_.steps[i]);
  }
}

SlotSet Liveness::before(std::uint32_t block, std::uint32_t step) const {
  if (!program_.calls.empty()) {
    SlotSet all(program_.register_bytes);
    for (std::uint32_t unit = 0; unit < program_.register_bytes; ++unit) {
      all.insert(unit);
    }
    return all;
  }
  SlotSet live = after(program_.blocks[block]);
  go_back(live, program_.blocks[block], step);
  return live;
}

}  // namespace sublet::cpu::native
