#include <memory>

#include <fmt/format.h>
#include <poll.h>

#include "producer/cli/cluster.hpp"
#include "producer/cli/text.hpp"
#include "producer/cli/verbs/verb.hpp"

namespace sublet::cli {
namespace {

constexpr std::string_view kDefaultControl = "tcp://127.0.0.1:7450";

void announce(Console& console, const Cluster& cluster, const std::string& device) {
  const auto where = cluster.control() == kDefaultControl ? std::string() : " --broker " + cluster.control();
  console.print(
      fmt::format("sublet is up: a broker and a worker on the {} device.\n\n"
                  "  listening  {} (control), {} (bulk)\n"
                  "  try        sublet submit video --in DIR --wait --out DIR{}\n"
                  "  look       sublet jobs{}\n"
                  "  stop       Ctrl-C\n",
                  device, cluster.control(), cluster.bulk(), where, where));
}

/// Until Ctrl-C or the end of a child.
void wait_for_end(const Environment& environment, const Cluster& cluster) {
  std::vector<pollfd> waits{{environment.interrupts.fd(), POLLIN, 0}};
  for (const int fd : cluster.fds()) waits.push_back({fd, POLLIN, 0});
  while (::poll(waits.data(), waits.size(), -1) < 0) {
  }
}

struct UpArguments {
  ClusterOptions options;
  std::string vram;
};

ExitCode up(Environment& environment, const UpArguments& arguments) {
  auto& console = environment.console;
  auto options = arguments.options;
  if (!arguments.vram.empty()) {
    const auto given = parse_size(arguments.vram, "--vram");
    if (!given) return console.complain(given.error());
    options.vram = *given;
  }
  auto cluster = Cluster::start(options);
  if (!cluster) return console.complain(cluster.error());
  environment.interrupts.on_first([] {});
  announce(console, *cluster, options.device);
  wait_for_end(environment, *cluster);
  const auto ended = environment.interrupts.asked() ? std::nullopt : cluster->ended();
  if (!ended) console.say("Stopping.");
  cluster->stop();
  if (!ended) return ExitCode::ok;
  console.complain(*ended, "the other one was stopped; start both again with: sublet up");
  return ExitCode::failed;
}

}  // namespace

void add_up(CLI::App& app, Action& chosen) {
  auto arguments = std::make_shared<UpArguments>();
  auto& options = arguments->options;
  options.control = kDefaultControl;
  options.bulk = "tcp://127.0.0.1:7451";
  options.http = "127.0.0.1:7452";
  options.log_level = "warn";
  auto* verb = add_verb(app, "up", "Start a broker and a worker, and stay until Ctrl-C", "sublet up --sessions 4");
  verb->add_option("--control", options.control, "Where the broker listens for requests")->type_name("EP")->capture_default_str();
  verb->add_option("--bulk", options.bulk, "Where the broker listens for payloads")->type_name("EP")->capture_default_str();
  verb->add_option("--http", options.http, "Where the broker serves metrics; off: nowhere")->type_name("HOST:PORT")->capture_default_str();
  verb->add_option("--device", options.device, "cpu or cuda")->type_name("KIND")->capture_default_str();
  verb->add_option("--sessions", options.sessions, "Most sessions at a time; 0: as the worker thinks best")->type_name("N");
  verb->add_option("--vram", arguments->vram, "Memory of the card that sessions share, for example 512MiB")->type_name("SIZE");
  verb->add_option("--store", options.store, "Where jobs are kept: memory:, redis://… or redis+unix://…")
      ->type_name("URL")
      ->capture_default_str();
  verb->add_option("--log", options.log_level, "debug, info, warn, error or off")->type_name("LEVEL")->capture_default_str();
  verb->callback([arguments, &chosen] { chosen = [arguments](Environment& environment) { return up(environment, *arguments); }; });
}

}  // namespace sublet::cli
