#include "gpu-worker/devices/cpu/native/trace.hpp"

#include <algorithm>
#include <map>

namespace sublet::cpu::native {

namespace {

constexpr std::size_t kMostItems = 256;
constexpr std::size_t kMostAccesses = 12;

bool is_exit(const Program& program, std::uint32_t block) {
  return block != kNoBlock && program.blocks[block].end == EndKind::leave && !program.blocks[block].conditional &&
         program.blocks[block].first == program.blocks[block].last;
}

class Tracer {
 public:
  Tracer(const Program& program, const Shapes& at_entry) : program_(program), shapes_(at_entry) {}

  Trace follow(std::uint32_t block, std::uint32_t step) {
    trace_.first_step = step;
    for (;;) {
      visited_.push_back(block);
      const StepBlock& here = program_.blocks[block];
      for (; step < here.last; ++step) {
        if (trace_.items.size() == kMostItems || !take(here, step)) {
          return end_at(block, step);
        }
        ++trace_.steps;
      }
      const std::uint32_t next = here.may_spin ? kNoBlock : next_of(here);
      if (next == kNoBlock || std::ranges::find(visited_, next) != visited_.end()) {
        return end_at(block, step);
      }
      ++trace_.blocks;
      block = next;
      step = program_.blocks[next].first;
    }
  }

 private:
  Trace end_at(std::uint32_t block, std::uint32_t step) {
    trace_.end_block = block;
    trace_.end_step = step;
    return std::move(trace_);
  }

  /// Where all lanes go on, or kNoBlock where that is not for the trace to say.
  std::uint32_t next_of(const StepBlock& block) {
    if (block.end == EndKind::go_on && !block.conditional) {
      return block.next;
    }
    if (block.end == EndKind::jump) {
      return block.taken;
    }
    const bool leaves = (block.end == EndKind::branch && is_exit(program_, block.taken)) || block.end == EndKind::leave;
    if (!leaves || !block.conditional || block.next == kNoBlock || !shapes_[block.predicate].uniform()) {
      return kNoBlock;
    }
    trace_.items.push_back({.kind = Item::Kind::agree, .predicate = block.predicate, .wanted = block.negated});
    return block.next;
  }

  bool take(const StepBlock& block, std::uint32_t at) {
    const Step& step = program_.steps[at];
    switch (step.kind) {
      case StepKind::lanes:
        return take_lanes(block, at);
      case StepKind::load:
      case StepKind::store:
        return take_access(at);
      default:
        return false;
    }
  }

  bool take_lanes(const StepBlock& block, std::uint32_t at) {
    const Step& step = program_.steps[at];
    if (const std::optional<Shape> shape = scalar_result(step, shapes_)) {
      return add({.kind = Item::Kind::scalar, .step = at, .shape = *shape}, step.to, kind_of_width(step.to.width));
    }
    const bool ends_here = block.conditional && block.predicate == step.to.unit;
    if (ends_here && is_scalar_comparison(step, shapes_)) {
      return add({.kind = Item::Kind::scalar, .step = at, .shape = {.scalar = true}}, step.to, Kind::mask);
    }
    const NativeForm form = find_form(step.form);
    if (form.emit == nullptr || step.rounding != Rounding::none) {
      return false;
    }
    const std::array<Slot, 3> from = {step.a, step.b, step.c};
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (form.kinds.from[i] != Kind::none && !fits(from[i], form.kinds.from[i])) {
        return false;
      }
    }
    if (step.guarded && !fits({.unit = step.guard, .width = 1}, Kind::mask)) {
      return false;
    }
    // The threads that are kept out keep their value, which has to be of the same kind.
    if (step.guarded && !fits(step.to, form.kinds.to)) {
      return false;
    }
    return add({.kind = Item::Kind::lanes, .step = at, .form = form}, step.to, form.kinds.to);
  }

  bool take_access(std::uint32_t at) {
    const Step& step = program_.steps[at];
    const Access& access = program_.accesses[step.access];
    const bool store = step.kind == StepKind::store;
    if (step.guarded || access.ordered || access.count != 1 || !access.address || access.space == Space::local ||
        access.elements[0].width == 0 || accesses_ == kMostAccesses) {
      return false;
    }
    const Slot element = access.elements[0];
    if (store && (element.width == 1 || !fits(element, kind_of_width(element.width)))) {
      return false;
    }
    const Shape& address = shapes_[access.address->unit];
    const bool row = address.scalar && address.stride == width_of(access.type);
    const bool leads = accesses_ == trace_.items.size();
    // Where lanes may be anywhere, nothing else should wait for them to be a row.
    const bool looked_at = !address.scalar && !written_.contains(access.address->unit) && leads;
    if (!row && !looked_at) {
      return false;
    }
    trace_.begins_with_access = trace_.begins_with_access || (looked_at && trace_.items.empty());
    ++accesses_;
    const Item item{.kind = store ? Item::Kind::store : Item::Kind::load, .step = at, .looked_at = looked_at};
    return store ? push(item) : add(item, element, kind_of_width(element.width));
  }

  /// Whether the trace finds a value of that kind there: its own, or one in the registers, where one byte is a predicate.
  [[nodiscard]] bool fits(Slot slot, Kind kind) const {
    const auto found = written_.find(slot.unit);
    return found != written_.end() ? found->second == kind : kind_of_width(slot.width) == kind;
  }
  bool push(const Item& item) {
    trace_.items.push_back(item);
    return true;
  }
  bool add(const Item& item, Slot to, Kind kind) {
    written_[to.unit] = kind;
    shapes_[to.unit] = item.shape;
    return push(item);
  }

  const Program& program_;
  Shapes shapes_;
  Trace trace_;
  std::size_t accesses_ = 0;
  std::map<std::uint32_t, Kind> written_;
  std::vector<std::uint32_t> visited_;
};

}  // namespace

Trace trace_from(const Program& program, const Shapes& at_entry, std::uint32_t block, std::uint32_t step) {
  return Tracer(program, at_entry).follow(block, step);
}

}  // namespace sublet::cpu::native
