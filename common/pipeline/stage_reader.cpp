#include "common/pipeline/stage_reader.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "common/pipeline/argument.hpp"
#include "common/pipeline/wording.hpp"
#include "common/pipeline/yaml_values.hpp"

namespace sublet {

namespace {

using Kind = YamlNode::Kind;

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

Result<void> read_values(const YamlNode& map, PipelineHostStage& stage) {
  const YamlNode* node = find(map, "values");
  if (node == nullptr || node->kind == Kind::nothing) return {};
  if (auto ok = check_map(*node, "values", {}); !ok) return ok;
  for (std::size_t i = 0; i + 1 < node->items.size(); i += 2) {
    stage.values.push_back({.name = node->items[i].text, .value = std::string(trimmed(node->items[i + 1].text))});
  }
  return {};
}

Result<void> read_sets(const YamlNode& map, PipelineHostStage& stage) {
  const YamlNode* node = find(map, "sets");
  if (node == nullptr || node->kind == Kind::nothing) return {};
  const bool names =
      node->kind == Kind::list && std::ranges::all_of(node->items, [](const YamlNode& each) { return each.kind == Kind::scalar; });
  if (!names) return refuse(*node, "sets should be a list of parameters, such as [width, height]");
  for (const YamlNode& name : node->items) stage.sets.emplace_back(trimmed(name.text));
  return {};
}

/// `{host: decode_picture, from: file, to: pixels}`
Result<void> read_host_stage(const YamlNode& item, Pipeline& pipeline) {
  static constexpr std::array<std::string_view, 7> kKeys = {"host", "from", "bytes", "to", "length", "values", "sets"};
  const std::string what = fmt::format("host stage {}", pipeline.host_stages.size() + 1);
  if (auto ok = check_map(item, what, kKeys); !ok) return ok;
  PipelineHostStage stage;
  stage.before = static_cast<std::uint32_t>(pipeline.stages.size());
  if (auto ok = read_text(item, "host", stage.function); !ok) return ok;
  if (auto ok = read_text(item, "from", stage.from); !ok) return ok;
  if (auto ok = read_text(item, "bytes", stage.bytes); !ok) return ok;
  if (auto ok = read_text(item, "to", stage.to); !ok) return ok;
  if (auto ok = read_text(item, "length", stage.length); !ok) return ok;
  if (auto ok = read_values(item, stage); !ok) return ok;
  if (auto ok = read_sets(item, stage); !ok) return ok;
  pipeline.host_stages.push_back(std::move(stage));
  return {};
}

/// How many stages that list adds.
Result<std::uint32_t> read_repeated(const YamlNode& list, std::string_view what, Pipeline& pipeline) {
  const std::size_t before = pipeline.stages.size();
  if (list.kind != Kind::list) return refuse(list, fmt::format("{} should have its stages as a list", what));
  for (const YamlNode& stage : list.items) {
    if (stage.kind == Kind::map && find(stage, "repeat") != nullptr)
      return refuse(stage, fmt::format("{} holds another; repeats cannot be nested", what));
    if (stage.kind == Kind::map && find(stage, "host") != nullptr)
      return refuse(stage, fmt::format("{} holds a host stage; put it before or behind the repeat", what));
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

}  // namespace

Result<void> read_stages(const YamlNode& map, Pipeline& pipeline) {
  const YamlNode* node = find(map, "stages");
  if (node == nullptr || node->kind == Kind::nothing) return {};
  if (node->kind != Kind::list) return refuse(*node, "stages should be a list, such as - {kernel: decode, over: n, args: [raw, i32 n]}");
  for (const YamlNode& item : node->items) {
    const auto has = [&](std::string_view key) { return item.kind == Kind::map && find(item, key) != nullptr; };
    const auto read = has("repeat") ? read_repeat : has("host") ? read_host_stage : read_plain_stage;
    if (auto ok = read(item, pipeline); !ok) return ok;
  }
  return {};
}

}  // namespace sublet
