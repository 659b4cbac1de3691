#include "common/pipeline/explain.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "common/pipeline/compiled.hpp"
#include "common/pipeline/lanes.hpp"

namespace sublet {

namespace {

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string time_text(std::uint32_t milliseconds) {
  return milliseconds % 1000 == 0 ? fmt::format("{} s", milliseconds / 1000) : fmt::format("{} ms", milliseconds);
}

/// `3` of {3, 1, 1}; `16 x 16` of {16, 16, 1}.
std::string extent_text(const std::array<std::uint32_t, 3>& extent) {
  if (extent[2] != 1) return fmt::format("{} x {} x {}", extent[0], extent[1], extent[2]);
  if (extent[1] != 1) return fmt::format("{} x {}", extent[0], extent[1]);
  return fmt::format("{}", extent[0]);
}

/// A table whose columns are as wide as their widest cell; those of `right` stand on the right.
class Table {
 public:
  explicit Table(std::vector<bool> right) : right_(std::move(right)) {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  [[nodiscard]] std::size_t rows() const { return rows_.size(); }

  [[nodiscard]] std::string text() const {
    std::vector<std::size_t> widths(right_.size());
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string result;
    for (const auto& row : rows_) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i) line += "  " + aligned(row[i], widths[i], right_[i]);
      line.erase(line.find_last_not_of(' ') + 1);
      result += line + "\n";
    }
    return result;
  }

