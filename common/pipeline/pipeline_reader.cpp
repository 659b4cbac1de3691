#include "common/pipeline/pipeline_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "common/pipeline/argument.hpp"
#include "common/pipeline/nearest.hpp"
#include "common/pipeline/wording.hpp"

namespace sublet {

namespace {

using Kind = YamlNode::Kind;

std::unexpected<Error> refuse(const YamlNode& node, std::string_view problem) {
  return fail(ErrorCode::bad_pipeline, fmt::format("line {}: {}", node.line, problem));
}

/// A map whose keys are plain, different and among `known`; any keys when `known` is empty.
Result<void> check_map(const YamlNode& node, std::string_view what, std::span<const std::string_view> known) {
  if (node.kind != Kind::map) return refuse(node, fmt::format("{} should be a map, such as {{key: value}}", what));
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
    const YamlNode& key = node.items[i];
    if (key.kind != Kind::scalar) return refuse(key, fmt::format("{} has a key that is no plain word", what));
    if (!known.empty() && std::ranges::find(known, key.text) == known.end()) {
      return refuse(key, fmt::format("{} has the unknown key {}{}", what, in_quotes(key.text), name_remedy(key.text, known)));
    }
    for (std::size_t j = 0; j < i; j += 2) {
      if (node.items[j].text != key.text) continue;
      return refuse(key,
                    fmt::format("{} has the key {} twice (first on line {}); remove one", what, in_quotes(key.text), node.items[j].line));
    }
  }
  return {};
}

const YamlNode* find(const YamlNode& map, std::string_view key) {
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i].text == key) return &map.items[i + 1];
  }
  return nullptr;
}

