#include <charconv>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "broker/attempt.hpp"
#include "broker/claims.hpp"
#include "broker/core/queue.hpp"
#include "broker/http/http_server.hpp"
#include "broker/http/inquiries.hpp"
#include "broker/lobby.hpp"
#include "broker/planes.hpp"
#include "broker/redis_claims.hpp"
#include "broker/server.hpp"
#include "broker/stores/cluster_record.hpp"
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

constexpr const char* kStoreVariable = "SUBLET_STORE";

struct Arguments {
  ServerOptions server;
  BrokerOptions rules;
  HttpOptions http;
  std::vector<std::string> stores;
  ClusterWishes cluster;
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

std::map<std::string, double> parse_weights(const std::vector<std::string>& all) {
  std::map<std::string, double> weights;
  for (const std::string& each : all) {
    const auto equals = each.find('=');
    double weight = 0;
    const auto* const end = each.data() + each.size();
    const bool is_number = equals != std::string::npos && std::from_chars(each.data() + equals + 1, end, weight).ptr == end;
    if (!is_number || !is_queue_name(each.substr(0, equals)) || !(weight >= 0.001 && weight <= 1000)) {
      throw CLI::ValidationError("--tenant-weight", fmt::format("\"{}\" is no NAME=WEIGHT with a weight of 0.001 to 1000, as lab=3", each));
    }
    weights[each.substr(0, equals)] = weight;
  }
  return weights;
}

void add_cluster_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--store", arguments.stores,
                 fmt::format("Where jobs are kept: memory:, redis://[user:password@]host:port[/db] or redis+unix:///path[?db=N]; memory: "
                             "unless {} says otherwise. Once for each Redis of the cluster, always in the same order",
                             kStoreVariable))
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--shards", arguments.cluster.shards, "Into how many parts a new cluster is cut; brokers share them. 1 for each store")
      ->check(CLI::Range(1U, unsigned{kMaxShards}));
  app.add_option("--spread", arguments.cluster.spread, "How many of the shards each queue of a new cluster uses; 1 unless told otherwise")
      ->check(CLI::Range(1U, unsigned{kMaxShards}));
}

