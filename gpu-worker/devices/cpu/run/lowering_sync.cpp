#include <fmt/format.h>

#include "gpu-worker/devices/cpu/run/atomic_access.hpp"
#include "gpu-worker/devices/cpu/run/lowering.hpp"

namespace sublet::cpu {

void Lowering::atomic() {
  const Modifiers& m = current_->modifiers;
  const bool wanted = current_->opcode == Opcode::atom;
  const bool swap = m.operation == Operation::cas;
  const bool known_space = m.space == Space::generic || m.space == Space::global || m.space == Space::shared;
  if (m.vector != 1 || !known_space || !has_atomic(m.operation, current_->type) || (!wanted && (swap || m.operation == Operation::exch))) {
    return unsupported();
  }
  const std::size_t first = wanted ? 1 : 0;
  if (!expect_operands(first + (swap ? 3 : 2))) {
    return;
  }
  movable_ = false;
  Atomic made{.operation = m.operation, .type = current_->type, .space = m.space, .address = {}};
  locate(operand(first), m.space, made.address, made.offset);
  made.a = read(first + 1, current_->type);
  if (swap) {
    made.b = read(first + 2, current_->type);
  }
  if (wanted && operand(0).kind != OperandKind::sink) {
    made.to = write(0, current_->type);
  }
  if (!refused_) {
    made_.push_back(Step{.kind = StepKind::atomic, .access = static_cast<std::uint32_t>(program_.atomics.size())});
    program_.atomics.push_back(made);
  }
}

void Lowering::wait_for_memory(StepKind kind) {
  movable_ = false;
  made_.push_back(Step{.kind = kind});
}

void Lowering::active_mask() {
  if (current_->type != Type::b32) {
    return unsupported();
  }
  if (expect_operands(1)) {
    movable_ = false;
    const Slot to = write(0, Type::b32);
    made_.push_back(Step{.kind = StepKind::active_mask, .to = to});
  }
}

/// bar.sync a{, b}; bar.arrive a, b; bar.red.op.type d, a{, b}, {!}p.
void Lowering::barrier() {
  const Modifiers& m = current_->modifiers;
  Barrier made{.mode = m.barrier, .operation = m.operation, .threads = {}};
  const bool reduces = m.barrier == BarrierMode::red;
  const bool popc = m.operation == Operation::popc && current_->type == Type::u32;
  const bool truth = (m.operation == Operation::and_ || m.operation == Operation::or_) && current_->type == Type::pred;
  if (m.barrier == BarrierMode::none || (reduces ? !popc && !truth : current_->type != Type::none || m.operation != Operation::none)) {
    return unsupported();
  }
  const std::size_t first = reduces ? 1 : 0;
  const std::size_t least = m.barrier == BarrierMode::sync ? 1 : (reduces ? 3 : 2);
  if (!expect_operands(least, m.barrier == BarrierMode::arrive ? 2 : least + 1)) {
    return;
  }
  movable_ = false;
  made.number = read(first, Type::u32);
  const std::size_t last = current_->operands.size() - (reduces ? 1 : 0);
  if (last == first + 2) {
    made.threads = read(first + 1, Type::u32);
  }
  if (reduces) {
    made.predicate = read(last, Type::pred);
    made.to = write(0, popc ? Type::u32 : Type::pred);
  }
  end_ = {.kind = EndKind::barrier, .detail = static_cast<std::uint32_t>(program_.barriers.size())};
  program_.barriers.push_back(made);
}

/// shfl.sync.mode.b32 d{|p}, a, b, c, mask
void Lowering::shuffle(Exchange& into) {
  const std::size_t first = current_->pair ? 2 : 1;
  const WarpMode mode = current_->modifiers.warp;
  if (current_->type != Type::b32 || mode < WarpMode::up || mode > WarpMode::idx) {
    return unsupported();
  }
  if (expect_operands(first + 4)) {
    into.value = read(first, Type::b32);
    into.lane = read(first + 1, Type::u32);
    into.clamp = read(first + 2, Type::u32);
    into.mask = read(first + 3, Type::u32);
    into.to = write(0, Type::b32);
    into.predicate = current_->pair ? write(1, Type::pred) : Slot{};
  }
}

/// vote.sync.mode.pred d, {!}a, mask; vote.sync.ballot.b32 d, {!}a, mask
void Lowering::vote(Exchange& into) {
  const WarpMode mode = current_->modifiers.warp;
  const bool ballot = mode == WarpMode::ballot;
  if (mode < WarpMode::all || current_->type != (ballot ? Type::b32 : Type::pred)) {
    return unsupported();
  }
  if (expect_operands(3) && !current_->pair) {
    into.value = read(1, Type::pred);
    into.mask = read(2, Type::u32);
    (ballot ? into.to : into.predicate) = write(0, current_->type);
  }
}

void Lowering::exchange(ExchangeKind kind) {
  const Modifiers& m = current_->modifiers;
  const Type type = current_->type;
  // Without .sync, from before sm_70, threads would have to run in step.
  if (current_->text.find(".sync") == std::string_view::npos) {
    return unsupported();
  }
  movable_ = false;
  Exchange made{.kind = kind, .mode = m.warp, .operation = m.operation, .type = type};
  switch (kind) {
    case ExchangeKind::barrier:
      if (expect_operands(1)) {
        made.mask = read(0, Type::u32);
      }
      break;
    case ExchangeKind::shuffle:
      shuffle(made);
      break;
    case ExchangeKind::vote:
      vote(made);
      break;
    case ExchangeKind::match: {
      // match.any.sync.type d, a, mask; match.all.sync.type d{|p}, a, mask
      const std::size_t first = current_->pair ? 2 : 1;
      if ((m.warp != WarpMode::any && m.warp != WarpMode::all) || (type != Type::b32 && type != Type::b64)) {
        return unsupported();
      }
      if (expect_operands(first + 2)) {
        made.value = read(first, type);
        made.mask = read(first + 1, Type::u32);
        made.to = write(0, Type::b32);
        made.predicate = current_->pair ? write(1, Type::pred) : Slot{};
      }
      break;
    }
    case ExchangeKind::reduce: {
      // redux.sync.op.type d, a, mask
      const bool bits = m.operation == Operation::and_ || m.operation == Operation::or_ || m.operation == Operation::xor_;
      const bool sums = m.operation == Operation::add || m.operation == Operation::min || m.operation == Operation::max;
      if (!(bits && type == Type::b32) && !(sums && (type == Type::u32 || type == Type::s32))) {
        return unsupported();
      }
      if (expect_operands(3)) {
        made.value = read(1, type);
        made.mask = read(2, Type::u32);
        made.to = write(0, type);
      }
      break;
    }
    case ExchangeKind::elect:
      // elect.sync d|p, mask
      if (expect_operands(3) && current_->pair) {
        made.mask = read(2, Type::u32);
        made.to = write(0, Type::u32);
        made.predicate = write(1, Type::pred);
      }
      break;
  }
  end_ = {.kind = EndKind::exchange, .detail = static_cast<std::uint32_t>(program_.exchanges.size())};
  program_.exchanges.push_back(made);
}

}  // namespace sublet::cpu