/// Sets `into` when the key is there; an empty text would look as if it were not.
Result<void> read_text(const YamlNode& map, std::string_view key, std::string& into) {
  const YamlNode* node = find(map, key);
  if (node == nullptr) return {};
  if (node->kind != Kind::scalar || trimmed(node->text).empty()) return refuse(*node, fmt::format("{} should be a single value", key));
  into = trimmed(node->text);
  return {};
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<void> read_u32(const YamlNode& map, std::string_view key, std::uint32_t& into) {
  const YamlNode* node = find(map, key);
  if (node == nullptr) return {};
  const auto value = number_in<std::uint32_t>(node->text);
  if (node->kind != Kind::scalar || !value) {
    return refuse(*node, fmt::format("{} is {}; write a whole number from 0 to 2^32 - 1", key, in_quotes(node->text)));
  }
  into = *value;
  return {};
}

/// One to three values: a plain one, or a list.
Result<std::span<const YamlNode>> read_axes(const YamlNode& node, std::string_view key) {
  const std::span<const YamlNode> items = node.kind == Kind::list ? std::span<const YamlNode>(node.items) : std::span(&node, 1);
  const bool plain =
      std::ranges::all_of(items, [](const YamlNode& each) { return each.kind == Kind::scalar && !trimmed(each.text).empty(); });
  if (items.empty() || items.size() > 3 || !plain) {
    return refuse(node, fmt::format("{} should be one value or a list of up to three: x, y, z", key));
  }
  return items;
}

Result<void> read_grid(const YamlNode& map, PipelineStage& stage) {
  const YamlNode* node = find(map, "grid");
  if (node == nullptr) return {};
  const auto axes = read_axes(*node, "grid");
  if (!axes) return std::unexpected(axes.error());
  for (std::size_t i = 0; i < axes->size(); ++i) stage.grid[i] = trimmed((*axes)[i].text);
  return {};
}

Result<void> read_block(const YamlNode& map, PipelineStage& stage) {
  const YamlNode* node = find(map, "block");
  if (node == nullptr) return {};
  const auto axes = read_axes(*node, "block");
  if (!axes) return std::unexpected(axes.error());
  stage.block = {1, 1, 1};
  for (std::size_t i = 0; i < axes->size(); ++i) {
    const auto threads = number_in<std::uint32_t>((*axes)[i].text);
    if (!threads) return refuse((*axes)[i], fmt::format("block is {}; write how many threads, such as 256", in_quotes((*axes)[i].text)));
    stage.block[i] = *threads;
  }
  return {};
}

Result<void> read_args(const YamlNode& map, PipelineStage& stage) {
  const YamlNode* node = find(map, "args");
  if (node == nullptr) return {};
  if (node->kind != Kind::list) return refuse(*node, "args should be a list, such as [raw, i32 n]");
  for (const YamlNode& item : node->items) {
    if (item.kind != Kind::scalar) return refuse(item, "an argument should be a buffer's name, or a type and a value such as i32 n");
    auto argument = parse_argument(item.text);
    if (!argument) return refuse(item, argument.error().detail);
    stage.args.push_back(*std::move(argument));
  }
  return {};
}

Result<PipelineStage> read_stage(const YamlNode& node, std::size_t number) {
  static constexpr std::array<std::string_view, 7> kKeys = {"kernel", "module", "over", "grid", "block", "shared_bytes", "args"};
  const std::string what = fmt::format("stage {}", number);
  if (auto ok = check_map(node, what, kKeys); !ok) return std::unexpected(ok.error());
  if (find(node, "kernel") == nullptr) return refuse(node, what + " names no kernel; write kernel: and its name in the PTX");
  PipelineStage stage;
  if (auto ok = read_text(node, "kernel", stage.kernel); !ok) return std::unexpected(ok.error());
  if (auto ok = read_text(node, "module", stage.module); !ok) return std::unexpected(ok.error());
  if (auto ok = read_text(node, "over", stage.over); !ok) return std::unexpected(ok.error());
  if (auto ok = read_grid(node, stage); !ok) return std::unexpected(ok.error());
  if (auto ok = read_block(node, stage); !ok) return std::unexpected(ok.error());
  if (auto ok = read_u32(node, "shared_bytes", stage.shared_bytes); !ok) return std::unexpected(ok.error());
  if (auto ok = read_args(node, stage); !ok) return std::unexpected(ok.error());
  return stage;
}

Result<void> read_plain_stage(const YamlNode& item, Pipeline& pipeline) {
  auto stage = read_stage(item, pipeline.stages.size() + 1);
  if (!stage) return std::unexpected(stage.error());
  pipeline.stages.push_back(*std::move(stage));
  return {};
}

/// How many stages that list adds.
Result<std::uint32_t> read_repeated(const YamlNode& list, std::string_view what, Pipeline& pipeline) {
  const std::size_t before = pipeline.stages.size();
  if (list.kind != Kind::list) return refuse(list, fmt::format("{} should have its stages as a list", what));
  for (const YamlNode& stage : list.items) {
    if (stage.kind == Kind::map && find(stage, "repeat") != nullptr)
      return refuse(stage, fmt::format("{} holds another; repeats cannot be nested", what));
    if (auto ok = read_plain_stage(stage, pipeline); !ok) return std::unexpected(ok.error());
  }
  return static_cast<std::uint32_t>(pipeline.stages.size() - before);
}

/// `{repeat: {times: 100}, stages: [...]}`
Result<void> read_repeat(const YamlNode& item, Pipeline& pipeline) {
  static constexpr std::array<std::string_view, 3> kKeys = {"repeat", "stages", "check"};
  static constexpr std::array<std::string_view, 4> kRepeatKeys = {"times", "every", "until", "else"};
  const std::string what = fmt::format("repeat {}", pipeline.repeats.size() + 1);
  if (auto ok = check_map(item, what, kKeys); !ok) return ok;
  const YamlNode& how = *find(item, "repeat");
  if (auto ok = check_map(how, what, kRepeatKeys); !ok) return ok;
  if (find(how, "times") == nullptr) return refuse(how, what + " has no times; write how often at most, such as times: 1000");
  PipelineRepeat repeat{.first = static_cast<std::uint32_t>(pipeline.stages.size()),
                        .stages = 0,
                        .check = 0,
                        .times = {},
                        .every = {},
                        .until = {},
                        .otherwise = {}};
  if (auto ok = read_text(how, "times", repeat.times); !ok) return ok;
  if (auto ok = read_text(how, "every", repeat.every); !ok) return ok;
  if (auto ok = read_text(how, "until", repeat.until); !ok) return ok;
  if (auto ok = read_text(how, "else", repeat.otherwise); !ok) return ok;
  const YamlNode* stages = find(item, "stages");
  if (stages == nullptr || stages->items.empty()) {
    return refuse(item, what + " repeats nothing; list what under stages, such as stages: [{kernel: step, over: n, args: [grid]}]");
  }
  const auto repeated = read_repeated(*stages, what, pipeline);
  if (!repeated) return std::unexpected(repeated.error());
  repeat.stages = *repeated;
  if (const YamlNode* check = find(item, "check"); check != nullptr && check->kind != Kind::nothing) {
    const auto checked = read_repeated(*check, what, pipeline);
    if (!checked) return std::unexpected(checked.error());
    repeat.check = *checked;
  }
  pipeline.repeats.push_back(std::move(repeat));
  return {};
}

Result<void> read_stages(const YamlNode& map, Pipeline& pipeline) {
  const YamlNode* node = find(map, "stages");
  if (node == nullptr || node->kind == Kind::nothing) return {};
  if (node->kind != Kind::list) return refuse(*node, "stages should be a list, such as - {kernel: decode, over: n, args: [raw, i32 n]}");
  for (const YamlNode& item : node->items) {
    const bool repeated = item.kind == Kind::map && find(item, "repeat") != nullptr;
    if (auto ok = repeated ? read_repeat(item, pipeline) : read_plain_stage(item, pipeline); !ok) return ok;
  }
  return {};
}

/// `video` of `folder/video.ptx`.
std::string stem(std::string_view file) {
  const auto slash = file.find_last_of('/');
  if (slash != std::string_view::npos) file.remove_prefix(slash + 1);
  return std::string(file.substr(0, file.find_last_of('.')));
}

Result<void> check_file(const YamlNode& file, std::string_view remedy) {
  if (file.kind == Kind::scalar && !file.text.empty() && file.text.find('\0') == std::string::npos) return {};
  return refuse(file, remedy);
}

Result<void> read_modules(const YamlNode& map, Pipeline& pipeline) {
  const YamlNode* node = find(map, "modules");
  if (node == nullptr || node->kind == Kind::nothing) return {};
  constexpr std::string_view kRemedy = "a module should be a file's name, such as video.ptx";
  if (node->kind == Kind::list) {
    for (const YamlNode& file : node->items) {
      if (auto ok = check_file(file, kRemedy); !ok) return ok;
      pipeline.modules.push_back({.name = stem(file.text), .file = file.text});
    }
    return {};
  }
  if (node->kind != Kind::map) return refuse(*node, "modules should be a list of files, or a map such as {video: video.ptx}");
  if (auto ok = check_map(*node, "modules", {}); !ok) return ok;
  for (std::size_t i = 0; i + 1 < node->items.size(); i += 2) {
    if (auto ok = check_file(node->items[i + 1], kRemedy); !ok) return ok;
    pipeline.modules.push_back({.name = node->items[i].text, .file = node->items[i + 1].text});
  }
  return {};
}

Result<void> read_parameters(const YamlNode& map, Pipeline& pipeline) {
  const YamlNode* node = find(map, "parameters");
  if (node == nullptr || node->kind == Kind::nothing) return {};
  if (auto ok = check_map(*node, "parameters", {}); !ok) return ok;
  for (std::size_t i = 0; i + 1 < node->items.size(); i += 2) {
    const auto value = number_in<double>(node->items[i + 1].text);
    if (!value) {
      return refuse(node->items[i + 1], fmt::format("parameter {} is {}; write a number, such as 0.1", in_quotes(node->items[i].text),
                                                    in_quotes(node->items[i + 1].text)));
    }
    pipeline.parameters.push_back({.name = node->items[i].text, .value = *value, .variation = Variation::none, .least = 0, .most = 0});
  }
  return {};
}

Result<void> read_buffers(const YamlNode& map, Pipeline& pipeline) {
  const YamlNode* node = find(map, "buffers");
  if (node == nullptr || node->kind == Kind::nothing) return {};
  if (auto ok = check_map(*node, "buffers", {}); !ok) return ok;
  for (std::size_t i = 0; i + 1 < node->items.size(); i += 2) {
    const YamlNode& size = node->items[i + 1];
    if (size.kind != Kind::scalar) {
      return refuse(size,
                    fmt::format("buffer {} has no size; write bytes as an expression, such as n * 4", in_quotes(node->items[i].text)));
    }
    pipeline.buffers.push_back({.name = node->items[i].text, .bytes = std::string(trimmed(size.text))});
  }
  return {};
}

Result<void> read_residents(const YamlNode& map, Pipeline& pipeline) {
  const YamlNode* node = find(map, "residents");
  if (node == nullptr || node->kind == Kind::nothing) return {};
  if (auto ok = check_map(*node, "residents", {}); !ok) return ok;
  for (std::size_t i = 0; i + 1 < node->items.size(); i += 2) {
    const YamlNode& file = node->items[i + 1];
    if (auto ok = check_file(file, "a resident should be a file's name, such as weights.bin"); !ok) return ok;
    pipeline.residents.push_back({.name = node->items[i].text, .file = file.text});
  }
  return {};
}

Result<void> read_requirements(const YamlNode& map, Pipeline& pipeline) {
  static constexpr std::array<std::string_view, 2> kKeys = {"that", "else"};
  const YamlNode* node = find(map, "require");
  if (node == nullptr || node->kind == Kind::nothing) return {};
  if (node->kind != Kind::list) return refuse(*node, "require should be a list, such as - {that: n % 4 == 0, else: write whole floats}");
  for (const YamlNode& item : node->items) {
    const std::string what = fmt::format("requirement {}", pipeline.require.size() + 1);
    if (auto ok = check_map(item, what, kKeys); !ok) return ok;
    for (const auto key : kKeys) {
      if (find(item, key) == nullptr) return refuse(item, fmt::format("{} has no {}; write {{that: CONDITION, else: WORDS}}", what, key));
    }
    auto& requirement = pipeline.require.emplace_back();
    if (auto ok = read_text(item, "that", requirement.that); !ok) return ok;
    if (auto ok = read_text(item, "else", requirement.otherwise); !ok) return ok;
  }
  return {};
}

/// `1..8192`, or `0.0..1.0` for numbers that are not whole.
Result<void> read_range(const YamlNode& node, PipelineParameter& parameter) {
  const std::string_view text = trimmed(node.text);
  const auto dots = text.find("..");
  const auto least = number_in<double>(trimmed(text.substr(0, dots)));
  const auto most = dots == std::string_view::npos ? std::nullopt : number_in<double>(trimmed(text.substr(dots + 2)));
  if (node.kind != Kind::scalar || !least || !most) {
    return refuse(node, fmt::format("the range of {} is {}; write the least and the most, such as 1..8192 or 0.0..1.0",
                                    in_quotes(parameter.name), in_quotes(text)));
  }
  const bool real = text.substr(0, dots).contains('.') || text.substr(dots + 2).contains('.');
  parameter.variation = real ? Variation::real : Variation::whole;
  parameter.least = *least;
  parameter.most = *most;
  return {};
}

Result<void> read_per_chunk(const YamlNode& map, Pipeline& pipeline) {
  const YamlNode* node = find(map, "per_chunk");
  if (node == nullptr || node->kind == Kind::nothing) return {};
  if (auto ok = check_map(*node, "per_chunk", {}); !ok) return ok;
  for (std::size_t i = 0; i + 1 < node->items.size(); i += 2) {
    const std::string& name = node->items[i].text;
    const auto found = std::ranges::find(pipeline.parameters, name, &PipelineParameter::name);
    if (found == pipeline.parameters.end()) {
      std::vector<std::string_view> known;
      for (const auto& each : pipeline.parameters) known.push_back(each.name);
      return refuse(node->items[i], fmt::format("per_chunk names the unknown parameter {}{}", in_quotes(name), name_remedy(name, known)));
    }
    if (auto ok = read_range(node->items[i + 1], *found); !ok) return ok;
  }
  return {};
}

/// One plain name under `one`, or a list of them under `several`.
Result<std::span<const YamlNode>> read_ends(const YamlNode& map, std::string_view one, std::string_view several) {
  const YamlNode* single = find(map, one);
  const YamlNode* list = find(map, several);
  if (single != nullptr && list != nullptr) return refuse(*list, fmt::format("{} and {} exclude each other", one, several));
  if (list != nullptr && list->kind != Kind::list) return refuse(*list, fmt::format("{} should be a list, such as [a, b]", several));
  if (list != nullptr) return std::span<const YamlNode>(list->items);
  return single == nullptr ? std::span<const YamlNode>() : std::span(single, 1);
}

Result<void> read_inputs(const YamlNode& map, Pipeline& pipeline) {
  const auto nodes = read_ends(map, "input", "inputs");
  if (!nodes) return std::unexpected(nodes.error());
  for (const YamlNode& node : *nodes) {
    if (node.kind != Kind::scalar || trimmed(node.text).empty()) return refuse(node, "input should be a single value");
    pipeline.inputs.emplace_back(trimmed(node.text));
  }
  return {};
}

Result<void> read_outputs(const YamlNode& map, Pipeline& pipeline) {
  static constexpr std::array<std::string_view, 4> kKeys = {"buffer", "bytes", "length", "each"};
  const auto nodes = read_ends(map, "output", "outputs");
  if (!nodes) return std::unexpected(nodes.error());
  for (const YamlNode& node : *nodes) {
    PipelineOutput& output = pipeline.outputs.emplace_back();
    if (node.kind != Kind::map) {
      if (node.kind != Kind::scalar || trimmed(node.text).empty()) return refuse(node, "output should be a single value, or a map");
      output.buffer = trimmed(node.text);
      continue;
    }
    if (auto ok = check_map(node, "output", kKeys); !ok) return ok;
    if (find(node, "buffer") == nullptr) return refuse(node, "output names no buffer; write buffer: and its name");
    if (auto ok = read_text(node, "buffer", output.buffer); !ok) return ok;
    if (auto ok = read_text(node, "bytes", output.bytes); !ok) return ok;
    if (auto ok = read_text(node, "length", output.length); !ok) return ok;
    if (auto ok = read_text(node, "each", output.each); !ok) return ok;
  }
  return {};
}

Result<void> read_time_limit(const YamlNode& map, Pipeline& pipeline) {
  struct Unit {
    std::string_view name;
    std::uint64_t milliseconds;
  };
  static constexpr std::array<Unit, 4> kUnits = {{{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}}};
  const YamlNode* node = find(map, "time_limit");
  if (node == nullptr) return {};
  const std::string_view text = trimmed(node->text);
  const auto unit = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = number_in<std::uint32_t>(text.substr(0, unit));
  const auto found = std::ranges::find(kUnits, trimmed(text.substr(unit)), &Unit::name);
  if (!count || found == kUnits.end() || *count * found->milliseconds > PipelineLimits::kTimeLimitMs) {
    return refuse(*node, fmt::format("time_limit is {}; write 1ms to 1h, such as 60s", in_quotes(node->text)));
  }
  pipeline.time_limit_ms = static_cast<std::uint32_t>(*count * found->milliseconds);
  return {};
}

}  // namespace

