#include <array>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "broker/http/http_server.hpp"
#include "broker/http/inquiries.hpp"
#include "broker/server.hpp"
#include "broker/stores/make_store.hpp"
#include "broker/stores/redis_url.hpp"
#include "common/io/clock.hpp"
#include "common/io/log.hpp"
#include "common/io/random.hpp"
#include "common/io/ready.hpp"
#include "common/io/signals.hpp"

namespace sublet::broker {

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kCannotBind = 3;

struct Arguments {
  ServerOptions server;
  HttpOptions http;
  std::string store = "memory:";
  StoreWishes wishes;
  std::string durability;
  std::string log = "info";
  int ready_fd = -1;
};

/// A duration such as 500ms, 30s or 10min; a plain number is refused, since nobody knows its unit.
CLI::Option* add_duration(CLI::App& app, const std::string& name, Millis& value, const std::string& help) {
  const CLI::AsNumberWithUnit units(std::map<std::string, std::uint64_t>{{"ms", 1}, {"s", 1'000}, {"min", 60'000}, {"h", 3'600'000}},
                                    CLI::AsNumberWithUnit::UNIT_REQUIRED, "DURATION");
  return app.add_option_function<std::uint64_t>(
                name, [&value](std::uint64_t ms) { value = Millis(static_cast<Millis::rep>(ms)); }, help)
      ->transform(units)
      ->option_text(fmt::format("DURATION={}ms", value.count()));
}

/// A size such as 64MiB or 1048576.
CLI::Option* add_size(CLI::App& app, const std::string& name, const std::function<void(const std::uint64_t&)>& set, std::uint64_t initial,
                      const std::string& help) {
  return app.add_option_function<std::uint64_t>(name, set, help)
      ->transform(CLI::AsSizeValue(false))
      ->option_text(fmt::format("SIZE={}MiB", initial >> 20U));
}

void add_options(CLI::App& app, Arguments& arguments) {
  ServerOptions& server = arguments.server;
  BrokerOptions& rules = server.rules;
  app.add_option("--control", server.endpoints.control, "Endpoint of the control plane, tcp:// on loopback or ipc://")
      ->capture_default_str();
  app.add_option("--bulk", server.endpoints.bulk, "Endpoint of the bulk plane")->capture_default_str();
  app.add_option("--advertise-bulk", server.advertised_bulk, "Bulk endpoint as peers reach it, where that is another than --bulk");
  app.add_option_function<std::string>(
         "--http", [&http = arguments.http](const std::string& address) { http.address = address == "off" ? "" : address; },
         "Where /metrics, /livez and /readyz are served; off: nowhere")
      ->option_text(fmt::format("HOST:PORT={}", arguments.http.address));
  app.add_option("--store", arguments.store,
                 "Where jobs are kept: memory:, redis://[user:password@]host:port[/db] or redis+unix:///path[?db=N]")
      ->capture_default_str()
      ->envname("SUBLET_STORE");
  app.add_option("--require-durability", arguments.durability,
                 "The least that the store has to give: none, fast (AOF), fsync (AOF, appendfsync always) or replicated (WAIT on top)")
      ->check(CLI::IsMember({"none", "fast", "fsync", "replicated"}));
  app.add_option("--replicas", arguments.wishes.replicas, "With replicated: how many replicas have to confirm a commit")
      ->check(CLI::Range(1U, 16U))
      ->capture_default_str();
  app.add_option_function<std::uint32_t>(
         "--heartbeat-ms", [&server](std::uint32_t ms) { server.heartbeat = Millis(ms); }, "A peer silent for three of these is gone")
      ->check(CLI::Range(10U, 60'000U))
      ->option_text(fmt::format("MS={}", server.heartbeat.count()));
  add_duration(app, "--lease-ttl", rules.lease_ttl, "How long a lease lives without renewal");
  add_duration(app, "--idle-lease", rules.idle_lease_after, "A lease with nothing to do for so long is given back");
  add_size(
      app, "--max-input-bytes", [&rules](std::uint64_t n) { rules.input_budget_bytes = {n}; }, rules.input_budget_bytes.count,
      "Payloads kept per queue; a submit beyond has to wait");
  add_size(
      app, "--max-output-bytes", [&rules](std::uint64_t n) { rules.output_budget_bytes = {n}; }, rules.output_budget_bytes.count,
      "Outputs kept per queue that nobody took; chunks wait beyond");
  add_size(
      app, "--max-dead-bytes", [&rules](std::uint64_t n) { rules.dead_budget_bytes = {n}; }, rules.dead_budget_bytes.count,
      "Dead chunks kept per queue to be replayed; beyond, one that dies keeps no payload");
  add_size(
      app, "--max-event-bytes", [&rules](std::uint64_t n) { rules.event_budget_bytes = {n}; }, rules.event_budget_bytes.count,
      "Error texts not yet taken and watchers, per queue; beyond, errors have no text and nobody follows");
  add_duration(app, "--keep-ended", rules.ended_jobs_age, "How long an ended job is kept, unless it says so itself");
  app.add_option("--keep-ended-jobs", rules.ended_jobs_count, "So many of them, the newest")
      ->option_text(fmt::format("N={}", rules.ended_jobs_count));
  add_size(
      app, "--keep-ended-bytes", [&rules](std::uint64_t n) { rules.ended_jobs_bytes = {n}; }, rules.ended_jobs_bytes.count,
      "Outputs and dead chunks of ended jobs; beyond, the job that ended first is forgotten");
  add_size(
      app, "--max-chunk-bytes", [&rules](std::uint64_t n) { rules.max_chunk_bytes = n; }, rules.max_chunk_bytes,
      "The largest payload of a chunk")
      ->check(CLI::Range(std::uint64_t{1}, rules.max_batch_bytes));
  app.add_flag("--insecure-network", server.insecure_network,
               "Allow addresses other than loopback; what travels there is neither encrypted nor authenticated");
  app.add_option("--ready-fd", arguments.ready_fd, "Write a line of JSON with the endpoints to this descriptor when serving");
  app.add_option("--log", arguments.log, "debug, info, warn, error or off")->capture_default_str();
  app.add_option("--drop-runs", server.drop_runs)->group("");
  app.set_version_flag("--version", "sublet-broker " SUBLET_VERSION);
  app.footer(
      "Example, ports of your own choice and small budgets:\n"
      "  sublet-broker --control tcp://127.0.0.1:8450 --bulk tcp://127.0.0.1:8451 --max-input-bytes 256MiB\n\n"
      "Ends with 0 when stopped, 1 on failure, 2 on wrong usage, 3 when an endpoint cannot be bound.");
}

int exit_code(const Error& error) {
  switch (error.code) {
    case ErrorCode::bad_argument:
      return kUsage;
    case ErrorCode::io_failed:
      return kCannotBind;
    default:
      return kFailed;
  }
}

int complain(const Error& error, int code) {
  fmt::print(stderr, "sublet-broker: {}\n", to_text(error));
  return code;
}

/// Waits so long and answers inquiries meanwhile, or until the process is asked to stop: then true.
bool stopped_within(const io::StopSignals& stop, Inquiries& inquiries, Millis delay) {
  std::array<pollfd, 2> descriptors{pollfd{.fd = stop.fd(), .events = POLLIN, .revents = 0},
                                    pollfd{.fd = inquiries.fd(), .events = POLLIN, .revents = 0}};
  const int ready = ::poll(descriptors.data(), descriptors.size(), static_cast<int>(delay.count()));
  if (ready > 0 && descriptors[1].revents != 0) {
    inquiries.answer([] { return Readings{.standing_by = true}; });
  }
  return ready > 0 && descriptors[0].revents != 0;
}

/// Nothing when it is not wanted.
Result<std::optional<HttpServer>> open_http(const Arguments& arguments, Inquiries& inquiries) {
  if (arguments.http.address.empty()) {
    return std::nullopt;
  }
  auto http = HttpServer::open({.address = arguments.http.address, .insecure_network = arguments.server.insecure_network}, inquiries);
  if (!http) {
    return std::unexpected(http.error());
  }
  return std::move(*http);
}

/// Opens the store, however long another broker serves the shard or Redis is loading. Nothing when the process was asked to stop meanwhile.
/// @param served_before  then a Redis that is away is waited for too: at the start that is more likely a mistake in the URL
Result<std::unique_ptr<Store>> open_store(const Arguments& arguments, bool served_before, const io::StopSignals& stop, Inquiries& inquiries,
                                          const io::Log& log) {
  constexpr Millis kAskAgain = 200ms;
  io::SystemRandom random;
  for (bool told = false;; told = true) {
    auto store = make_store(arguments.store, arguments.wishes, random);
    if (store) {
      return store;
    }
    const Error& error = store.error();
    if (error.retry_after_ms == 0 && !(served_before && error.code == ErrorCode::store_unavailable)) {
      return store;
    }
    if (!told) {
      log->info("standing by: {}", error.detail);
    }
    if (stopped_within(stop, inquiries, kAskAgain)) {
      return nullptr;
    }
  }
}

int serve(Arguments& arguments) {
  // Before any thread starts, so that each of them leaves the signals to this one.
  const auto stop = io::StopSignals::open();
  if (!stop) {
    return complain(stop.error(), kFailed);
  }
  auto log = io::make_log("sublet-broker", arguments.log);
  if (!log) {
    return complain(log.error(), kUsage);
  }
  auto inquiries = Inquiries::open();
  if (!inquiries) {
    return complain(inquiries.error(), kFailed);
  }
  const auto http = open_http(arguments, *inquiries);
  if (!http) {
    return complain(http.error(), exit_code(http.error()));
  }
  const std::string url = *http ? (*http)->url() : "";
  arguments.server.rules.clock = io::clock_name();
  arguments.wishes.durability = durability_of(arguments.durability);
  arguments.wishes.holder = fmt::format("{} (process {})", arguments.server.endpoints.control, ::getpid());
  for (bool served_before = false;; served_before = true) {
    auto store = open_store(arguments, served_before, *stop, *inquiries, *log);
    if (!store) {
      return complain(store.error(), exit_code(store.error()));
    }
    if (*store == nullptr) {
      return 0;
    }
    const auto name = (*store)->info().name;
    auto server = Server::open(arguments.server, std::move(*store), *log);
    if (!server) {
      return complain(server.error(), exit_code(server.error()));
    }
    // Whoever serves again does so where its peers look for it.
    arguments.server.endpoints = (*server)->endpoints();
    const auto& [control, bulk] = arguments.server.endpoints;
    (*server)->answer(*inquiries);
    (*log)->info("serving control {} and bulk {}, {}, store {}; stop with Ctrl-C or SIGTERM", control, bulk,
                 url.empty() ? "no http" : "metrics at " + url + "/metrics", name);
    if (arguments.ready_fd >= 0 && !served_before) {
      if (auto told = io::write_ready(arguments.ready_fd, {{"control", control}, {"bulk", bulk}, {"http", url}, {"store", name}}); !told) {
        return complain(told.error(), kFailed);
      }
    }
    auto ran = (*server)->run(stop->fd());
    if (ran) {
      (*log)->info("stopped");
      return 0;
    }
    if (ran.error().code != ErrorCode::not_owner) {
      return complain(ran.error(), kFailed);
    }
    (*log)->warn("{}", ran.error().detail);
  }
}

int run(int argc, char** argv) {
  CLI::App app{"The broker of Sublet: takes jobs from producers and hands their chunks to leased sessions of workers.", "sublet-broker"};
  Arguments arguments;
  add_options(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  return serve(arguments);
}

}  // namespace

}  // namespace sublet::broker

int main(int argc, char** argv) { return sublet::broker::run(argc, argv); }
