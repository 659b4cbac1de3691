#include <memory>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "common/job_text.hpp"
#include "producer/cli/text.hpp"
#include "producer/cli/verbs/burst_arguments.hpp"
#include "producer/cli/verbs/drive.hpp"
#include "producer/cli/verbs/job_times.hpp"
#include "producer/cli/verbs/verb.hpp"

namespace sublet::cli {
namespace {

using Json = nlohmann::ordered_json;

struct SubmitArguments {
  BurstArguments burst;
  Connection connection;
  Format format;
  std::string queue = "default";
  unsigned priority = JobSpec{}.priority;
  std::string name;
  std::string key;
  std::size_t batch = 0;
  JobTimes times;
  bool wait = false;
  bool quiet = false;
};

Result<BurstPlan> plan_of(const Environment& environment, const SubmitArguments& arguments) {
  if (!arguments.burst.out.empty() && !arguments.wait) {
    return fail(ErrorCode::bad_argument,
                "--out without --wait would write nothing; add --wait, or fetch later with: sublet outputs JOB --out DIR");
  }
  if (arguments.priority > 9) {
    return fail(ErrorCode::bad_argument, fmt::format("there is no priority {}; 0 is first, 9 is last", arguments.priority));
  }
  if (!arguments.burst.by_reference.empty() && !arguments.key.empty()) {
    return fail(ErrorCode::bad_argument,
                "--by-reference with --key: its files go with this command, so no key goes on with it; leave one away");
  }
  auto plan = make_plan(environment, arguments.burst, arguments.wait);
  if (!plan) return plan;
  if (auto applied = apply(arguments.times, std::chrono::system_clock::now(), plan->spec); !applied)
    return std::unexpected(applied.error());
  plan->spec.queue = arguments.queue;
  plan->spec.priority = static_cast<std::uint8_t>(arguments.priority);
  plan->spec.name = arguments.name.empty() ? plan->bundle.pipeline.name : arguments.name;
  plan->spec.idempotency_key = arguments.key;
  plan->batch = arguments.batch;
  plan->keep_when_stopped = !arguments.key.empty();
  return plan;
}

std::string broker_option(const Connection& connection) {
  const std::string broker =
      connection.brokers == Connection{}.brokers ? "" : fmt::format(" --broker {}", fmt::join(connection.brokers, ","));
  return connection.insecure_network ? " --insecure-network" + broker : broker;
}

/// The end of a submit that does not wait: the job's id, and what to do with it.
ExitCode report_submitted(Environment& environment, const SubmitArguments& arguments, const BurstSummary& summary, bool resumed,
                          bool json) {
  auto& console = environment.console;
  const auto id = to_hex(summary.job);
  const auto submitted = summary.chunks - summary.failed;
  if (json) {
    console.print(
        Json{{"id", id}, {"resumed", resumed}, {"state", to_text(summary.state)}, {"submitted", submitted}, {"failed", summary.failed}}
            .dump(2) +
        '\n');
  } else if (!arguments.quiet) {
    console.print(fmt::format("{} {} as job {}.\nwatch it: sublet job {} --watch{}\nfetch it: sublet outputs {} --out DIR{}\n",
                              resumed ? "Resumed" : "Submitted", plural(submitted, "chunk"), id, id, broker_option(arguments.connection),
                              id, broker_option(arguments.connection)));
  }
  if (summary.stopped) return console.complain(*summary.stopped);
  if (summary.failed == 0) return ExitCode::ok;
  const auto& first = summary.failures.front();
  console.complain({.code = first.error.code,
                    .detail = fmt::format("{} not submitted, first {}", plural(summary.failed, "file") + " could", first.error.detail)});
  return ExitCode::failed;
}

Result<ExitCode> submit(Environment& environment, const SubmitArguments& arguments, BurstPlan plan, Client& client, bool json) {
  const Showing showing{.quiet = arguments.quiet, .json = json};
  if (showing.progress()) say_skipped(environment.console, plan.inputs);
  auto after = find_after(client, arguments.times);
  if (!after) return std::unexpected(after.error());
  plan.spec.after = std::move(*after);
  auto burst = Burst::start(client, std::move(plan));
  if (!burst) return std::unexpected(burst.error());
  // The loop hears Ctrl-C itself and says why the burst stops; the client's own interruption would look like an error of it.
  environment.interrupts.on_first([] {});
  const auto summary = drive(environment, **burst, nullptr, showing);
  if (arguments.wait) return report(environment, summary, showing);
  return report_submitted(environment, arguments, summary, (*burst)->resumed(), json);
}

struct OutputsArguments {
  std::string job;
  std::vector<std::string> in;
  std::string out;
  bool concat = false;
  bool quiet = false;
  Connection connection;
  Format format;
};

Result<ExitCode> fetch(Environment& environment, const OutputsArguments& arguments, Client& client, bool json) {
  BurstPlan plan{.inputs = {}, .bundle = {}, .spec = {}, .sink = nullptr, .batch = 0, .keep_when_stopped = true, .by_reference = {}};
  plan.spec.aggregate = arguments.concat ? AggregateKind::concat : AggregateKind::collect;
  if (!arguments.in.empty()) {
    auto inputs = collect_inputs(arguments.in, 0);
    if (!inputs) return std::unexpected(inputs.error());
    plan.inputs = std::move(*inputs);
  }
  const auto job = find_job(client, arguments.job);
  if (!job) return std::unexpected(job.error());
  auto sink = open_sink(plan.spec.aggregate, arguments.out);
  if (!sink) return std::unexpected(sink.error());
  plan.sink = std::move(*sink);
  auto burst = Burst::fetch(client, *job, std::move(plan));
  if (!burst) return std::unexpected(burst.error());
  environment.interrupts.on_first([] {});
  const Showing showing{.quiet = arguments.quiet, .json = json};
  return report(environment, drive(environment, **burst, nullptr, showing), showing);
}

}  // namespace

void add_submit(CLI::App& app, Action& chosen) {
  auto arguments = std::make_shared<SubmitArguments>();
  auto* verb =
      add_verb(app, "submit", "Submit files to a running broker as one job", "sublet submit video --in clips/ --wait --out decoded/");
  add_burst_options(*verb, arguments->burst);
  verb->add_flag("--wait", arguments->wait, "Stay until the job has ended, and write its outputs to --out");
  verb->add_option("--queue", arguments->queue, "Where the job waits")->type_name("NAME")->capture_default_str();
  verb->add_option("--priority", arguments->priority, "0 first to 9 last")->type_name("P")->capture_default_str();
  verb->add_option("--name", arguments->name, "How the job shows in lists")->type_name("NAME");
  verb->add_option("--key", arguments->key, "Idempotency key: submitting again with it goes on with the same job")->type_name("KEY");
  verb->add_option("--batch", arguments->batch, "Chunks that travel together; 0: as they come")->type_name("N");
  add_job_times(*verb, arguments->times);
  verb->add_flag("-q,--quiet", arguments->quiet, "No progress and no summary, errors only");
  add_connection(*verb, arguments->connection);
  add_format(*verb, arguments->format);
  verb->callback([arguments, &chosen] {
    chosen = [arguments](Environment& environment) {
      auto plan = plan_of(environment, *arguments);
      if (!plan) {
        const auto code = environment.console.complain(plan.error());
        return code == ExitCode::not_found ? ExitCode::usage : code;
      }
      return with_client(environment, arguments->connection, arguments->format,
                         [&](Client& client, bool json) { return submit(environment, *arguments, std::move(*plan), client, json); });
    };
  });
}

void add_outputs(CLI::App& app, Action& chosen) {
  auto arguments = std::make_shared<OutputsArguments>();
  auto* verb = add_verb(app, "outputs", "Write the outputs of a job that was submitted before, as they finish",
                        "sublet outputs 5f2c --in clips/ --out decoded/");
  verb->add_option("JOB", arguments->job, "The job's id, or the beginning of it")->type_name("")->required();
  verb->add_option("--out", arguments->out, "Where the outputs go: a folder, or a file with --concat")->type_name("DIR|FILE")->required();
  verb->add_option("--in", arguments->in, "What was submitted: outputs get its names; without, they are named by chunk id")
      ->type_name("DIR|FILE");
  verb->add_flag("--concat", arguments->concat, "One file, in order of chunk id");
  verb->add_flag("-q,--quiet", arguments->quiet, "No progress and no summary, errors only");
  add_connection(*verb, arguments->connection);
  add_format(*verb, arguments->format);
  verb->callback([arguments, &chosen] {
    chosen = [arguments](Environment& environment) {
      if (const auto prefix = parse_job_prefix(arguments->job); !prefix) return environment.console.complain(prefix.error());
      return with_client(environment, arguments->connection, arguments->format,
                         [&](Client& client, bool json) { return fetch(environment, *arguments, client, json); });
    };
  });
}

}  // namespace sublet::cli
