#include "gpu-worker/devices/cpu/native/lane_code.hpp"

#include <bit>

namespace sublet::cpu::native {

namespace {

using asmjit::x86::Compiler;
using asmjit::x86::Gp;
using asmjit::x86::Mem;
using asmjit::x86::Xmm;
using asmjit::x86::Ymm;

constexpr std::uint32_t kLanes = 8;

/// 1, 2, 4, 8 bytes -> how far to shift a lane's number.
std::uint32_t shift_of(std::uint32_t bytes) { return static_cast<std::uint32_t>(std::countr_zero(bytes)); }

Type number_type(Type type) {
  if (!is_signed(type)) {
    return unsigned_of(width_of(type));
  }
  return type;
}

}  // namespace

void load_lanes_of(Compiler& code, Kind kind, const Value& to, Mem from) {
  switch (kind) {
    case Kind::none:
      return;
    case Kind::mask: {
      const Ymm zero = code.newYmm();
      code.vpxor(zero, zero, zero);
      code.vpmovzxbd(to.low, from);
      code.vpcmpgtd(to.low, to.low, zero);
      return;
    }
    case Kind::byte:
      code.vpmovzxbd(to.low, from);
      return;
    case Kind::half:
      code.vpmovzxwd(to.low, from);
      return;
    case Kind::word:
      code.vmovdqu(to.low, from);
      return;
    case Kind::quad:
      code.vmovdqu(to.low, from);
      code.vmovdqu(to.high, from.cloneAdjusted(32));
      return;
  }
}

void store_lanes_of(Compiler& code, Kind kind, const Value& from, Mem to) {
  if (kind == Kind::word || kind == Kind::quad) {
    code.vmovdqu(to, from.low);
    if (kind == Kind::quad) {
      code.vmovdqu(to.cloneAdjusted(32), from.high);
    }
    return;
  }
  const Xmm packed = code.newXmm();
  code.vextracti128(packed, from.low, 1);
  if (kind == Kind::mask) {
    code.vpackssdw(packed, from.low.xmm(), packed);
    code.vpacksswb(packed, packed, packed);
    code.vpabsb(packed, packed);
  } else {
    code.vpackusdw(packed, from.low.xmm(), packed);
    if (kind == Kind::half) {
      code.vmovdqu(to, packed);
      return;
    }
    code.vpackuswb(packed, packed, packed);
  }
  code.vmovq(to, packed);
}

LaneCode::LaneCode(Compiler& code, const RunContext& context, ScalarCode& scalars, const std::vector<Gp>& results)
    : code_(code), context_(context), scalars_(scalars), results_(results), lane_(code.newUIntPtr()) {}

Mem LaneCode::in_registers(Slot slot) const {
  const auto at = static_cast<std::int32_t>(slot.unit * context_.shape.capacity);
  return asmjit::x86::ptr(scalars_.registers(), lane_, shift_of(slot.width), at);
}
Mem LaneCode::in_row(const Gp& host, std::uint32_t bytes) const { return asmjit::x86::ptr(host, lane_, shift_of(bytes)); }

/// The lanes of a scalar: made before the loop, so that each eight only adds to the eight before.
Value LaneCode::spread(std::size_t item) {
  const Step& step = context_.program.steps[trace_->items[item].step];
  const auto [found, added] = counted_.try_emplace(item);
  Counted& counted = found->second;
  if (!added) {
    return counted.value;
  }
  counted.kind = kind_of_width(step.to.width);
  counted.stride = trace_->items[item].shape.stride;
  counted.value = new_value(code_, counted.kind);
  asmjit::BaseNode* const here = code_.setCursor(before_loop_);
  const Value& value = counted.value;
  const auto numbers = [&](std::int64_t first) {
    std::array<std::uint64_t, 4> made = {};
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i] = static_cast<std::uint64_t>(counted.stride * (first + static_cast<std::int64_t>(i)));
    }
    return code_.newConst(asmjit::ConstPoolScope::kLocal, made.data(), sizeof(made));
  };
  code_.vmovq(value.low.xmm(), results_[item]);
  if (counted.kind == Kind::quad) {
    code_.vpbroadcastq(value.low, value.low.xmm());
    code_.vmovdqa(value.high, value.low);
    if (counted.stride != 0) {
      code_.vpaddq(value.low, value.low, numbers(0));
      code_.vpaddq(value.high, value.high, numbers(4));
    }
  } else {
    code_.vpbroadcastd(value.low, value.low.xmm());
    if (counted.kind == Kind::mask) {
      const Ymm zero = code_.newYmm();
      code_.vpxor(zero, zero, zero);
      code_.vpsubd(value.low, zero, value.low);
    } else if (counted.stride != 0) {
      std::array<std::uint32_t, kLanes> distances = {};
      for (std::uint32_t i = 0; i < kLanes; ++i) {
        distances[i] = static_cast<std::uint32_t>(counted.stride * i);
      }
      code_.vpaddd(value.low, value.low, code_.newConst(asmjit::ConstPoolScope::kLocal, distances.data(), sizeof(distances)));
    }
  }
  before_loop_ = code_.setCursor(here);
  return value;
}

