#include <memory>

#include <fmt/format.h>

#include "producer/cli/cluster.hpp"
#include "producer/cli/text.hpp"
#include "producer/cli/verbs/burst_arguments.hpp"
#include "producer/cli/verbs/drive.hpp"
#include "producer/cli/verbs/verb.hpp"

namespace sublet::cli {
namespace {

struct RunArguments {
  BurstArguments burst;
  std::string device = "cpu";
  std::uint32_t sessions = 0;
  std::string vram;
  Showing showing;
};

/// Children get this long to hand their leases back and end by themselves.
constexpr Millis kPatience = 3s;
/// Broker and worker are our own: what takes them longer does not come any more.
constexpr Millis kAnswerTimeout = 5s;

Result<void> check_device(const std::string& device) {
  if (device == "cpu" || device == "cuda") return {};
  return fail(ErrorCode::bad_argument, fmt::format("there is no device \"{}\"; there is: cpu, cuda", printable(device)));
}

/// A card that is too small for one session would leave the burst waiting for ever.
Result<void> check_vram(const std::string& vram, const BurstPlan& plan) {
  if (vram.empty()) return {};
  const auto card = parse_size(vram, "--vram");
  if (!card) return std::unexpected(card.error());
  const auto needed = lease_bytes(plan.bundle, plan.spec.max_chunk_bytes);
  if (!needed) return std::unexpected(needed.error());
  if (*card >= *needed) return {};
  return fail(ErrorCode::bad_argument,
              fmt::format("--vram {} is too small: a session of {} takes {} for chunks of up to {}; give it that much", vram,
                          plan.bundle.pipeline.name, size_text(needed->count), size_text(plan.spec.max_chunk_bytes)));
}

void announce(Console& console, const BurstPlan& plan, const std::string& device) {
  const auto& inputs = plan.inputs;
  console.say(fmt::format("Running {} ({}) through {} on the {} device.", plural(inputs.files.size(), "file"),
                          size_text(inputs.total_bytes()), plan.bundle.pipeline.name, device));
}

Result<BurstSummary> run_burst(Environment& environment, Cluster& cluster, BurstPlan plan, Showing showing) {
  auto client =
      Client::connect({.broker = cluster.control(), .name = "", .connect_timeout = kAnswerTimeout, .call_timeout = kAnswerTimeout});
  if (!client) return std::unexpected(client.error());
  auto burst = Burst::start(*client, std::move(plan));
  if (!burst) return std::unexpected(burst.error());
  return drive(environment, **burst, &cluster, showing);
}

ExitCode run(Environment& environment, const RunArguments& arguments) {
  auto& console = environment.console;
  if (auto checked = check_device(arguments.device); !checked) return console.complain(checked.error());
  auto plan = make_plan(environment, arguments.burst, true);
  if (!plan) {
    // Nothing was started: whatever is wrong is wrong with what was typed, unless it is the disk.
    const auto code = console.complain(plan.error());
    return code == ExitCode::not_found ? ExitCode::usage : code;
  }
  if (auto checked = check_vram(arguments.vram, *plan); !checked) return console.complain(checked.error());
  if (arguments.showing.progress()) {
    announce(console, *plan, arguments.device);
    say_skipped(console, plan->inputs);
  }
  auto cluster =
      Cluster::start({.control = "", .bulk = "", .device = arguments.device, .sessions = arguments.sessions, .vram = arguments.vram});
  if (!cluster) return console.complain(cluster.error());
  environment.interrupts.on_second([folder = cluster->folder()] { remove_folder(folder); });
  environment.interrupts.on_first([] {});
  const auto summary = run_burst(environment, *cluster, std::move(*plan), arguments.showing);
  cluster->stop(kPatience);
  environment.interrupts.on_second({});
  if (!summary) {
    const auto code = console.complain(summary.error());
    return code == ExitCode::no_connection ? ExitCode::failed : code;
  }
  const auto code = report(environment, *summary, arguments.showing);
  return code == ExitCode::no_connection ? ExitCode::failed : code;
}

}  // namespace

void add_run(CLI::App& app, Action& chosen) {
  auto arguments = std::make_shared<RunArguments>();
  auto* verb = add_verb(app, "run", "Run files through a pipeline here and now: starts a broker and a worker, and stops them",
                        "sublet run video --in clips/ --out decoded/");
  add_burst_options(*verb, arguments->burst);
  verb->add_option("--device", arguments->device, "cpu or cuda")->type_name("KIND")->capture_default_str();
  verb->add_option("--sessions", arguments->sessions, "Most sessions at a time; 0: as the worker thinks best")->type_name("N");
  verb->add_option("--vram", arguments->vram, "Memory of the card that sessions share, for example 512MiB")->type_name("SIZE");
  verb->add_flag("--json", arguments->showing.json, "One JSON object on stdout instead of the summary");
  verb->add_flag("-q,--quiet", arguments->showing.quiet, "No progress and no summary, errors only");
  verb->callback([arguments, &chosen] { chosen = [arguments](Environment& environment) { return run(environment, *arguments); }; });
}

}  // namespace sublet::cli
