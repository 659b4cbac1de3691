#include <memory>
#include <optional>
#include <utility>

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
  std::string store = "memory:";
  Showing showing;
};

/// Broker and worker are our own: what takes them longer does not come any more.
constexpr Millis kAnswerTimeout = 5s;

Result<void> check_device(const std::string& device) {
  if (device == "cpu" || device == "cuda") return {};
  return fail(ErrorCode::bad_argument, fmt::format("there is no device \"{}\"; there is: cpu, cuda", printable(device)));
}

/// A card that is too small for one session would leave the burst waiting for ever.
Result<void> check_card(Bytes card, const BurstPlan& plan) {
  const auto needed = lease_bytes(plan.bundle, plan.spec.max_chunk_bytes);
  if (!needed) return std::unexpected(needed.error());
  if (card >= *needed) return {};
  return fail(
      ErrorCode::bad_argument,
      fmt::format("a card of {} is too small: a session of {} takes {} for chunks of up to {}; give it more with --vram, or smaller files",
                  size_text(card.count), plan.bundle.pipeline.name, size_text(needed->count), size_text(plan.spec.max_chunk_bytes)));
}

/// The same for the card that the worker has by itself.
Result<void> check_worker(Client& client, const BurstPlan& plan) {
  const auto workers = client.workers();
  if (!workers) return std::unexpected(workers.error());
  // A worker whose offer is still on its way has no cards to judge by.
  if (workers->empty() || workers->front().cards == 0) return {};
  return check_card({workers->front().total_bytes / workers->front().cards}, plan);
}

void announce(Console& console, const BurstPlan& plan, const std::string& device) {
  const auto& inputs = plan.inputs;
  console.say(fmt::format("Running {} ({}) through {} on the {} device.", plural(inputs.files.size(), "file"),
                          size_text(inputs.total_bytes()), plan.bundle.pipeline.name, device));
}

Result<BurstSummary> run_burst(Environment& environment, Cluster& cluster, BurstPlan plan, Showing showing) {
  auto client =
      Client::connect({.brokers = {cluster.control()}, .name = "", .connect_timeout = kAnswerTimeout, .call_timeout = kAnswerTimeout});
  if (!client) return std::unexpected(client.error());
  if (auto checked = check_worker(*client, plan); !checked) return std::unexpected(checked.error());
  auto burst = Burst::start(*client, std::move(plan));
  if (!burst) return std::unexpected(burst.error());
  return drive(environment, **burst, &cluster, showing);
}

/// The memory of a card that was asked for, if one was; refused when no session fits.
Result<std::optional<Bytes>> card_of(const RunArguments& arguments, const BurstPlan& plan) {
  if (arguments.vram.empty()) return std::nullopt;
  const auto given = parse_size(arguments.vram, "--vram");
  if (!given) return std::unexpected(given.error());
  if (auto checked = check_card(*given, plan); !checked) return std::unexpected(checked.error());
  return *given;
}

/// Broker and worker are ours, so that they do not answer is a failure and not a wrong address.
ExitCode own_failure(ExitCode code) { return code == ExitCode::no_connection ? ExitCode::failed : code; }

ExitCode run_with_cluster(Environment& environment, const ClusterOptions& options, BurstPlan plan, Showing showing) {
  auto cluster = Cluster::start(options);
  if (!cluster) return own_failure(environment.console.complain(cluster.error()));
  environment.interrupts.on_second([folder = cluster->folder()] { remove_folder(folder); });
  environment.interrupts.on_first([] {});
  const auto summary = run_burst(environment, *cluster, std::move(plan), showing);
  cluster->stop();
  environment.interrupts.on_second({});
  return own_failure(summary ? report(environment, *summary, showing) : environment.console.complain(summary.error()));
}

ExitCode run(Environment& environment, const RunArguments& arguments) {
  auto& console = environment.console;
  if (auto checked = check_device(arguments.device); !checked) return console.complain(checked.error());
  auto plan = make_plan(environment, arguments.burst, true);
  if (!plan) {
    // Nothing was started: a pipeline that is not there was typed wrong.
    const auto code = console.complain(plan.error());
    return code == ExitCode::not_found ? ExitCode::usage : code;
  }
  const auto card = card_of(arguments, *plan);
  if (!card) return console.complain(card.error());
  if (arguments.showing.progress()) {
    announce(console, *plan, arguments.device);
    say_skipped(console, plan->inputs);
  }
  const ClusterOptions options{
      .control = "", .bulk = "", .device = arguments.device, .sessions = arguments.sessions, .vram = *card, .store = arguments.store};
  return run_with_cluster(environment, options, std::move(*plan), arguments.showing);
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
  verb->add_option("--store", arguments->store, "Where jobs are kept: memory:, redis://… or redis+unix://…")
      ->type_name("URL")
      ->capture_default_str();
  verb->add_flag("--json", arguments->showing.json, "One JSON object on stdout instead of the summary");
  verb->add_flag("-q,--quiet", arguments->showing.quiet, "No progress and no summary, errors only");
  verb->callback([arguments, &chosen] { chosen = [arguments](Environment& environment) { return run(environment, *arguments); }; });
}

}  // namespace sublet::cli