 private:
  static std::string aligned(const std::string& cell, std::size_t width, bool right) {
    return right ? fmt::format("{:>{}}", cell, width) : fmt::format("{:<{}}", cell, width);
  }

  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

/// `i32 n = 1000`; only the text of what is a number already.
Result<std::string> argument_text(const PipelineArgument& argument, const CompiledArgument& compiled, const ChunkValues& n) {
  const std::string text = to_text(argument);
  if (compiled.is_buffer()) return text;
  const auto bits = compiled.bits(n);
  if (!bits) return std::unexpected(bits.error());
  const bool has_names =
      std::ranges::any_of(argument.value, [](char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
  if (!has_names) return text;
  if (compiled.type() == ArgumentType::f32) return fmt::format("{} = {}", text, std::bit_cast<float>(static_cast<std::uint32_t>(*bits)));
  if (compiled.type() == ArgumentType::f64) return fmt::format("{} = {}", text, std::bit_cast<double>(*bits));
  const bool negative = (*bits >> 63U) != 0 && compiled.type() != ArgumentType::u64;
  return negative ? fmt::format("{} = {}", text, static_cast<std::int64_t>(*bits)) : fmt::format("{} = {}", text, *bits);
}

/// `file -> pixels, sets width, height`
std::string host_text(const PipelineHostStage& stage) {
  std::string text = fmt::format("{} -> {}", stage.from, stage.to);
  for (const PipelineValue& value : stage.values) text += fmt::format(", {} = {}", value.name, value.value);
  for (std::size_t i = 0; i < stage.sets.size(); ++i) text += (i == 0 ? ", sets " : ", ") + stage.sets[i];
  return text;
}

Result<std::string> stage_table(const Pipeline& pipeline, const CompiledPipeline& compiled, const ChunkValues& n) {
  Table table({true, false, false, false, false, false});
  table.add({"stage", "kernel", "module", "grid", "block", "arguments"});
  auto host = pipeline.host_stages.begin();
  const auto add_host_stages = [&](std::size_t before) {
    for (; host != pipeline.host_stages.end() && host->before <= before; ++host) {
      table.add({"host", host->function, "", "", "", host_text(*host)});
    }
  };
  for (std::size_t i = 0; i < compiled.stages.size(); ++i) {
    add_host_stages(i);
    const CompiledStage& stage = compiled.stages[i];
    const auto grid = stage.grid_at(n);
    if (!grid) return std::unexpected(grid.error());
    std::string arguments;
    for (std::size_t j = 0; j < stage.args.size(); ++j) {
      const auto text = argument_text(pipeline.stages[i].args[j], stage.args[j], n);
      if (!text) return std::unexpected(text.error());
      arguments += (j == 0 ? "" : ", ") + *text;
    }
    table.add({std::to_string(i + 1), stage.kernel, pipeline.modules[stage.module].name, *grid ? extent_text(**grid) : "skipped",
               extent_text(stage.block), arguments});
  }
  add_host_stages(compiled.stages.size());
  return table.text();
}

std::string role_of(std::size_t buffer, const CompiledPipeline& compiled) {
  std::string role = std::ranges::find(compiled.inputs, buffer) == compiled.inputs.end() ? "" : "input";
  const auto output = std::ranges::find(compiled.outputs, buffer, &CompiledOutput::buffer);
  if (output == compiled.outputs.end()) return role;
  role += role.empty() ? "output" : ", output";
  return output->length ? role + " as long as " + compiled.buffers[output->length->buffer].name + " says" : role;
}

Result<std::string> buffer_table(const Pipeline& pipeline, const CompiledPipeline& compiled, const ChunkValues& n) {
  Table table({false, true, true, false, false});
  table.add({"buffer", "bytes", "VRAM", "expression", ""});
  for (std::size_t i = 0; i < compiled.buffers.size(); ++i) {
    const auto bytes = compiled.buffer_bytes(i, n);
    if (!bytes) return std::unexpected(bytes.error());
    const auto allocated = allocated_bytes(compiled.buffers[i].name, *bytes);
    if (!allocated) return std::unexpected(allocated.error());
    table.add({compiled.buffers[i].name, std::to_string(*bytes), size_text(*allocated), pipeline.buffers[i].bytes, role_of(i, compiled)});
  }
  return table.text();
}

/// With an empty line behind it; nothing where chunks have no header.
std::string variable_table(const CompiledPipeline& compiled, std::span<const double> values) {
  Table table({false, false, true});
  table.add({"a chunk says", "range", "here"});
  for (std::size_t i = 0; i < compiled.variables.size(); ++i) {
    const PipelineParameter& variable = compiled.variables[i];
    if (variable.variation == Variation::none) continue;
    table.add({variable.name, i < compiled.parameters ? fmt::format("{} to {}", variable.least, variable.most) : "bytes of an input",
               fmt::format("{}", values[i])});
  }
  return table.rows() == 1 ? "" : table.text() + "\n";
}

/// With an empty line behind it; nothing without residents.
Result<std::string> resident_table(const Pipeline& pipeline) {
  if (pipeline.residents.empty()) return "";
  Table table({false, true, true});
  table.add({"resident", "bytes", "VRAM"});
  for (const PipelineResident& resident : pipeline.residents) {
    const auto allocated = allocated_bytes(resident.name, resident.bytes);
    if (!allocated) return std::unexpected(allocated.error());
    table.add({resident.name, std::to_string(resident.bytes), size_text(*allocated)});
  }
  return table.text() + "\n";
}

/// `2`, or `2 to 3`.
std::string stages_text(std::uint32_t first, std::uint32_t count) {
  if (count == 0) return "";
  return count == 1 ? fmt::format("{}", first + 1) : fmt::format("{} to {}", first + 1, first + count);
}

/// With an empty line behind it; nothing without repeats.
Result<std::string> repeat_table(const Pipeline& pipeline, const CompiledPipeline& compiled, const ChunkValues& n) {
  if (compiled.repeats.empty()) return "";
  Table table({false, true, false, false, false, false});
  table.add({"repeated", "times", "until", "looked at", "check", "else"});
  for (std::size_t i = 0; i < compiled.repeats.size(); ++i) {
    const PipelineRepeat& repeat = pipeline.repeats[i];
    const CompiledRepeat& made = compiled.repeats[i];
    const auto times = made.times.evaluate(n);
    if (!times) return fail_in(made.label + ", times", times.error());
    const auto every = made.every.evaluate(n);
    if (!every) return fail_in(made.label + ", every", every.error());
    const auto stages = "stages " + stages_text(repeat.first, repeat.stages);
    if (!made.until) {
      table.add({stages, std::to_string(*times), "", "", "", ""});
      continue;
    }
    table.add({stages, std::to_string(*times), repeat.until, *every == 1 ? "each time" : fmt::format("each {} times", *every),
               repeat.check == 0 ? "" : "stages " + stages_text(repeat.first + repeat.stages, repeat.check),
               made.otherwise ? made.otherwise->at(n) : "goes on"});
  }
  return table.text() + "\n";
}

/// With an empty line behind it; nothing for a pipeline that takes chunks of any length.
Result<std::string> requirement_table(const Pipeline& pipeline, const CompiledPipeline& compiled, const ChunkValues& n) {
  if (compiled.requirements.empty()) return "";
  Table table({false, false, false});
  table.add({"required", "", "else"});
  for (std::size_t i = 0; i < compiled.requirements.size(); ++i) {
    const auto holds = compiled.requirements[i].holds(n);
    if (!holds) return std::unexpected(holds.error());
    table.add({pipeline.require[i].that, *holds ? "holds" : "does not", compiled.requirements[i].message(n)});
  }
  return table.text() + "\n";
}

bool measures(const CompiledPipeline& compiled) {
  return std::ranges::any_of(compiled.outputs, [](const CompiledOutput& output) { return output.length.has_value(); });
}

}  // namespace

Result<std::string> explain(const Bundle& bundle, std::uint64_t n) {
  const Pipeline& pipeline = bundle.pipeline;
  const auto compiled = compile(pipeline);
  if (!compiled) return std::unexpected(compiled.error());
  const auto values = compiled->usual_values(n);
  const ChunkValues chunk(n, values);
  const auto stages = stage_table(pipeline, *compiled, chunk);
  if (!stages) return stages;
  const auto buffers = buffer_table(pipeline, *compiled, chunk);
  if (!buffers) return buffers;
  const auto lane = lane_bytes(pipeline, n);
  if (!lane) return std::unexpected(lane.error());
  const auto lease = lease_need(bundle, n);
  if (!lease) return std::unexpected(lease.error());
  const auto output = compiled->output_length(chunk);
  if (!output) return std::unexpected(output.error());

  std::string result = fmt::format("Pipeline {}, for a chunk of {} bytes\n\n", pipeline.name, n);
  const bool has_stages = !pipeline.stages.empty() || !pipeline.host_stages.empty();
  if (!has_stages) {
    result += "  No stages: the output is what the input's buffer holds.\n\n";
  }
  if (has_stages) result += *stages + "\n";
  const auto repeats = repeat_table(pipeline, *compiled, chunk);
  if (!repeats) return repeats;
  result += *repeats;
  result += variable_table(*compiled, values);
  result += *buffers + "\n";
  const auto residents = resident_table(pipeline);
  if (!residents) return residents;
  result += *residents;
  const auto requirements = requirement_table(pipeline, *compiled, chunk);
  if (!requirements) return requirements;
  result += *requirements;
  Table totals({false, true, false});
  totals.add({"VRAM of a lane", size_text(lane->count), "all its buffers"});
  const std::string lanes = pipeline.lanes <= 1 ? "1 lane" : fmt::format("{} lanes", pipeline.lanes);
  totals.add({pipeline.lanes == 0 ? "least VRAM of a lease" : "VRAM of a lease", size_text(lease->least.count),
              fmt::format("{}{} modules of {}", lanes, pipeline.residents.empty() ? " and" : ", residents and",
                          size_text(module_bytes(bundle).count))});
  if (pipeline.lanes == 0) {
    totals.add({"most VRAM of a lease", size_text(most_of(*lease, useful_lanes("cuda")).count),
                fmt::format("{} lanes, where the card has room", useful_lanes("cuda"))});
  }
  totals.add({"output", fmt::format("{} B", *output), measures(*compiled) ? "copied back per chunk at most" : "copied back per chunk"});
  totals.add({"time limit", time_text(pipeline.time_limit_ms), "for a chunk's kernels"});
  result += totals.text();
  const auto taken = compiled->check_length(chunk);
  return taken ? result : result + fmt::format("\nA chunk of {} bytes is refused: {}\n", n, taken.error().detail);
}

}  // namespace sublet
