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

Result<CompiledExpression> compile_at(std::string_view where, const Expression& text, const Pipeline& pipeline) {
  auto result = CompiledExpression::compile(trimmed(text), pipeline.parameters);
  if (!result) return fail_in(where, result.error());
  return result;
}

Result<void> compile_extent(const PipelineStage& stage, const Pipeline& pipeline, CompiledStage& result) {
  result.by_threads = !stage.over.empty();
  if (result.by_threads) {
    auto over = compile_at(result.label + ", over", stage.over, pipeline);
    if (!over) return std::unexpected(over.error());
    result.over = *std::move(over);
    return {};
  }
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const Expression& text = stage.grid[axis].empty() ? "1" : stage.grid[axis];
    auto blocks = compile_at(fmt::format("{}, grid {}", result.label, kAxes[axis]), text, pipeline);
    if (!blocks) return std::unexpected(blocks.error());
    result.grid[axis] = *std::move(blocks);
  }
  return {};
}

Result<CompiledStage> compile_stage(std::size_t number, const PipelineStage& stage, const Pipeline& pipeline) {
  CompiledStage result;
  result.label = fmt::format("stage {} (kernel {})", number + 1, in_quotes(stage.kernel));
  result.kernel = stage.kernel;
  const auto module = std::ranges::find(pipeline.modules, stage.module, &PipelineModule::name);
  result.module = stage.module.empty() ? 0 : static_cast<std::uint32_t>(module - pipeline.modules.begin());
  result.block = stage.block;
  result.shared_bytes = stage.shared_bytes;
  if (auto extent = compile_extent(stage, pipeline, result); !extent) return std::unexpected(extent.error());
  for (std::size_t i = 0; i < stage.args.size(); ++i) {
    auto argument = CompiledArgument::compile(stage.args[i], pipeline);
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

Result<CompiledRepeat> compile_repeat(std::size_t number, const PipelineRepeat& repeat, const Pipeline& pipeline) {
  CompiledRepeat result{.label = fmt::format("repeat {}", number + 1),
                        .first = repeat.first,
                        .stages = repeat.stages,
                        .check = repeat.check,
                        .times = {},
                        .every = {},
                        .until = {},
                        .otherwise = {}};
  auto times = compile_at(result.label + ", times", repeat.times, pipeline);
  if (!times) return std::unexpected(times.error());
  result.times = *std::move(times);
  auto every = compile_at(result.label + ", every", repeat.every.empty() ? "1" : repeat.every, pipeline);
  if (!every) return std::unexpected(every.error());
  result.every = *std::move(every);
  if (!repeat.until.empty()) {
    auto until = CompiledUntil::compile(repeat.until, pipeline);
    if (!until) return fail_in(result.label + ", until", until.error());
    result.until = *std::move(until);
  }
  if (!repeat.otherwise.empty()) {
    auto message = CompiledMessage::compile(repeat.otherwise, pipeline.parameters);
    if (!message) return fail_in(result.label, message.error());
    result.otherwise = *std::move(message);
  }
  return result;
}

std::uint32_t position(const Pipeline& pipeline, std::string_view buffer) {
  return static_cast<std::uint32_t>(std::ranges::find(pipeline.buffers, buffer, &PipelineBuffer::name) - pipeline.buffers.begin());
}

}  // namespace

Result<std::optional<std::array<std::uint32_t, 3>>> CompiledStage::grid_at(std::uint64_t n) const {
  std::array<std::uint64_t, 3> blocks = {1, 1, 1};
  if (by_threads) {
    const auto threads = over.evaluate(n);
    if (!threads) return fail_in(label + ", over", threads.error());
    blocks[0] = *threads / block[0] + (*threads % block[0] == 0 ? 0 : 1);
  }
  std::array<std::uint32_t, 3> result = {};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (!by_threads) {
      const auto value = grid[axis].evaluate(n);
      if (!value) return fail_in(fmt::format("{}, grid {}", label, kAxes[axis]), value.error());
      blocks[axis] = *value;
    }
    if (blocks[axis] > kMostBlocks[axis]) {
      return fail(ErrorCode::bad_pipeline,
                  fmt::format("{}: {} blocks in {} at n = {}; a card takes {}, use a larger block or smaller chunks", label, blocks[axis],
                              kAxes[axis], n, kMostBlocks[axis]));
    }
    result[axis] = static_cast<std::uint32_t>(blocks[axis]);
  }
  if (std::ranges::find(result, 0U) != result.end()) return std::nullopt;
  return result;
}

Result<void> CompiledPipeline::check_length(std::uint64_t n) const {
  for (std::size_t i = 0; i < requirements.size(); ++i) {
    const auto holds = requirements[i].holds(n);
    if (!holds) return fail_in(fmt::format("requirement {}", i + 1), holds.error());
    if (!*holds) return fail(ErrorCode::bad_size, requirements[i].message(n));
  }
  return {};
}

Result<std::uint64_t> CompiledPipeline::buffer_bytes(std::size_t buffer, std::uint64_t n) const {
  auto bytes = buffers[buffer].bytes.evaluate(n);
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

Result<std::uint64_t> CompiledPipeline::output_length(std::uint64_t n) const {
  const auto held = buffer_bytes(output, n);
  if (!held || !output_bytes) return held;
  const auto length = output_bytes->evaluate(n);
  if (!length) return fail_in("output", length.error());
  if (*length > *held) {
    return fail(ErrorCode::output_too_large,
                fmt::format("the output has {} bytes at n = {}, but its buffer {} only {}; make the buffer larger", *length, n,
                            in_quotes(buffers[output].name), *held));
  }
  return length;
}

Result<std::uint64_t> CompiledPipeline::output_room(std::uint64_t n) const {
  auto length = output_length(n);
  if (length || length.error().code != ErrorCode::output_too_large) return length;
  return buffer_bytes(output, n);
}

Result<CompiledPipeline> compile(const Pipeline& pipeline) {
  if (auto shape = check_shape(pipeline); !shape) return std::unexpected(shape.error());
  CompiledPipeline result;
  for (const auto& buffer : pipeline.buffers) {
    auto bytes = compile_at("buffer " + in_quotes(buffer.name), buffer.bytes, pipeline);
    if (!bytes) return std::unexpected(bytes.error());
    result.buffers.push_back({.name = buffer.name, .bytes = *std::move(bytes)});
  }
  for (std::size_t i = 0; i < pipeline.require.size(); ++i) {
    auto requirement = CompiledRequirement::compile(pipeline.require[i], pipeline.parameters);
    if (!requirement) return fail_in(fmt::format("requirement {}", i + 1), requirement.error());
    result.requirements.push_back(*std::move(requirement));
  }
  for (std::size_t i = 0; i < pipeline.stages.size(); ++i) {
    auto stage = compile_stage(i, pipeline.stages[i], pipeline);
    if (!stage) return std::unexpected(stage.error());
    result.stages.push_back(*std::move(stage));
  }
  for (std::size_t i = 0; i < pipeline.repeats.size(); ++i) {
    auto repeat = compile_repeat(i, pipeline.repeats[i], pipeline);
    if (!repeat) return std::unexpected(repeat.error());
    result.repeats.push_back(*std::move(repeat));
  }
  result.input = position(pipeline, pipeline.input);
  result.output = position(pipeline, pipeline.output);
  if (!pipeline.output_bytes.empty()) {
    auto bytes = compile_at("output", pipeline.output_bytes, pipeline);
    if (!bytes) return std::unexpected(bytes.error());
    result.output_bytes = *std::move(bytes);
  }
  return result;
}

}  // namespace sublet
