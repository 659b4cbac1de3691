#include "gpu-worker/devices/cpu/run/lower.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/run/call_graph.hpp"
#include "gpu-worker/devices/cpu/run/lowering.hpp"
#include "gpu-worker/devices/cpu/run/shared_layout.hpp"

namespace sublet::cpu {

namespace {

/// The register file of a block of 1024 threads then takes at most 128 MiB, and so does its local memory.
constexpr std::uint32_t kMaxRegisterBytes = 128U << 10U;
constexpr std::uint32_t kMaxLocalBytes = 128U << 10U;
/// What the card's assembler allows without being asked at launch.
constexpr std::uint32_t kMaxStaticSharedBytes = 48U << 10U;
/// For the frames of functions that call themselves, in each thread.
constexpr std::uint32_t kRecursionBytes = 16U << 10U;

/// Of all kernels of a module together.
constexpr std::size_t kMaxSteps = 2'000'000;
/// What preparing a body costs besides its steps, and each of its registers, in steps.
constexpr std::size_t kBodySteps = 16;
constexpr std::size_t kRegistersPerStep = 16;

StepBlock end_of(const Kernel& kernel, const BasicBlock& block, Slots& slots, bool is_function) {
  StepBlock made{.taken = block.taken.value_or(kNoBlock), .next = block.next.value_or(kNoBlock), .join = block.join.value_or(kNoBlock)};
  if (block.first == block.last) {
    return made;
  }
  const Instruction& last = kernel.instructions[block.last - 1];
  made.line = last.line;
  if (last.guard) {
    made.conditional = true;
    made.negated = last.guard->negated;
    made.predicate = slots.of_register(last.guard->reg).unit;
  }
  switch (last.opcode) {
    case Opcode::bra:
      made.end = made.conditional ? EndKind::branch : EndKind::jump;
      break;
    case Opcode::ret:
      made.end = is_function ? EndKind::give_back : EndKind::leave;
      break;
    case Opcode::exit:
      made.end = EndKind::leave;
      break;
    case Opcode::trap:
      made.end = EndKind::trap;
      break;
    default:
      made.conditional = false;
      break;
  }
  return made;
}

bool may_spin(const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::atom:
    case Opcode::nanosleep:
      return true;
    case Opcode::ld:
      return instruction.modifiers.ordered;
    default:
      return false;
  }
}

/// Lowers one body behind the blocks that the program has already.
class BodyLowering {
 public:
  BodyLowering(const LoweringContext& context, Program& program, std::size_t& steps)
      : context_(context),
        program_(program),
        steps_(steps),
        slots_(context.kernel, program),
        lowering_(context, program, slots_),
        base_(static_cast<std::uint32_t>(program.blocks.size())) {}

  std::optional<Error> lower() {
    const Kernel& kernel = context_.kernel;
    program_.blocks.resize(base_ + kernel.blocks.size());
    steps_ += kBodySteps + kernel.registers.size() / kRegistersPerStep;
    for (std::size_t i = 0; i < kernel.blocks.size(); ++i) {
      const std::size_t before = program_.steps.size();
      lower_block(kernel.blocks[i], base_ + i);
      steps_ += program_.steps.size() - before;
      if (steps_ > kMaxSteps) {
        return Error{
            .code = ErrorCode::load_failed,
            .detail = fmt::format("the kernels, with the functions that each of them calls, are more than {} instructions; split the "
                                  "module",
                                  kMaxSteps)};
      }
    }
    if (context_.self != kNoFunction) {
      program_.functions[context_.self].entry = base_;
    }
    return lowering_.error();
  }
  [[nodiscard]] const std::vector<Slot>& written() const { return slots_.written(); }

 private:
  void lower_block(const BasicBlock& block, std::size_t index) {
    const Kernel& kernel = context_.kernel;
    const auto first = static_cast<std::uint32_t>(program_.steps.size());
    std::optional<LoweredEnd> end;
    bool spins = false;
    for (std::uint32_t i = block.first; i < block.last; ++i) {
      lowering_.lower(kernel.instructions[i]);
      end = lowering_.end();
      spins = spins || may_spin(kernel.instructions[i]);
    }
    StepBlock made = end_of(kernel, block, slots_, context_.self != kNoFunction);
    for (std::uint32_t* const to : {&made.taken, &made.next, &made.join}) {
      *to += *to == kNoBlock ? 0 : base_;
    }
    made.may_spin = spins;
    made.first = first;
    made.last = static_cast<std::uint32_t>(program_.steps.size());
    if (end && end->kind == EndKind::barrier) {
      // Threads may come to it one after another, so nothing else stands before it.
      made.next = add_block({.end = EndKind::barrier, .detail = end->detail, .next = made.next, .line = made.line}, made.last);
    } else if (end) {
      made.end = end->kind;
      made.detail = end->detail;
      if (end->kind == EndKind::call) {
        const std::uint32_t results = made.last;
        lowering_.lower_results(kernel.instructions[block.last - 1]);
        made.next = add_block({.next = made.next, .line = made.line}, results);
      }
    }
    program_.blocks[index] = made;
  }

