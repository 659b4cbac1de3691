#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "common/pipeline/compiled.hpp"
#include "common/pipeline/wording.hpp"

namespace sublet {

namespace {

constexpr std::uint64_t kAllocationUnit = 256;
constexpr std::array<std::uint64_t, 3> kMostBlocks = {0x7fffffff, 0xffff, 0xffff};
constexpr std::array<std::string_view, 3> kAxes = {"x", "y", "z"};

Result<CompiledExpression> compile_at(std::string_view where, const Expression& text, const Scope& scope) {
  auto result = CompiledExpression::compile(trimmed(text), scope.variables());
  if (!result) return fail_in(where, result.error());
  return result;
}

Result<void> compile_extent(const PipelineStage& stage, const Scope& scope, CompiledStage& result) {
  result.by_threads = !stage.over.empty();
  if (result.by_threads) {
    auto over = compile_at(result.label + ", over", stage.over, scope);
    if (!over) return std::unexpected(over.error());
    result.over = *std::move(over);
    return {};
  }
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const Expression& text = stage.grid[axis].empty() ? "1" : stage.grid[axis];
    auto blocks = compile_at(fmt::format("{}, grid {}", result.label, kAxes[axis]), text, scope);
    if (!blocks) return std::unexpected(blocks.error());
    result.grid[axis] = *std::move(blocks);
  }
  return {};
}

Result<CompiledStage> compile_stage(std::size_t number, const PipelineStage& stage, const Scope& scope) {
  CompiledStage result;
  result.label = fmt::format("stage {} (kernel {})", number + 1, in_quotes(stage.kernel));
  result.kernel = stage.kernel;
  const auto& modules = scope.pipeline().modules;
  const auto module = std::ranges::find(modules, stage.module, &PipelineModule::name);
  result.module = stage.module.empty() ? 0 : static_cast<std::uint32_t>(module - modules.begin());
  result.block = stage.block;
  result.shared_bytes = stage.shared_bytes;
  if (auto extent = compile_extent(stage, scope, result); !extent) return std::unexpected(extent.error());
  for (std::size_t i = 0; i < stage.args.size(); ++i) {
    auto argument = CompiledArgument::compile(stage.args[i], scope);
    if (!argument) return fail_in(fmt::format("{}, argument {}", result.label, i + 1), argument.error());
    result.args.push_back(*std::move(argument));
  }
  // What is out of reach at every n is the pipeline's fault, not a chunk's.
  const bool constant = result.by_threads ? result.over.is_constant() : std::ranges::all_of(result.grid, &CompiledExpression::is_constant);
  if (constant) {
    if (auto grid = result.grid_at(0); !grid) return std::unexpected(grid.error());
  }
  return result;
}

Result<CompiledRepeat> compile_repeat(std::size_t number, const PipelineRepeat& repeat, const Scope& scope) {
  CompiledRepeat result{.label = fmt::format("repeat {}", number + 1),
                        .first = repeat.first,
                        .stages = repeat.stages,
                        .check = repeat.check,
                        .times = {},
                        .every = {},
                        .until = {},
                        .otherwise = {}};
  auto times = compile_at(result.label + ", times", repeat.times, scope);
  if (!times) return std::unexpected(times.error());
  result.times = *std::move(times);
  auto every = compile_at(result.label + ", every", repeat.every.empty() ? "1" : repeat.every, scope);
  if (!every) return std::unexpected(every.error());
  result.every = *std::move(every);
  if (!repeat.until.empty()) {
    auto until = CompiledUntil::compile(repeat.until, scope);
    if (!until) return fail_in(result.label + ", until", until.error());
    result.until = *std::move(until);
  }
  if (!repeat.otherwise.empty()) {
    auto message = CompiledMessage::compile(repeat.otherwise, scope.variables());
    if (!message) return fail_in(result.label, message.error());
    result.otherwise = *std::move(message);
  }
  return result;
}

std::uint32_t position(const Pipeline& pipeline, std::string_view buffer) {
  return static_cast<std::uint32_t>(std::ranges::find(pipeline.buffers, buffer, &PipelineBuffer::name) - pipeline.buffers.begin());
}

/// A MessagePack map from names to lengths, each at its longest.
std::uint64_t header_room(const Pipeline& pipeline) {
  constexpr std::uint64_t kOfText = 2;
  constexpr std::uint64_t kLength = 9;
  if (pipeline.outputs.size() < 2) return 0;
  std::uint64_t room = 1;
  for (const auto& output : pipeline.outputs) room += kOfText + output.buffer.size() + kLength;
  return room;
}

std::unexpected<Error> too_much() {
  return fail(ErrorCode::bad_pipeline, "the outputs take more than 2^64 bytes together; make them smaller");
}

/// `u32 count`
Result<CompiledOutput::Length> compile_length(std::string_view text, const Scope& scope) {
  const auto argument = parse_argument(text);
  if (!argument || (argument->type != ArgumentType::u32 && argument->type != ArgumentType::u64)) {
    return fail(ErrorCode::bad_pipeline, fmt::format("length is {}; write u32 or u64 and a buffer, such as u32 count", in_quotes(text)));
  }
  const auto buffer = scope.written_buffer(argument->value);
  if (!buffer) return fail_in("length", buffer.error());
  return CompiledOutput::Length{.buffer = *buffer, .size = argument_size(argument->type)};
}

Result<CompiledOutput> compile_output(const PipelineOutput& output, const Scope& scope) {
  CompiledOutput result{.name = output.buffer, .buffer = position(scope.pipeline(), output.buffer), .bytes = {}, .length = {}, .each = {}};
  const std::string where = "output " + in_quotes(output.buffer);
  if (!output.bytes.empty()) {
    auto bytes = compile_at(where, output.bytes, scope);
    if (!bytes) return std::unexpected(bytes.error());
    result.bytes = *std::move(bytes);
  }
  if (!output.length.empty()) {
    const auto length = compile_length(output.length, scope);
    if (!length) return fail_in(where, length.error());
    result.length = *length;
  }
  if (!output.each.empty()) {
    auto each = compile_at(where + ", each", output.each, scope);
    if (!each) return std::unexpected(each.error());
    result.each = *std::move(each);
  }
  return result;
}

Result<CompiledHostStage> compile_host_stage(std::size_t number, const PipelineHostStage& stage, const Scope& scope) {
  const Pipeline& pipeline = scope.pipeline();
  CompiledHostStage result;
  result.label = fmt::format("host stage {} ({})", number + 1, stage.function);
  result.before = stage.before;
  result.function = stage.function;
  result.from = position(pipeline, stage.from);
  result.to = position(pipeline, stage.to);
  if (!stage.length.empty()) result.length = position(pipeline, stage.length);
  if (!stage.bytes.empty()) {
    auto bytes = compile_at(result.label + ", bytes", stage.bytes, scope);
    if (!bytes) return std::unexpected(bytes.error());
    result.bytes = *std::move(bytes);
  }
  for (const PipelineValue& value : stage.values) {
    auto expression = compile_at(fmt::format("{}, {}", result.label, value.name), value.value, scope);
    if (!expression) return std::unexpected(expression.error());
    result.values.emplace_back(value.name, *std::move(expression));
  }
  for (const std::string& name : stage.sets) {
    const auto found = std::ranges::find(pipeline.parameters, name, &PipelineParameter::name);
    result.sets.push_back(static_cast<std::uint32_t>(found - pipeline.parameters.begin()));
  }
  return result;
}

}  // namespace

