#include "gpu-worker/devices/cpu/native/shape.hpp"

namespace sublet::cpu::native {

namespace {

/// So that no lane's distance from the first, of 1023 lanes, leaves 31 bits.
constexpr std::int64_t kMostStride = 1 << 20;

std::optional<Shape> of_stride(std::int64_t stride) {
  if (stride > kMostStride || stride < -kMostStride) {
    return std::nullopt;
  }
  return Shape{.scalar = true, .stride = stride};
}

Shape shape_of(SpecialRegister special, bool line) {
  switch (special) {
    case SpecialRegister::tid_x:
      return {.scalar = line, .stride = 1};
    case SpecialRegister::tid_y:
    case SpecialRegister::tid_z:
      return {.scalar = line};
    case SpecialRegister::ntid_x:
    case SpecialRegister::ntid_y:
    case SpecialRegister::ntid_z:
    case SpecialRegister::ctaid_x:
    case SpecialRegister::ctaid_y:
    case SpecialRegister::ctaid_z:
    case SpecialRegister::nctaid_x:
    case SpecialRegister::nctaid_y:
    case SpecialRegister::nctaid_z:
      return {.scalar = true};
    default:
      return {};
  }
}

/// A constant as a number of `type`.
std::int64_t number_of(std::uint64_t bits, Type type) {
  if (width_of(type) == 8) {
    return static_cast<std::int64_t>(bits);
  }
  return is_signed(type) ? static_cast<std::int32_t>(bits) : static_cast<std::uint32_t>(bits);
}

std::optional<Shape> shape_product(const Shape& a, const Shape& b, Type type) {
  if (a.uniform() && b.uniform()) {
    return Shape{.scalar = true};
  }
  const Shape& changing = a.uniform() ? b : a;
  const Shape& factor = a.uniform() ? a : b;
  if (!factor.bits) {
    return std::nullopt;
  }
  const std::int64_t number = number_of(*factor.bits, type);
  return number > kMostStride || number < -kMostStride ? std::nullopt : of_stride(changing.stride * number);
}

std::optional<Shape> shape_sum(const std::optional<Shape>& a, const Shape& b) { return a ? of_stride(a->stride + b.stride) : std::nullopt; }

bool is_word_or_quad(Type type) { return !is_float(type) && width_of(type) >= 4; }

}  // namespace

Shapes shapes_at_entry(const Program& program, bool line) {
  Shapes shapes(program.register_bytes);
  for (const Constant& constant : program.constants) {
    shapes[constant.slot.unit] = {.scalar = true, .bits = constant.bits};
  }
  for (const ParameterLoad& load : program.parameter_loads) {
    shapes[load.slot.unit] = {.scalar = true};
  }
  for (const auto* const loads : {&program.launch_specials, &program.block_specials}) {
    for (const SpecialLoad& load : *loads) {
      shapes[load.slot.unit] = shape_of(load.special, line);
    }
  }
  for (const Step& step : program.prologue) {
    bool same_in_all = step.kind == StepKind::lanes;
    for (const Slot slot : {step.a, step.b, step.c}) {
      same_in_all = same_in_all && (slot.width == 0 || shapes[slot.unit].uniform());
    }
    shapes[step.to.unit] = same_in_all ? Shape{.scalar = true} : scalar_result(step, shapes).value_or(Shape{});
  }
  // Scratch that a step of the launch used may be anything by now.
  const auto forget = [&](Slot slot) {
    if (slot.width != 0) {
      shapes[slot.unit] = {};
    }
  };
  for (const Step& step : program.steps) {
    forget(step.to);
  }
  for (const Access& access : program.accesses) {
    for (const Slot element : access.elements) {
      forget(element);
    }
  }
  for (const Atomic& atomic : program.atomics) {
    forget(atomic.to);
  }
  for (const Exchange& exchange : program.exchanges) {
    forget(exchange.to);
    forget(exchange.predicate);
  }
  for (const Barrier& barrier : program.barriers) {
    forget(barrier.to);
  }
  return shapes;
}

std::optional<Shape> scalar_result(const Step& step, const Shapes& shapes) {
  const StepForm& form = step.form;
  if (!form.known() || step.guarded || step.kind != StepKind::lanes || !is_word_or_quad(form.type) || form.how != 0) {
    return std::nullopt;
  }
  for (const Slot slot : {step.a, step.b, step.c}) {
    if (slot.width != 0 && !shapes[slot.unit].scalar) {
      return std::nullopt;
    }
  }
  const Shape& a = shapes[step.a.unit];
  const Shape& b = shapes[step.b.unit];
  const bool narrow = width_of(form.type) == 4;
  switch (form.lane) {
    case Lane::copy:
    case Lane::convert:
      return is_word_or_quad(form.from) ? of_stride(a.stride) : std::nullopt;
    case Lane::add:
      return shape_sum(a, b);
    case Lane::sub:
      return of_stride(a.stride - b.stride);
    case Lane::mul_lo:
      return shape_product(a, b, form.type);
    case Lane::mad_lo:
      return shape_sum(shape_product(a, b, form.type), shapes[step.c.unit]);
    case Lane::mul_wide:
      return narrow ? shape_product(a, b, form.type) : std::nullopt;
    case Lane::mad_wide:
      return narrow ? shape_sum(shape_product(a, b, form.type), shapes[step.c.unit]) : std::nullopt;
    case Lane::shl: {
      if (!b.bits || *b.bits > 16) {
        return std::nullopt;
      }
      return of_stride(a.stride << *b.bits);
    }
    default:
      return std::nullopt;
  }
}

bool is_scalar_comparison(const Step& step, const Shapes& shapes) {
  const StepForm& form = step.form;
  if (step.kind != StepKind::lanes || form.lane != Lane::compare || !form.known() || step.guarded || !is_word_or_quad(form.type)) {
    return false;
  }
  const Shape& a = shapes[step.a.unit];
  const Shape& b = shapes[step.b.unit];
  if (!a.scalar || !b.scalar) {
    return false;
  }
  // Equal somewhere between unequal ends is not seen at the ends.
  const auto compare = static_cast<Compare>(form.how);
  return (a.uniform() && b.uniform()) || (compare != Compare::eq && compare != Compare::ne);
}

}  // namespace sublet::cpu::native
