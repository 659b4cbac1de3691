#include "common/pipeline/pipeline_reader.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "common/pipeline/nearest.hpp"
#include "common/pipeline/stage_reader.hpp"
#include "common/pipeline/wording.hpp"
#include "common/pipeline/yaml_values.hpp"

namespace sublet {

namespace {

using Kind = YamlNode::Kind;

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

/// Left out, or "auto": 0.
Result<void> read_lanes(const YamlNode& document, Pipeline& pipeline) {
  const YamlNode* node = find(document, "lanes");
  if (node == nullptr || (node->kind == Kind::scalar && node->text == "auto")) return {};
  if (auto ok = read_u32(document, "lanes", pipeline.lanes); !ok) return ok;
  if (pipeline.lanes == 0) return refuse(*node, fmt::format("lanes is 0; write auto, or 1 to {}", PipelineLimits::kLanes));
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
  if (auto ok = read_lanes(document, pipeline); !ok) return std::unexpected(ok.error());
  if (auto ok = read_time_limit(document, pipeline); !ok) return std::unexpected(ok.error());
  return pipeline;
}

}  // namespace sublet