Result<Pipeline> read_pipeline(const YamlNode& document) {
  static constexpr std::array<std::string_view, 14> kKeys = {"name",      "modules", "parameters", "per_chunk", "buffers",
                                                             "residents", "require", "input",      "inputs",    "stages",
                                                             "output",    "outputs", "lanes",      "time_limit"};
  if (document.kind == Kind::nothing) return refuse(document, "there is nothing in it; docs/pipelines.md shows a complete pipeline");
  if (auto ok = check_map(document, "a pipeline", kKeys); !ok) return std::unexpected(ok.error());
  if (find(document, "name") == nullptr) return refuse(document, "the pipeline has no name; write one, such as name: video");
  Pipeline pipeline;
  if (auto ok = read_text(document, "name", pipeline.name); !ok) return std::unexpected(ok.error());
  if (auto ok = read_modules(document, pipeline); !ok) return std::unexpected(ok.error());
  if (auto ok = read_parameters(document, pipeline); !ok) return std::unexpected(ok.error());
  if (auto ok = read_per_chunk(document, pipeline); !ok) return std::unexpected(ok.error());
  if (auto ok = read_buffers(document, pipeline); !ok) return std::unexpected(ok.error());
  if (auto ok = read_residents(document, pipeline); !ok) return std::unexpected(ok.error());
  if (auto ok = read_requirements(document, pipeline); !ok) return std::unexpected(ok.error());
  if (auto ok = read_inputs(document, pipeline); !ok) return std::unexpected(ok.error());
  if (auto ok = read_stages(document, pipeline); !ok) return std::unexpected(ok.error());
  if (auto ok = read_outputs(document, pipeline); !ok) return std::unexpected(ok.error());
  if (auto ok = read_u32(document, "lanes", pipeline.lanes); !ok) return std::unexpected(ok.error());
  if (auto ok = read_time_limit(document, pipeline); !ok) return std::unexpected(ok.error());
  return pipeline;
}

}  // namespace sublet