void LaneCode::count_on() {
  for (const auto& [item, counted] : counted_) {
    if (counted.stride == 0) {
      continue;
    }
    if (counted.kind == Kind::quad) {
      const Mem distance = quads(code_, static_cast<std::uint64_t>(counted.stride * kLanes));
      code_.vpaddq(counted.value.low, counted.value.low, distance);
      code_.vpaddq(counted.value.high, counted.value.high, distance);
    } else {
      code_.vpaddd(counted.value.low, counted.value.low, words(code_, static_cast<std::uint32_t>(counted.stride * kLanes)));
    }
  }
}

Value LaneCode::lanes_of(Slot slot, Kind kind) {
  Known& known = known_[slot.unit];
  if (known.item) {
    known = {.value = spread(*known.item), .kind = kind};
  }
  if (known.kind == Kind::none) {
    known = {.value = new_value(code_, kind), .kind = kind};
    load_lanes_of(code_, kind, known.value, in_registers(slot));
  }
  return known.value;
}

void LaneCode::step(const Step& step, const NativeForm& form) {
  const std::array<Slot, 3> slots = {step.a, step.b, step.c};
  Inputs from;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (form.kinds.from[i] != Kind::none) {
      from[i] = lanes_of(slots[i], form.kinds.from[i]);
    }
  }
  Value made = new_value(code_, form.kinds.to);
  form.emit(code_, step.form, made, from);
  if (step.guarded) {
    const Value guard = lanes_of({.unit = step.guard, .width = 1}, Kind::mask);
    const Value before = lanes_of(step.to, form.kinds.to);
    const Value kept = new_value(code_, form.kinds.to);
    const StepForm choose{.lane = Lane::select, .type = form.kinds.to == Kind::mask ? Type::u32 : unsigned_of(step.to.width)};
    find_form(choose).emit(code_, choose, kept, step.guard_negated ? Inputs{before, made, guard} : Inputs{made, before, guard});
    made = kept;
  }
  known_[step.to.unit] = {.value = made, .kind = form.kinds.to};
  written_[step.to.unit] = step.to;
}

void LaneCode::resize(const StepForm& form, const Value& to, const Value& from) { find_form(form).emit(code_, form, to, {from}); }

void LaneCode::load(const Item& item) {
  const Access& access = context_.program.accesses[context_.program.steps[item.step].access];
  const Slot to = access.elements[0];
  const std::uint32_t bytes = width_of(access.type);
  const Kind raw_kind = kind_of(unsigned_of(bytes));
  Value value = new_value(code_, raw_kind);
  load_lanes_of(code_, raw_kind, value, in_row(scalars_.host_of(item.step), bytes));
  if (bytes != to.width) {
    const Value wide = new_value(code_, kind_of_width(to.width));
    resize({.lane = Lane::convert, .type = unsigned_of(to.width), .from = number_type(access.type)}, wide, value);
    value = wide;
  }
  known_[to.unit] = {.value = value, .kind = kind_of_width(to.width)};
  written_[to.unit] = to;
}

void LaneCode::store(const Item& item) {
  const Access& access = context_.program.accesses[context_.program.steps[item.step].access];
  const Slot from = access.elements[0];
  const std::uint32_t bytes = width_of(access.type);
  const Kind raw_kind = kind_of(unsigned_of(bytes));
  Value value = lanes_of(from, kind_of_width(from.width));
  if (bytes != from.width) {
    const Value narrow = new_value(code_, raw_kind);
    resize({.lane = Lane::convert, .type = unsigned_of(bytes), .from = unsigned_of(from.width)}, narrow, value);
    value = narrow;
  }
  store_lanes_of(code_, raw_kind, value, in_row(scalars_.host_of(item.step), bytes));
}

void LaneCode::emit_item(const Trace& trace, std::size_t index) {
  const Item& item = trace.items[index];
  const Step& at = context_.program.steps[item.step];
  switch (item.kind) {
    case Item::Kind::scalar:
      known_[at.to.unit] = {.value = {}, .kind = Kind::none, .item = index};
      written_[at.to.unit] = at.to;
      return;
    case Item::Kind::lanes:
      return step(at, item.form);
    case Item::Kind::load:
      return load(item);
    case Item::Kind::store:
      return store(item);
    case Item::Kind::agree:
      return;
  }
}

void LaneCode::write_back(const SlotSet& live) {
  for (const auto& [unit, slot] : written_) {
    if (live.contains(unit)) {
      const Known& known = known_[unit];
      const Kind kind = known.item ? kind_of_width(slot.width) : known.kind;
      store_lanes_of(code_, kind, lanes_of(slot, kind), in_registers(slot));
    }
  }
}

void LaneCode::emit(const Trace& trace, const SlotSet& live) {
  trace_ = &trace;
  const asmjit::Label again = code_.newLabel();
  code_.xor_(lane_.r32(), lane_.r32());
  before_loop_ = code_.cursor();
  code_.bind(again);
  for (std::size_t i = 0; i < trace.items.size(); ++i) {
    emit_item(trace, i);
  }
  write_back(live);
  count_on();
  code_.add(lane_.r32(), kLanes);
  code_.cmp(lane_.r32(), context_.shape.threads);
  code_.jb(again);
}

}  // namespace sublet::cpu::native