  /// A block of the steps from `first` on, which no other block goes to but the one before.
  std::uint32_t add_block(StepBlock block, std::uint32_t first) {
    block.first = first;
    block.last = static_cast<std::uint32_t>(program_.steps.size());
    program_.blocks.push_back(block);
    return static_cast<std::uint32_t>(program_.blocks.size()) - 1;
  }

  const LoweringContext& context_;
  Program& program_;
  std::size_t& steps_;
  Slots slots_;
  Lowering lowering_;
  std::uint32_t base_;
};

std::optional<Error> over_limits(const Program& program) {
  const auto error = [&](std::string_view what, std::uint32_t needed, std::uint32_t most, std::string_view remedy) {
    return Error{
        .code = ErrorCode::load_failed,
        .detail = fmt::format("kernel \"{}\" needs {} bytes of {}, the cpu device has {}; {}", program.name, needed, what, most, remedy)};
  };
  if (program.register_bytes > kMaxRegisterBytes) {
    return error("registers a thread", program.register_bytes, kMaxRegisterBytes, "split the kernel");
  }
  if (program.local_bytes > kMaxLocalBytes) {
    return error("local memory a thread", program.local_bytes, kMaxLocalBytes, "use global memory");
  }
  if (program.shared_bytes > kMaxStaticSharedBytes) {
    return error("static shared memory", program.shared_bytes, kMaxStaticSharedBytes, "use dynamic shared memory");
  }
  return std::nullopt;
}

}  // namespace

Result<Program> lower_kernel(Module& module, const Kernel& kernel, std::span<const std::uint64_t> variable_addresses, bool wide,
                             std::size_t& steps) {
  Program program;
  program.name = kernel.name;
  program.parameters = kernel.parameters;
  program.parameter_bytes = kernel.parameter_bytes;
  program.required_threads = kernel.required_threads;
  program.maximum_threads = kernel.maximum_threads;
  program.frame_bytes = frame_size(kernel);

  const CallGraph graph = call_graph_of(module, kernel);
  std::vector<std::uint32_t> program_functions(module.functions.size(), kNoFunction);
  std::vector<const Kernel*> bodies = {&kernel};
  for (std::size_t i = 0; i < graph.functions.size(); ++i) {
    const Function& function = module.functions[graph.functions[i]];
    program_functions[graph.functions[i]] = static_cast<std::uint32_t>(i);
    bodies.push_back(&function);
    program.functions.push_back({.name = function.name, .number = graph.functions[i], .frame_bytes = frame_size(function), .kept = {}});
  }
  const SharedLayout shared = lay_out_shared(module, bodies);
  program.shared_bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(shared.bytes, ~0U));
  program.local_bytes =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(graph.frame_bytes + (graph.any_repeats ? kRecursionBytes : 0), ~0U));
  if (!kernel.calls.empty()) {
    program.frame = Slot{.unit = program.register_bytes, .width = 8};
    program.register_bytes += 8;
  }
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    const LoweringContext context{.module = module,
                                  .kernel = *bodies[i],
                                  .variable_addresses = variable_addresses,
                                  .shared_offsets = shared.offsets,
                                  .program_functions = program_functions,
                                  .self = i == 0 ? kNoFunction : static_cast<std::uint32_t>(i - 1),
                                  .wide = wide};
    BodyLowering body(context, program, steps);
    if (std::optional<Error> error = body.lower()) {
      return std::unexpected(std::move(*error));
    }
    if (i != 0 && graph.repeats[i - 1]) {
      program.functions[i - 1].kept = body.written();
    }
  }
  if (std::optional<Error> error = over_limits(program)) {
    return std::unexpected(std::move(*error));
  }
  return program;
}

}  // namespace sublet::cpu
