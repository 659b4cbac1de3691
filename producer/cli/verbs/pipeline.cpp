#include <filesystem>
#include <fstream>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/pipeline/explain.hpp"
#include "producer/cli/kernel_report.hpp"
#include "producer/cli/pipelines.hpp"
#include "producer/cli/skeleton.hpp"
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
  const auto taken = check_length(bundle.pipeline, n);
  if (!taken && taken.error().code != ErrorCode::bad_size) return std::unexpected(taken.error());
  Json stages = Json::array();
  for (const auto& stage : bundle.pipeline.stages) stages.push_back(stage.kernel);
  return Json{{"name", bundle.pipeline.name},
              {"input_bytes", n},
              {"output_bytes", *output},
              {"stages", std::move(stages)},
              {"lanes", bundle.pipeline.lanes == 0 ? Json(nullptr) : Json(bundle.pipeline.lanes)},
              {"lane_bytes", lane->count},
              {"lease_bytes", lease->count},
              {"refused", taken ? Json(nullptr) : Json(taken.error().detail)}};
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

struct NewArguments {
  std::string module;
  std::string out;
};

/// The skeleton; in a file of its own, `out`, which must not be there yet.
Result<void> make_new(Environment& environment, const NewArguments& arguments) {
  namespace fs = std::filesystem;
  const auto report = report_on_module(arguments.module);
  if (!report) return std::unexpected(report.error());
  if (arguments.out.empty()) {
    environment.console.print(skeleton_pipeline(*report, arguments.module, arguments.module));
    return {};
  }
  std::error_code problem;
  if (fs::exists(arguments.out, problem)) {
    return fail(ErrorCode::bad_argument, fmt::format("{} is there already; remove it, or choose another --out", printable(arguments.out)));
  }
  const auto module = fs::relative(arguments.module, fs::absolute(arguments.out).parent_path(), problem);
  std::ofstream stream(arguments.out, std::ios::binary);
  stream << skeleton_pipeline(*report, arguments.module, problem ? arguments.module : module.generic_string());
  stream.close();
  if (!stream) return fail(ErrorCode::io_failed, fmt::format("cannot write {}; check the folder", printable(arguments.out)));
  environment.console.say(fmt::format("wrote {0}; explain it with: sublet pipeline check {0}", printable(arguments.out)));
  return {};
}

ExitCode create(Environment& environment, const NewArguments& arguments) {
  const auto made = make_new(environment, arguments);
  if (made) return ExitCode::ok;
  environment.console.complain(made.error());
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

  auto made = std::make_shared<NewArguments>();
  auto* created = add_verb(*group, "new", "Write a commented pipeline for the kernels of a module, to be filled in",
                           "sublet pipeline new filter.ptx --out filter.yaml");
  created->add_option("FILE", made->module, "PTX text, or CUDA C++ where NVRTC is installed")->type_name("")->required();
  created->add_option("--out", made->out, "Where to write it; stdout otherwise")->type_name("FILE");
  created->callback([made, &chosen] { chosen = [made](Environment& environment) { return create(environment, *made); }; });

  auto format = std::make_shared<Format>();
  auto* listed = add_verb(*group, "ls", "List the pipelines that come with Sublet", "sublet pipeline ls");
  add_format(*listed, *format);
  listed->callback([format, &chosen] { chosen = [format](Environment& environment) { return list(environment, *format); }; });
}

}  // namespace sublet::cli
