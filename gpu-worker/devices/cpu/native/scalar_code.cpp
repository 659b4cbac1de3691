#include "gpu-worker/devices/cpu/native/scalar_code.hpp"

#include <cstddef>

namespace sublet::cpu::native {

namespace {

using asmjit::x86::Gp;
using asmjit::x86::ptr;

bool is_quad(Type type) { return width_of(type) == 8; }

}  // namespace

ScalarCode::ScalarCode(asmjit::x86::Compiler& code, const RunContext& context, const Gp& call, const asmjit::Label& give_up)
    : code_(code), context_(context), call_(call), give_up_(give_up), registers_(code.newUIntPtr()), shapes_(context.at_entry) {
  code_.mov(registers_, ptr(call_, offsetof(NativeCall, registers) + offsetof(RegisterFile, base)));
}

const Gp& ScalarCode::first_lane(Slot slot) {
  const auto [found, added] = values_.try_emplace(slot.unit);
  if (added) {
    found->second = code_.newGpq();
    const asmjit::x86::Mem from = ptr(registers_, static_cast<std::int32_t>(slot.unit * context_.shape.capacity));
    if (slot.width == 8) {
      code_.mov(found->second, from);
    } else if (slot.width == 4) {
      code_.mov(found->second.r32(), from);
    } else {
      asmjit::x86::Mem sized = from;
      sized.setSize(slot.width);
      code_.movzx(found->second.r32(), sized);
    }
  }
  return found->second;
}

void ScalarCode::set(const Item& item, Slot to, const Gp& value) {
  values_[to.unit] = value;
  shapes_[to.unit] = item.shape;
}

void ScalarCode::emit(const Item& item) {
  switch (item.kind) {
    case Item::Kind::scalar:
      return step(item);
    case Item::Kind::agree:
      return agree(item);
    case Item::Kind::load:
    case Item::Kind::store:
      return access(item);
    case Item::Kind::lanes:
      shapes_[context_.program.steps[item.step].to.unit] = {};
      return;
  }
}

/// 32 bits as 64, for all lanes: gives up where one of them would go beyond its type's range, and the others' distance would be another.
Gp ScalarCode::widen(const Gp& narrow, const Shape& shape, bool is_signed) {
  const Gp wide = code_.newGpq();
  is_signed ? code_.movsxd(wide, narrow.r32()) : code_.mov(wide.r32(), narrow.r32());
  if (shape.stride != 0) {
    const Gp last = code_.newGpq();
    const Gp again = code_.newGpq();
    code_.lea(last, ptr(wide, static_cast<std::int32_t>(shape.stride * (context_.shape.threads - 1))));
    is_signed ? code_.movsxd(again, last.r32()) : code_.mov(again.r32(), last.r32());
    code_.cmp(again, last);
    code_.jne(give_up_);
  }
  return wide;
}

Gp ScalarCode::factor(Slot slot, Type type) {
  const Shape shape = shapes_[slot.unit];
  return widen(first_lane(slot), shape, is_signed(type));
}

void ScalarCode::step(const Item& item) {
  const Step& step = context_.program.steps[item.step];
  if (step.form.lane == Lane::compare) {
    return compare(step);
  }
  const Type type = step.form.type;
  const Gp made = code_.newGpq();
  const auto word_or_quad = [&](const Gp& value) { return is_quad(type) ? value : value.r32(); };
  const Gp to = word_or_quad(made);
  switch (step.form.lane) {
    case Lane::copy:
    case Lane::convert:
      if (is_quad(type) && !is_quad(step.form.from)) {
        code_.mov(made, factor(step.a, step.form.from));
      } else {
        code_.mov(to, word_or_quad(first_lane(step.a)));
      }
      break;
    case Lane::add:
      code_.mov(to, word_or_quad(first_lane(step.a)));
      code_.add(to, word_or_quad(first_lane(step.b)));
      break;
    case Lane::sub:
      code_.mov(to, word_or_quad(first_lane(step.a)));
      code_.sub(to, word_or_quad(first_lane(step.b)));
      break;
    case Lane::shl:
      code_.mov(to, word_or_quad(first_lane(step.a)));
      code_.shl(to, static_cast<std::uint32_t>(*shapes_[step.b.unit].bits));
      break;
    case Lane::mul_lo:
    case Lane::mad_lo:
      code_.mov(to, word_or_quad(first_lane(step.a)));
      code_.imul(to, word_or_quad(first_lane(step.b)));
      if (step.form.lane == Lane::mad_lo) {
        code_.add(to, word_or_quad(first_lane(step.c)));
      }
      break;
    default:  // mul_wide, mad_wide
      code_.mov(made, factor(step.a, type));
      code_.imul(made, factor(step.b, type));
      if (step.form.lane == Lane::mad_wide) {
        code_.add(made, first_lane(step.c));
      }
      break;
  }
  set(item, step.to, made);
}

/// 0 or 1: what the first or the last lane's comparison says.
Gp ScalarCode::comparison(const Step& step, bool last) {
  const Type type = step.form.type;
  const auto lane = [&](Slot slot) {
    const Shape shape = shapes_[slot.unit];
    const Gp value = code_.newGpq();
    code_.mov(value, first_lane(slot));
    if (last && shape.stride != 0) {
      code_.add(is_quad(type) ? value : value.r32(), static_cast<std::int32_t>(shape.stride * (context_.shape.threads - 1)));
    }
    return is_quad(type) ? value : value.r32();
  };
  const Gp a = lane(step.a);
  const Gp b = lane(step.b);
  const Gp made = code_.newGpq();
  code_.xor_(made.r32(), made.r32());
  code_.cmp(a, b);
  const bool plain = is_signed(type);
  switch (static_cast<Compare>(step.form.how)) {
    case Compare::eq:
      code_.sete(made.r8());
      break;
    case Compare::ne:
      code_.setne(made.r8());
      break;
    case Compare::lt:
      plain ? code_.setl(made.r8()) : code_.setb(made.r8());
      break;
    case Compare::le:
      plain ? code_.setle(made.r8()) : code_.setbe(made.r8());
      break;
    case Compare::gt:
      plain ? code_.setg(made.r8()) : code_.seta(made.r8());
      break;
    default:
      plain ? code_.setge(made.r8()) : code_.setae(made.r8());
      break;
  }
  return made;
}

void ScalarCode::compare(const Step& step) {
  const Gp first = comparison(step, false);
  const bool uniform = shapes_[step.a.unit].uniform() && shapes_[step.b.unit].uniform();
  if (!uniform) {
    // No lane between the ends goes around, so the ends speak for all.
    for (const Slot slot : {step.a, step.b}) {
      if (shapes_[slot.unit].stride != 0) {
        keep_in_range(slot, step.form.type);
      }
    }
    code_.cmp(first, comparison(step, true));
    code_.jne(give_up_);
  }
  values_[step.to.unit] = first;
  shapes_[step.to.unit] = {.scalar = true};
}

void ScalarCode::keep_in_range(Slot slot, Type type) {
  if (!is_quad(type)) {
    factor(slot, type);
    return;
  }
  // A sum of 64 bits tells by its flags.
  const Gp last = code_.newGpq();
  const std::int64_t distance = shapes_[slot.unit].stride * (context_.shape.threads - 1);
  code_.mov(last, first_lane(slot));
  if (distance < 0) {
    code_.sub(last, static_cast<std::int32_t>(-distance));
  } else {
    code_.add(last, static_cast<std::int32_t>(distance));
  }
  is_signed(type) ? code_.jo(give_up_) : code_.jc(give_up_);
}

void ScalarCode::agree(const Item& item) {
  const Gp& predicate = first_lane({.unit = item.predicate, .width = 1});
  code_.test(predicate.r32(), predicate.r32());
  item.wanted ? code_.jz(give_up_) : code_.jnz(give_up_);
}

}  // namespace sublet::cpu::native
