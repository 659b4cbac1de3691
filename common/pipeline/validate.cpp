#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "common/pipeline/compiled.hpp"
#include "common/pipeline/nearest.hpp"
#include "common/pipeline/wording.hpp"

namespace sublet {

namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kNameSigns = "0123456789_.-";
/// What PTX allows in an identifier.
constexpr std::string_view kKernelSigns = "0123456789_$%.";

/// Above this a double no longer tells neighbouring whole numbers apart.
constexpr double kLargestWhole = 0x1.0p53;

std::unexpected<Error> refuse(std::string problem) { return fail(ErrorCode::bad_pipeline, std::move(problem)); }

bool is_made_of(std::string_view text, std::string_view signs) {
  return std::ranges::all_of(text, [&](char c) { return kLetters.contains(c) || signs.contains(c); });
}

Result<void> check_name(std::string_view what, std::string_view name) {
  if (!name.empty() && name.size() <= PipelineLimits::kNameLength && is_made_of(name, kNameSigns)) return {};
  return refuse(fmt::format("{} has the name {}; use 1 to {} of A-Z a-z 0-9 _ . -", what, in_quotes(name), PipelineLimits::kNameLength));
}

Result<void> check_count(std::string_view what, std::size_t count, std::size_t most) {
  if (count <= most) return {};
  return refuse(fmt::format("{} {}; at most {} are allowed", count, what, most));
}

template <class Item>
std::vector<std::string_view> names_of(const std::vector<Item>& items) {
  std::vector<std::string_view> names;
  for (const auto& each : items) names.push_back(each.name);
  return names;
}

/// Names that are well formed and different.
template <class Item>
Result<void> check_names(std::string_view what, const std::vector<Item>& items) {
  for (const auto& each : items) {
    if (auto ok = check_name(what, each.name); !ok) return ok;
    if (std::ranges::count(items, each.name, &Item::name) == 1) continue;
    return refuse(fmt::format("{} {} is declared twice; give each its own name", what, in_quotes(each.name)));
  }
  return {};
}

Result<void> check_parameters(const Pipeline& pipeline) {
  if (auto ok = check_count("parameters", pipeline.parameters.size(), PipelineLimits::kParameters); !ok) return ok;
  if (auto ok = check_names("a parameter", pipeline.parameters); !ok) return ok;
  constexpr std::array<std::string_view, 4> kTaken = {"n", "min", "max", "ceil_div"};
  for (const auto& [name, value, variation, least, most] : pipeline.parameters) {
    if (!is_made_of(name, "0123456789_") || (!kLetters.contains(name[0]) && name[0] != '_')) {
      return refuse(
          fmt::format("parameter {}: expressions cannot read that name; use letters, digits and _, a digit not first", in_quotes(name)));
    }
    if (std::ranges::find(kTaken, name) != kTaken.end()) {
      return refuse(fmt::format("parameter {}: expressions give that name a meaning of its own; use another", in_quotes(name)));
    }
    if (!std::isfinite(value)) return refuse(fmt::format("parameter {} is {}; use a finite number", in_quotes(name), value));
    if (variation == Variation::none) continue;
    if (!(std::isfinite(least) && std::isfinite(most) && least <= value && value <= most)) {
      return refuse(
          fmt::format("parameter {} is {}, and chunks may say {} to {}; let the range hold it", in_quotes(name), value, least, most));
    }
    const auto is_whole = [](double each) { return std::floor(each) == each && std::abs(each) < kLargestWhole; };
    if (variation == Variation::whole && !(is_whole(value) && is_whole(least) && is_whole(most))) {
      return refuse(
          fmt::format("parameter {} has a range of whole numbers, and is {}; write the range as 0.0..1.0", in_quotes(name), value));
    }
  }
  return {};
}

Result<void> check_buffers(const Pipeline& pipeline) {
  if (pipeline.buffers.empty()) return refuse("there are no buffers; declare at least the input's, such as buffers: {raw: n}");
  if (auto ok = check_count("buffers", pipeline.buffers.size(), PipelineLimits::kBuffers); !ok) return ok;
  if (auto ok = check_names("a buffer", pipeline.buffers); !ok) return ok;
  for (const auto& buffer : pipeline.buffers) {
    if (parse_argument_type(buffer.name))
      return refuse(fmt::format("buffer {} is named as a type; use another name", in_quotes(buffer.name)));
  }
  return {};
}

/// Buffers that are there, and each once.
Result<void> check_ends(std::string_view what, const std::vector<std::string_view>& names, std::size_t most, const Pipeline& pipeline) {
  const auto known = names_of(pipeline.buffers);
  if (names.empty()) return refuse(fmt::format("{0} is missing; name the buffer, such as {0}: {1}", what, known[0]));
  if (auto ok = check_count(fmt::format("{}s", what), names.size(), most); !ok) return ok;
  for (const auto name : names) {
    if (std::ranges::find(known, name) == known.end()) {
      return refuse(fmt::format("{} names the unknown buffer {}{}", what, in_quotes(name), name_remedy(name, known)));
    }
    if (std::ranges::count(names, name) > 1) return refuse(fmt::format("{} {} is named twice; name it once", what, in_quotes(name)));
  }
  return {};
}

Result<void> check_inputs(const Pipeline& pipeline) {
  if (auto ok = check_ends("input", {pipeline.inputs.begin(), pipeline.inputs.end()}, PipelineLimits::kInputs, pipeline); !ok) return ok;
  const auto variables = variables_of(pipeline);
  for (const auto& variable : std::span(variables).subspan(pipeline.parameters.size())) {
    if (!is_made_of(variable.name, "0123456789_")) {
      return refuse(fmt::format("input {}: expressions cannot read {}; of several inputs each has a name of letters, digits and _",
                                in_quotes(variable.name.substr(2)), in_quotes(variable.name)));
    }
    if (std::ranges::count(variables, variable.name, &PipelineParameter::name) > 1) {
      return refuse(fmt::format("parameter {0} has the name of the length of {1}; use another", in_quotes(variable.name),
                                in_quotes(variable.name.substr(2))));
    }
  }
  const auto vary = std::ranges::count_if(variables, [](const auto& each) { return each.variation != Variation::none; });
  return check_count("inputs and parameters that a chunk tells of", static_cast<std::size_t>(vary), PipelineLimits::kVariables);
}

Result<void> check_outputs(const Pipeline& pipeline) {
  std::vector<std::string_view> names;
  for (const auto& output : pipeline.outputs) names.push_back(output.buffer);
  if (auto ok = check_ends("output", names, PipelineLimits::kOutputs, pipeline); !ok) return ok;
  for (const auto& output : pipeline.outputs) {
    if (!output.length.empty() || output.each.empty()) continue;
    return refuse(fmt::format("output {} has each but no length; write what is counted, or leave each out", in_quotes(output.buffer)));
  }
  return {};
}

Result<void> check_residents(const Pipeline& pipeline) {
  if (auto ok = check_count("residents", pipeline.residents.size(), PipelineLimits::kResidents); !ok) return ok;
  if (auto ok = check_names("a resident", pipeline.residents); !ok) return ok;
  const auto buffers = names_of(pipeline.buffers);
  for (const auto& resident : pipeline.residents) {
    if (parse_argument_type(resident.name))
      return refuse(fmt::format("resident {} is named as a type; use another name", in_quotes(resident.name)));
    if (std::ranges::find(buffers, resident.name) != buffers.end())
      return refuse(fmt::format("resident {} is named as a buffer; use another name", in_quotes(resident.name)));
  }
  return {};
}

/// A pipeline comes over the wire: that each of these holds stages that are there, and none that another holds, is not known.
Result<void> check_repeats(const Pipeline& pipeline) {
  std::size_t free = 0;
  for (std::size_t i = 0; i < pipeline.repeats.size(); ++i) {
    const PipelineRepeat& repeat = pipeline.repeats[i];
    const std::string where = fmt::format("repeat {}", i + 1);
    const std::size_t held = std::size_t{repeat.stages} + repeat.check;
    if (repeat.stages == 0 || repeat.first < free || repeat.first + held > pipeline.stages.size()) {
      return refuse(fmt::format("{} has {} stages from number {} on, which are not there or in another; give each stages of its own", where,
                                held, repeat.first + 1));
    }
    free = repeat.first + held;
    const bool has_until = !repeat.until.empty();
    if (!has_until && !repeat.otherwise.empty()) return refuse(where + " has else but no until; write what ends it, or leave else out");
    if (!has_until && repeat.check > 0) return refuse(where + " has check but no until; write what to look for, or leave check out");
    if (!has_until && !repeat.every.empty()) return refuse(where + " has every but no until; write what to look for, or leave every out");
  }
  return {};
}

Result<void> check_host_stage(std::string_view where, const PipelineHostStage& stage, const Pipeline& pipeline) {
  const auto buffers = names_of(pipeline.buffers);
  for (const auto& [key, name] :
       {std::pair{"from", std::string_view(stage.from)}, {"to", std::string_view(stage.to)}, {"length", std::string_view(stage.length)}}) {
    if (key == std::string_view("length") && name.empty()) continue;
    if (std::ranges::find(buffers, name) == buffers.end()) {
      return refuse(fmt::format("{}, {}: there is no buffer {}{}", where, key, in_quotes(name), name_remedy(name, buffers)));
    }
  }
  if (stage.to == stage.length) return refuse(fmt::format("{}: to and length are one buffer; use two", where));
  if (auto ok = check_names(fmt::format("{}: a value", where), stage.values); !ok) return ok;
  for (const std::string& name : stage.sets) {
    const auto found = std::ranges::find(pipeline.parameters, name, &PipelineParameter::name);
    if (found != pipeline.parameters.end() && found->variation != Variation::none) continue;
    return refuse(fmt::format("{} sets {}, which is no parameter with a range; list it under per_chunk", where, in_quotes(name)));
  }
  return {};
}

/// Between stages, and not among those that repeat.
Result<void> check_host_stages(const Pipeline& pipeline) {
  if (auto ok = check_count("host stages", pipeline.host_stages.size(), PipelineLimits::kHostStages); !ok) return ok;
  std::uint32_t last = 0;
  for (std::size_t i = 0; i < pipeline.host_stages.size(); ++i) {
    const PipelineHostStage& stage = pipeline.host_stages[i];
    const std::string where = fmt::format("host stage {} ({})", i + 1, in_quotes(stage.function));
    if (auto ok = check_name(where, stage.function); !ok) return ok;
    const auto splits = [&](const PipelineRepeat& repeat) {
      return stage.before > repeat.first && stage.before < std::uint64_t{repeat.first} + repeat.stages + repeat.check;
    };
    if (stage.before < last || stage.before > pipeline.stages.size() || std::ranges::any_of(pipeline.repeats, splits)) {
      return refuse(
          fmt::format("{} stands before stage {}, which is not there or repeats; put it between stages", where, stage.before + 1));
    }
    last = stage.before;
    if (auto ok = check_host_stage(where, stage, pipeline); !ok) return ok;
  }
  return {};
}

Result<void> check_module_of(std::string_view where, const PipelineStage& stage, const Pipeline& pipeline) {
  const auto known = names_of(pipeline.modules);
  if (known.empty())
    return refuse(fmt::format("{}: there is no module that could hold it; declare one, such as modules: [video.ptx]", where));
  if (stage.module.empty() && known.size() > 1) {
    return refuse(fmt::format("{}: there are {} modules; say which one with module: {}", where, known.size(), known[0]));
  }
  if (stage.module.empty() || std::ranges::find(known, stage.module) != known.end()) return {};
  return refuse(fmt::format("{}: there is no module {}{}", where, in_quotes(stage.module), name_remedy(stage.module, known)));
}

Result<void> check_block(std::string_view where, const PipelineStage& stage) {
  const auto [x, y, z] = stage.block;
  if (x == 0 || y == 0 || z == 0)
    return refuse(fmt::format("{}: block {} x {} x {} has no threads; use 1 or more each way", where, x, y, z));
  const std::uint64_t threads = std::uint64_t{x} * y;
  if (threads <= PipelineLimits::kThreadsPerBlock && threads * z <= PipelineLimits::kThreadsPerBlock && z <= PipelineLimits::kBlockDepth) {
    return {};
  }
  return refuse(fmt::format("{}: block {} x {} x {}; a card takes at most {} threads in all and {} in z, launch more blocks instead", where,
                            x, y, z, PipelineLimits::kThreadsPerBlock, PipelineLimits::kBlockDepth));
}

Result<void> check_extent(std::string_view where, const PipelineStage& stage) {
  const bool has_grid = std::ranges::any_of(stage.grid, [](const Expression& each) { return !each.empty(); });
  if (stage.over.empty() != has_grid) {
    return refuse(fmt::format("{}: {}; write over: n for one thread each, or grid: [blocks in x, y, z]", where,
                              has_grid ? "over and grid exclude each other" : "how many threads is missing"));
  }
  if (!has_grid && (stage.block[1] != 1 || stage.block[2] != 1)) {
    return refuse(fmt::format("{}: over counts threads in x only; use block: [{}], or grid instead of over", where, stage.block[0]));
  }
  return check_block(where, stage);
}

Result<void> check_stage(std::size_t number, const PipelineStage& stage, const Pipeline& pipeline) {
  const std::string where = fmt::format("stage {} (kernel {})", number + 1, in_quotes(stage.kernel));
  if (stage.kernel.empty() || stage.kernel.size() > PipelineLimits::kKernelNameLength || !is_made_of(stage.kernel, kKernelSigns)) {
    return refuse(fmt::format("{}: that cannot be a kernel's name; use 1 to {} of A-Z a-z 0-9 _ $ % . as in the PTX's .entry", where,
                              PipelineLimits::kKernelNameLength));
  }
  if (auto ok = check_module_of(where, stage, pipeline); !ok) return ok;
  if (auto ok = check_extent(where, stage); !ok) return ok;
  if (stage.shared_bytes > PipelineLimits::kSharedBytes) {
    return refuse(fmt::format("{}: {} bytes of shared memory; no card has more than {} for a block", where, stage.shared_bytes,
                              PipelineLimits::kSharedBytes));
  }
  if (stage.args.size() <= PipelineLimits::kArguments) return {};
  return refuse(fmt::format("{}: {} arguments; at most {} are allowed, put numbers that go together into one", where, stage.args.size(),
                            PipelineLimits::kArguments));
}

}  // namespace