Result<std::optional<std::array<std::uint32_t, 3>>> CompiledStage::grid_at(const ChunkValues& chunk) const {
  std::array<std::uint64_t, 3> blocks = {1, 1, 1};
  if (by_threads) {
    const auto threads = over.evaluate(chunk);
    if (!threads) return fail_in(label + ", over", threads.error());
    blocks[0] = *threads / block[0] + (*threads % block[0] == 0 ? 0 : 1);
  }
  std::array<std::uint32_t, 3> result = {};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (!by_threads) {
      const auto value = grid[axis].evaluate(chunk);
      if (!value) return fail_in(fmt::format("{}, grid {}", label, kAxes[axis]), value.error());
      blocks[axis] = *value;
    }
    if (blocks[axis] > kMostBlocks[axis]) {
      return fail(ErrorCode::bad_pipeline,
                  fmt::format("{}: {} blocks in {} at n = {}; a card takes {}, use a larger block or smaller chunks", label, blocks[axis],
                              kAxes[axis], chunk.n, kMostBlocks[axis]));
    }
    result[axis] = static_cast<std::uint32_t>(blocks[axis]);
  }
  if (std::ranges::find(result, 0U) != result.end()) return std::nullopt;
  return result;
}

std::vector<double> CompiledPipeline::usual_values(std::uint64_t n) const {
  std::vector<double> values;
  for (const PipelineParameter& variable : variables) values.push_back(variable.value);
  const std::uint64_t share = n / inputs.size();
  std::fill(values.begin() + static_cast<std::ptrdiff_t>(parameters), values.end(), static_cast<double>(share));
  return values;
}

Result<void> CompiledPipeline::check_length(const ChunkValues& chunk) const {
  for (std::size_t i = 0; i < requirements.size(); ++i) {
    const auto holds = requirements[i].holds(chunk);
    if (!holds) return fail_in(fmt::format("requirement {}", i + 1), holds.error());
    if (!*holds) return fail(ErrorCode::bad_size, requirements[i].message(chunk));
  }
  return {};
}

