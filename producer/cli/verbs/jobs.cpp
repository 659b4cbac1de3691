#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/job_text.hpp"
#include "producer/cli/listing.hpp"
#include "producer/cli/summary.hpp"
#include "producer/cli/text.hpp"
#include "producer/cli/verbs/verb.hpp"

namespace sublet::cli {
namespace {

struct JobArguments {
  std::string job;
  std::uint32_t limit = 100;
  bool watch = false;
  Connection connection;
  Format format;
};

void show(Environment& environment, const JobStatus& status, bool json) {
  environment.console.print(json ? json_line(job_json(status)) : job_text(status, environment.console.width()));
}

Result<ExitCode> list_jobs(Environment& environment, const JobArguments& arguments, Client& client, bool json) {
  const auto jobs = client.jobs(arguments.limit);
  if (!jobs) return std::unexpected(jobs.error());
  environment.console.print(json ? json_line(json_array(*jobs, job_json)) : jobs_table(*jobs, environment.console.width()));
  return ExitCode::ok;
}

/// Follows a job to its end: a line that changes on a terminal, a line per change elsewhere.
Result<JobStatus> follow(Environment& environment, Client& client, JobId job, Millis timeout, bool json) {
  auto& console = environment.console;
  const auto ended = client.wait(job, timeout, [&](const JobStatus& status) {
    if (json) return console.print(json_line(job_json(status), -1));
    if (console.err_is_terminal()) return console.bar(job_line(status));
    console.say(job_line(status));
  });
  console.bar("");
  return ended;
}

Result<ExitCode> show_job(Environment& environment, const JobArguments& arguments, Client& client, bool json) {
  const auto job = find_job(client, arguments.job);
  if (!job) return std::unexpected(job.error());
  const auto status = arguments.watch ? follow(environment, client, *job, kForever, json) : client.status(*job);
  if (!status) return std::unexpected(status.error());
  if (!(arguments.watch && json)) show(environment, *status, json);
  return arguments.watch ? exit_code_of(status->state) : ExitCode::ok;
}

Result<ExitCode> cancel_job(Environment& environment, const JobArguments& arguments, Client& client, bool json) {
  const auto job = find_job(client, arguments.job);
  if (!job) return std::unexpected(job.error());
  const auto status = client.cancel(*job);
  if (!status) return std::unexpected(status.error());
  if (json) {
    show(environment, *status, json);
  } else if (status->state == JobState::cancelled) {
    environment.console.print(
        fmt::format("Cancelled {}: {} of {} were done.\n", to_hex(*job), count_text(status->done), plural(status->accepted, "chunk")));
  } else {
    environment.console.print(fmt::format("{} had ended before: {}.\n", to_hex(*job), to_text(status->state)));
  }
  return ExitCode::ok;
}

Result<ExitCode> tear_down(Environment& environment, const JobArguments& arguments, Client& client, bool json) {
  const auto job = find_job(client, arguments.job);
  // A job that is not there is what was asked for.
  if (!job && job.error().code != ErrorCode::not_found) return std::unexpected(job.error());
  const auto found = job ? client.teardown(*job) : Result<bool>(false);
  if (!found) return std::unexpected(found.error());
  environment.console.print(json     ? json_line({{"job", job ? to_hex(*job) : arguments.job}, {"found", *found}})
                            : *found ? fmt::format("Removed {} and all that was kept of it.\n", to_hex(*job))
                                     : fmt::format("There is no job {}; nothing to remove.\n", printable(arguments.job)));
  return ExitCode::ok;
}

Result<ExitCode> wait_for_job(Environment& environment, const JobArguments& arguments, Client& client, Millis timeout, bool json) {
  const auto job = find_job(client, arguments.job);
  if (!job) return std::unexpected(job.error());
  const auto status = client.wait(*job, timeout);
  if (!status) return std::unexpected(status.error());
  show(environment, *status, json);
  return exit_code_of(status->state);
}

/// A word that cannot be an id is refused before a broker is asked.
bool is_job_id(Environment& environment, const std::string& text) {
  const auto prefix = parse_job_prefix(text);
  if (!prefix) environment.console.complain(prefix.error());
  return prefix.has_value();
}

using JobAction = Result<ExitCode> (*)(Environment&, const JobArguments&, Client&, bool);

void choose(CLI::App& verb, const std::shared_ptr<JobArguments>& arguments, Action& chosen, JobAction action) {
  add_connection(verb, arguments->connection);
  add_format(verb, arguments->format);
  verb.callback([arguments, &chosen, action] {
    chosen = [arguments, action](Environment& environment) {
      if (!arguments->job.empty() && !is_job_id(environment, arguments->job)) return ExitCode::usage;
      return with_client(environment, arguments->connection, arguments->format,
                         [&](Client& client, bool json) { return action(environment, *arguments, client, json); });
    };
  });
}

void add_job_id(CLI::App& verb, JobArguments& arguments) {
  verb.add_option("JOB", arguments.job, "The job's id, or the beginning of it")->type_name("")->required();
}

void add_wait(CLI::App& app, Action& chosen) {
  auto arguments = std::make_shared<JobArguments>();
  arguments->connection.timeout.clear();
  auto* verb = add_verb(app, "wait", "Wait until a job has ended; the exit code says how", "sublet wait 5f2c --timeout 30s");
  add_job_id(*verb, *arguments);
  add_broker(*verb, arguments->connection);
  verb->add_option("--timeout", arguments->connection.timeout, "How long to wait for its end; without, as long as it takes")
      ->type_name("DURATION");
  add_format(*verb, arguments->format);
  verb->callback([arguments, &chosen] {
    chosen = [arguments](Environment& environment) {
      if (!is_job_id(environment, arguments->job)) return ExitCode::usage;
      auto connection = arguments->connection;
      Millis timeout = kForever;
      if (connection.timeout.empty()) {
        connection.timeout = Connection{}.timeout;
      } else if (const auto given = parse_duration(connection.timeout, "--timeout"); given) {
        timeout = *given;
      }
      return with_client(environment, connection, arguments->format,
                         [&](Client& client, bool json) { return wait_for_job(environment, *arguments, client, timeout, json); });
    };
  });
}

}  // namespace

void add_jobs(CLI::App& app, Action& chosen) {
  auto listed = std::make_shared<JobArguments>();
  auto* jobs = add_verb(app, "jobs", "List jobs, newest first", "sublet jobs --limit 20");
  jobs->add_option("--limit", listed->limit, "At most so many, up to 1000")->type_name("N")->capture_default_str();
  choose(*jobs, listed, chosen, list_jobs);

  auto shown = std::make_shared<JobArguments>();
  auto* job = add_verb(app, "job", "Show one job", "sublet job 5f2c --watch");
  add_job_id(*job, *shown);
  job->add_flag("-w,--watch", shown->watch, "Follow it to its end; the exit code says how it ended");
  choose(*job, shown, chosen, show_job);

  auto cancelled = std::make_shared<JobArguments>();
  auto* cancel = add_verb(app, "cancel", "End a job: what has not run is not run", "sublet cancel 5f2c");
  add_job_id(*cancel, *cancelled);
  choose(*cancel, cancelled, chosen, cancel_job);

  auto torn = std::make_shared<JobArguments>();
  auto* teardown =
      add_verb(app, "teardown", "Remove a job with its outputs, its dead chunks and every record of it", "sublet teardown 5f2c");
  add_job_id(*teardown, *torn);
  choose(*teardown, torn, chosen, tear_down);

  add_wait(app, chosen);
}

}  // namespace sublet::cli
