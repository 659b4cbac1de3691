#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <poll.h>

#include "common/io/clock.hpp"
#include "producer/cli/listing.hpp"
#include "producer/cli/text.hpp"
#include "producer/cli/verbs/verb.hpp"

namespace sublet::cli {
namespace {

struct QueueArguments {
  std::string queue;
  bool pause = false;
  bool watch = false;
  std::string interval = "1s";
  Connection connection;
  Format format;
};

/// Shows the queues again and again until Ctrl-C: a table that changes on a terminal, a table or a line of JSON each time elsewhere.
Result<ExitCode> watch_queues(Environment& environment, const QueueArguments& arguments, Client& client, bool json) {
  const auto interval = parse_duration(arguments.interval, "--interval");
  if (!interval) return std::unexpected(interval.error());
  if (*interval <= 0ms) return fail(ErrorCode::bad_argument, "--interval is 0; give at least 1ms, 1s is usual");
  std::vector<wire::QueueStatus> before;
  Instant seen;
  for (;;) {
    auto queues = client.queues();
    if (environment.interrupts.asked()) return ExitCode::ok;
    if (!queues) return std::unexpected(queues.error());
    const Instant now = io::now();
    if (json) {
      environment.console.print(json_array(*queues, queue_json).dump() + '\n');
    } else {
      environment.console.redraw(queues_table(*queues, before, now - seen, environment.console.width()));
    }
    before = std::move(*queues);
    seen = now;
    pollfd interrupt{.fd = environment.interrupts.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&interrupt, 1, static_cast<int>(std::min<Millis::rep>(interval->count(), 3'600'000))) > 0) return ExitCode::ok;
  }
}

Result<ExitCode> list_queues(Environment& environment, const QueueArguments& arguments, Client& client, bool json) {
  if (arguments.watch) return watch_queues(environment, arguments, client, json);
  const auto queues = client.queues();
  if (!queues) return std::unexpected(queues.error());
  environment.console.print(json ? json_line(json_array(*queues, queue_json)) : queues_table(*queues, environment.console.width()));
  return ExitCode::ok;
}

Result<ExitCode> list_workers(Environment& environment, const QueueArguments& arguments, Client& client, bool json) {
  const auto workers = client.workers();
  if (!workers) return std::unexpected(workers.error());
  environment.console.print(
      json ? json_line(json_array(*workers, worker_json))
           : workers_table(*workers, fmt::format("{}", fmt::join(arguments.connection.brokers, ",")), environment.console.width()));
  return ExitCode::ok;
}

Result<ExitCode> pause_queue(Environment& environment, const QueueArguments& arguments, Client& client, bool json) {
  const auto queue = client.pause(arguments.queue, arguments.pause);
  if (!queue) return std::unexpected(queue.error());
  if (json) {
    environment.console.print(json_line(queue_json(*queue)));
    return ExitCode::ok;
  }
  const auto name = printable(queue->name);
  environment.console.print(
      arguments.pause ? fmt::format("Paused {}: {} wait. Go on with: sublet resume {}\n", name, plural(queue->ready, "chunk"), name)
                      : fmt::format("Resumed {}: {} to run.\n", name, plural(queue->ready, "chunk")));
  return ExitCode::ok;
}

using QueueAction = Result<ExitCode> (*)(Environment&, const QueueArguments&, Client&, bool);

void choose(CLI::App& verb, const std::shared_ptr<QueueArguments>& arguments, Action& chosen, QueueAction action) {
  add_connection(verb, arguments->connection);
  add_format(verb, arguments->format);
  verb.callback([arguments, &chosen, action] {
    chosen = [arguments, action](Environment& environment) {
      return with_client(environment, arguments->connection, arguments->format,
                         [&](Client& client, bool json) { return action(environment, *arguments, client, json); });
    };
  });
}

void add_pause(CLI::App& app, Action& chosen, bool pause) {
  auto arguments = std::make_shared<QueueArguments>();
  arguments->pause = pause;
  auto* verb = pause ? add_verb(app, "pause", "Let a queue take chunks but run none", "sublet pause default")
                     : add_verb(app, "resume", "Let a paused queue run again", "sublet resume default");
  verb->add_option("QUEUE", arguments->queue, "The queue's name")->type_name("")->required();
  choose(*verb, arguments, chosen, pause_queue);
}

}  // namespace

void add_queues(CLI::App& app, Action& chosen) {
  auto arguments = std::make_shared<QueueArguments>();
  auto* queues = add_verb(app, "queues", "List queues with what waits in them", "sublet queues --watch");
  queues->add_flag("-w,--watch", arguments->watch, "Show them again and again, with chunks done a second, until Ctrl-C");
  queues->add_option("--interval", arguments->interval, "Between two looks")->type_name("DURATION")->capture_default_str();
  choose(*queues, arguments, chosen, list_queues);
  choose(*add_verb(app, "workers", "List workers with what they have to lease out", "sublet workers"), std::make_shared<QueueArguments>(),
         chosen, list_workers);
  add_pause(app, chosen, true);
  add_pause(app, chosen, false);
}

}  // namespace sublet::cli
