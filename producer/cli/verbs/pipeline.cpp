#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/pipeline/explain.hpp"
#include "producer/cli/pipelines.hpp"
#include "producer/cli/table.hpp"
#include "producer/cli/text.hpp"
#include "producer/cli/verbs/verb.hpp"

namespace sublet::cli {
namespace {

using Json = nlohmann::ordered_json;

struct CheckArguments {
  std::string file;
  std::string bytes = "1MiB";
  std::vector<std::string> settings;
  Format format;
};

/// What a pipeline takes and gives for an input of `n` bytes.
Result<Json> check_json(const Bundle& bundle, std::uint64_t n) {
  const auto output = output_length(bundle.pipeline, n);
  if (!output) return std::unexpected(output.error());
  const auto lane = lane_bytes(bundle.pipeline, n);
  if (!lane) return std::unexpected(lane.error());
  const auto lease = lease_bytes(bundle, n);
  if (!lease) return std::unexpected(lease.error());
  Json stages = Json::array();
  for (const auto& stage : bundle.pipeline.stages) stages.push_back(stage.kernel);
  return Json{{"name", bundle.pipeline.name},   {"input_bytes", n},          {"output_bytes", *output},    {"stages", std::move(stages)},
              {"lanes", bundle.pipeline.lanes}, {"lane_bytes", lane->count}, {"lease_bytes", lease->count}};
}

Result<std::string> check_text(const Environment& environment, const CheckArguments& arguments) {
  const auto json = wants_json(arguments.format);
  if (!json) return std::unexpected(json.error());
  const auto bytes = parse_size(arguments.bytes, "--bytes");
  if (!bytes) return std::unexpected(bytes.error());
  const auto bundle = load_pipeline(arguments.file, environment.pipeline_folders, arguments.settings);
  if (!bundle) return std::unexpected(bundle.error());
  if (!*json) return explain(*bundle, bytes->count);
  const auto value = check_json(*bundle, bytes->count);
  if (!value) return std::unexpected(value.error());
  return value->dump(2) + '\n';
}

ExitCode check(Environment& environment, const CheckArguments& arguments) {
  const auto text = check_text(environment, arguments);
  if (text) {
    environment.console.print(*text);
    return ExitCode::ok;
  }
  environment.console.complain(text.error());
  return ExitCode::usage;
}

ExitCode list(Environment& environment, const Format& format) {
  const auto json = wants_json(format);
  if (!json) return environment.console.complain(json.error());
  const auto pipelines = shipped_pipelines(environment.pipeline_folders);
  if (*json) {
    Json array = Json::array();
    for (const auto& pipeline : pipelines) array.push_back({{"name", pipeline.name}, {"file", pipeline.file.string()}});
    environment.console.print(array.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
    return ExitCode::ok;
  }
  if (pipelines.empty()) {
    environment.console.print("No shipped pipelines found. Say where they are with SUBLET_KERNELS, or give a pipeline's path.\n");
    return ExitCode::ok;
  }
  Table table{.columns = {{.title = "PIPELINE"}, {.title = "FILE", .shortest = 20}}, .rows = {}};
  for (const auto& pipeline : pipelines) table.rows.push_back({printable(pipeline.name), printable(pipeline.file.string())});
  environment.console.print(render(table, environment.console.width()));
  return ExitCode::ok;
}

}  // namespace

void add_pipeline(CLI::App& app, Action& chosen) {
  auto* group = add_verb(app, "pipeline", "Look at pipelines", "sublet pipeline check video --bytes 4MiB");
  group->require_subcommand(1);

  auto arguments = std::make_shared<CheckArguments>();
  auto* checked = add_verb(*group, "check", "Explain a pipeline, or what is wrong with it",
                           "sublet pipeline check kernels/video/video.yaml --bytes 4MiB");
  checked->add_option("FILE", arguments->file, "A pipeline's YAML file, or a shipped one")->type_name("")->required();
  checked->add_option("--bytes", arguments->bytes, "Size of the input to explain it for")->type_name("SIZE")->capture_default_str();
  checked->add_option("--set", arguments->settings, "Another value for a parameter")
      ->type_name("NAME=NUMBER")
      ->take_all()
      ->allow_extra_args(false);
  add_format(*checked, arguments->format);
  checked->callback([arguments, &chosen] { chosen = [arguments](Environment& environment) { return check(environment, *arguments); }; });

  auto format = std::make_shared<Format>();
  auto* listed = add_verb(*group, "ls", "List the pipelines that come with Sublet", "sublet pipeline ls");
  add_format(*listed, *format);
  listed->callback([format, &chosen] { chosen = [format](Environment& environment) { return list(environment, *format); }; });
}

}  // namespace sublet::cli