Result<void> check_shape(const Pipeline& pipeline) {
  if (auto ok = check_name("the pipeline", pipeline.name); !ok) return ok;
  if (auto ok = check_count("modules", pipeline.modules.size(), PipelineLimits::kModules); !ok) return ok;
  if (auto ok = check_names("a module", pipeline.modules); !ok) return ok;
  if (auto ok = check_parameters(pipeline); !ok) return ok;
  if (auto ok = check_buffers(pipeline); !ok) return ok;
  if (auto ok = check_inputs(pipeline); !ok) return ok;
  if (auto ok = check_outputs(pipeline); !ok) return ok;
  if (auto ok = check_residents(pipeline); !ok) return ok;
  if (auto ok = check_count("requirements", pipeline.require.size(), PipelineLimits::kRequirements); !ok) return ok;
  if (auto ok = check_count("stages", pipeline.stages.size(), PipelineLimits::kStages); !ok) return ok;
  for (std::size_t i = 0; i < pipeline.stages.size(); ++i) {
    if (auto ok = check_stage(i, pipeline.stages[i], pipeline); !ok) return ok;
  }
  if (auto ok = check_repeats(pipeline); !ok) return ok;
  if (auto ok = check_host_stages(pipeline); !ok) return ok;
  if (pipeline.lanes > PipelineLimits::kLanes) {
    return refuse(fmt::format("{} lanes; use 1 to {}", pipeline.lanes, PipelineLimits::kLanes));
  }
  if (pipeline.time_limit_ms < 1 || pipeline.time_limit_ms > PipelineLimits::kTimeLimitMs) {
    return refuse(fmt::format("a time limit of {} ms; use 1ms to 1h", pipeline.time_limit_ms));
  }
  return {};
}