void add_options(CLI::App& app, Arguments& arguments) {
  ServerOptions& server = arguments.server;
  BrokerOptions& rules = arguments.rules;
  app.add_option("--control", server.endpoints.control, "Endpoint of the control plane, tcp:// on loopback or ipc://")
      ->capture_default_str();
  app.add_option("--bulk", server.endpoints.bulk, "Endpoint of the bulk plane")->capture_default_str();
  app.add_option("--advertise-control", server.advertised.control,
                 "Control endpoint as peers and other brokers reach it, where that is another than --control");
  app.add_option("--advertise-bulk", server.advertised.bulk, "Bulk endpoint as peers reach it, where that is another than --bulk");
  app.add_option_function<std::string>(
         "--http", [&http = arguments.http](const std::string& address) { http.address = address == "off" ? "" : address; },
         "Where /metrics, /livez and /readyz are served; off: nowhere")
      ->option_text(fmt::format("HOST:PORT={}", arguments.http.address));
  add_cluster_options(app, arguments);
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
  app.add_option_function<std::string>(
         "--placement", [&rules](const std::string& word) { rules.placement = word == "pack" ? Placement::pack : Placement::spread; },
         "A lease goes to the card with most sessions free (spread), or to the fullest that it fits (pack)")
      ->check(CLI::IsMember({"spread", "pack"}))
      ->option_text("spread|pack=spread");
  add_duration(app, "--turn", rules.turn, "Where sessions are fewer than who wants one: how long each has its place");
  app.add_option_function<std::vector<std::string>>(
         "--tenant-weight", [&rules](const std::vector<std::string>& all) { rules.weights = parse_weights(all); },
         "What a tenant has of the cards, by its weight, as lab=3; others have 1. Once for each")
      ->option_text("NAME=WEIGHT ...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_duration(app, "--idle-lease", rules.idle_lease_after, "A lease with nothing to do for so long is given back");
  add_size(
      app, "--max-input-bytes", [&rules](std::uint64_t n) { rules.input_budget_bytes = {n}; }, rules.input_budget_bytes.count,
      "Payloads kept per queue; a submit beyond has to wait");
  add_size(
      app, "--resident-bytes", [&rules](std::uint64_t n) { rules.resident_bytes = {n}; }, rules.resident_bytes.count,
      "Payloads in memory, per shard; beyond, those with the longest wait are left in Redis until their turn");
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

/// The stores that were named: by options, by the environment, or the one that needs nothing.
std::vector<std::string> named_stores(const Arguments& arguments) {
  std::vector<std::string> stores = arguments.stores;
  const char* variable = std::getenv(kStoreVariable);
  if (stores.empty() && variable != nullptr) {
    // A URL has no space in it.
    std::istringstream words(variable);
    stores.assign(std::istream_iterator<std::string>(words), {});
  }
  return stores.empty() ? std::vector<std::string>{"memory:"} : stores;
}

/// Shards of this process alone.
Result<std::unique_ptr<Claims>> keep_in_memory(const Arguments& arguments) {
  if (auto agree = check_wishes(arguments.cluster); !agree) {
    return std::unexpected(agree.error());
  }
  io::SystemRandom random;
  BrokerOptions rules = arguments.rules;
  rules.layout = arguments.cluster.layout();
  std::vector<std::unique_ptr<Store>> stores;
  for (ShardNumber shard = 0; shard < rules.layout.shards; ++shard) {
    auto store = make_store(arguments.stores.front(), shard, arguments.wishes, random);
    if (!store) {
      return std::unexpected(store.error());
    }
    stores.push_back(std::move(*store));
  }
  return FixedClaims::open(rules, std::move(stores));
}

/// Opens the stores, however long a Redis is loading or cannot be reached. Nothing when the process was asked to stop meanwhile.
Result<std::unique_ptr<Claims>> open_claims(const Arguments& arguments, Lobby& lobby, const io::Log& log) {
  constexpr Millis kAskAgain = 200ms;
  if (arguments.stores.size() == 1 && !arguments.stores.front().starts_with("redis")) {
    return keep_in_memory(arguments);
  }
  const auto open = [stores = arguments.stores, cluster = arguments.cluster, wishes = arguments.wishes, rules = arguments.rules,
                     log]() -> Attempt::Outcome { return RedisClaims::open(stores, cluster, wishes, rules, log); };
  for (bool told = false;; told = true) {
    auto attempt = Attempt::begin(open);
    if (!attempt) {
      return std::unexpected(attempt.error());
    }
    if (!lobby.wait_for(*attempt)) {
      return nullptr;
    }
    auto claims = attempt->take();
    if (claims || claims.error().retry_after_ms == 0) {
      return claims;
    }
    if (!told) {
      log->warn("waiting for the store, and nothing is accepted until it is there: {}; or give another with --store or {}",
                claims.error().detail, kStoreVariable);
    }
    lobby.tell(std::move(claims.error()));
    if (!lobby.wait(kAskAgain)) {
      return nullptr;
    }
  }
}

/// Says that it serves, to people and to whoever started it.
void tell_ready(const Arguments& arguments, const Endpoints& endpoints, const std::string& http, const std::string& store,
                const io::Log& log) {
  log->info("serving control {} and bulk {}, {}, store {}; stop with Ctrl-C or SIGTERM", endpoints.control, endpoints.bulk,
            http.empty() ? "no http" : "metrics at " + http + "/metrics", store);
  if (arguments.ready_fd < 0) {
    return;
  }
  const io::Ready ready{{"control", endpoints.control}, {"bulk", endpoints.bulk}, {"http", http}, {"store", store}};
  if (auto told = io::write_ready(arguments.ready_fd, ready); !told) {
    log->error("{}", told.error().detail);
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
  arguments.rules.clock = io::clock_name();
  arguments.wishes.durability = durability_of(arguments.durability);
  arguments.stores = named_stores(arguments);
  arguments.cluster.stores = static_cast<std::uint32_t>(arguments.stores.size());
  auto planes = Planes::bind(arguments.server.endpoints, arguments.server.insecure_network);
  if (!planes) {
    return complain(planes.error(), exit_code(planes.error()));
  }
  Lobby lobby(*planes, *inquiries, stop->fd());
  auto claims = open_claims(arguments, lobby, *log);
  if (!claims) {
    return complain(claims.error(), exit_code(claims.error()));
  }
  if (*claims == nullptr) {
    (*log)->info("stopped before its store was there");
    return 0;
  }
  const std::string store = (*claims)->store_name();
  const auto server = Server::over(std::move(*planes), arguments.server, std::move(*claims), *log);
  server->answer(*inquiries);
  server->when_settled([&, url = *http ? (*http)->url() : ""] { tell_ready(arguments, server->endpoints(), url, store, *log); });
  if (auto ran = server->run(stop->fd()); !ran) {
    return complain(ran.error(), kFailed);
  }
  (*log)->info("stopped");
  return 0;
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