Result<std::uint64_t> CompiledPipeline::buffer_bytes(std::size_t buffer, const ChunkValues& chunk) const {
  auto bytes = buffers[buffer].bytes.evaluate(chunk);
  if (!bytes) return fail_in("buffer " + in_quotes(buffers[buffer].name), bytes.error());
  return bytes;
}

Result<std::uint64_t> allocated_bytes(std::string_view buffer, std::uint64_t bytes) {
  if (bytes > std::numeric_limits<std::uint64_t>::max() - kAllocationUnit) {
    return fail(ErrorCode::bad_pipeline,
                fmt::format("buffer {}: {} bytes are more than any card has; make it smaller", in_quotes(buffer), bytes));
  }
  return std::max<std::uint64_t>((bytes + kAllocationUnit - 1) / kAllocationUnit, 1) * kAllocationUnit;
}

Result<std::uint64_t> CompiledPipeline::output_bytes(const CompiledOutput& output, const ChunkValues& chunk) const {
  const auto held = buffer_bytes(output.buffer, chunk);
  if (!held || !output.bytes) return held;
  const auto length = output.bytes->evaluate(chunk);
  if (!length) return fail_in("output " + in_quotes(output.name), length.error());
  if (*length <= *held) return length;
  return fail(ErrorCode::output_too_large,
              fmt::format("the output has {} bytes at n = {}, but its buffer {} only {}; make the buffer larger", *length, chunk.n,
                          in_quotes(output.name), *held));
}

Result<std::uint64_t> CompiledPipeline::output_length(const ChunkValues& chunk) const {
  std::uint64_t sum = output_header;
  for (const CompiledOutput& output : outputs) {
    const auto bytes = output_bytes(output, chunk);
    if (!bytes) return bytes;
    if (__builtin_add_overflow(sum, *bytes, &sum)) return too_much();
  }
  return sum;
}

Result<std::uint64_t> CompiledPipeline::output_room(std::uint64_t n) const {
  std::uint64_t sum = output_header;
  for (const CompiledOutput& output : outputs) {
    const auto room = largest({n}, [&](const ChunkValues& chunk) {
      auto bytes = output_bytes(output, chunk);
      const bool overflows = !bytes && bytes.error().code == ErrorCode::output_too_large;
      return overflows ? buffer_bytes(output.buffer, chunk) : bytes;
    });
    if (!room) return room;
    if (__builtin_add_overflow(sum, *room, &sum)) return too_much();
  }
  return sum;
}

Result<CompiledPipeline> compile(const Pipeline& pipeline) {
  if (auto shape = check_shape(pipeline); !shape) return std::unexpected(shape.error());
  CompiledPipeline result;
  const Scope scope(pipeline);
  result.variables.assign(scope.variables().begin(), scope.variables().end());
  result.parameters = pipeline.parameters.size();
  for (const auto& buffer : pipeline.buffers) {
    auto bytes = compile_at("buffer " + in_quotes(buffer.name), buffer.bytes, scope);
    if (!bytes) return std::unexpected(bytes.error());
    result.buffers.push_back({.name = buffer.name, .bytes = *std::move(bytes)});
  }
  for (std::size_t i = 0; i < pipeline.require.size(); ++i) {
    auto requirement = CompiledRequirement::compile(pipeline.require[i], scope.variables());
    if (!requirement) return fail_in(fmt::format("requirement {}", i + 1), requirement.error());
    result.requirements.push_back(*std::move(requirement));
  }
  for (std::size_t i = 0; i < pipeline.stages.size(); ++i) {
    auto stage = compile_stage(i, pipeline.stages[i], scope);
    if (!stage) return std::unexpected(stage.error());
    result.stages.push_back(*std::move(stage));
  }
  for (std::size_t i = 0; i < pipeline.repeats.size(); ++i) {
    auto repeat = compile_repeat(i, pipeline.repeats[i], scope);
    if (!repeat) return std::unexpected(repeat.error());
    result.repeats.push_back(*std::move(repeat));
  }
  for (std::size_t i = 0; i < pipeline.host_stages.size(); ++i) {
    auto stage = compile_host_stage(i, pipeline.host_stages[i], scope);
    if (!stage) return std::unexpected(stage.error());
    result.host_stages.push_back(*std::move(stage));
  }
  for (const auto& input : pipeline.inputs) result.inputs.push_back(position(pipeline, input));
  for (std::size_t i = 0; i < pipeline.outputs.size(); ++i) {
    auto output = compile_output(pipeline.outputs[i], scope);
    if (!output) return std::unexpected(output.error());
    result.outputs.push_back(*std::move(output));
  }
  result.output_header = header_room(pipeline);
  return result;
}

}  // namespace sublet