Result<void> validate(const Pipeline& pipeline) {
  if (auto compiled = compile(pipeline); !compiled) return std::unexpected(compiled.error());
  return {};
}

Result<Pipeline> with_parameter(Pipeline pipeline, std::string_view name, double value) {
  const PipelineParameter changed{.name = std::string(name), .value = value};
  return with_parameters(std::move(pipeline), {&changed, 1});
}

Result<Pipeline> with_parameters(Pipeline pipeline, std::span<const PipelineParameter> changed) {
  for (const auto& [name, value, variation, least, most] : changed) {
    const auto found = std::ranges::find(pipeline.parameters, name, &PipelineParameter::name);
    if (found == pipeline.parameters.end()) {
      return refuse(fmt::format("pipeline {} has no parameter {}{}", in_quotes(pipeline.name), in_quotes(name),
                                name_remedy(name, names_of(pipeline.parameters))));
    }
    if (found->variation != Variation::none && !may_be(*found, value)) {
      return refuse(fmt::format("parameter {} cannot be {}; chunks of pipeline {} may say {} from {} to {}", in_quotes(name), value,
                                in_quotes(pipeline.name), found->variation == Variation::real ? "a number" : "a whole number", found->least,
                                found->most));
    }
    found->value = value;
  }
  if (auto ok = validate(pipeline); !ok) return std::unexpected(ok.error());
  return pipeline;
}

}  // namespace sublet
