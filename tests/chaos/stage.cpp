#include "tests/chaos/stage.hpp"

#include <algorithm>
#include <csignal>

#include <fmt/format.h>
#include <poll.h>

#include "broker/stores/redis_keys.hpp"
#include "common/io/clock.hpp"
#include "common/io/ready.hpp"

namespace sublet::chaos {
namespace {

constexpr Bytes kDisk = 64_MiB;
/// What takes longer is stuck, also on a loaded machine under a sanitizer.
constexpr Millis kSlowest = 90s;
constexpr Millis kRedisAnswers = 1s;
/// After a program has ended by itself.
constexpr Millis kRestart = 250ms;
/// Between two looks at something that has no descriptor.
constexpr int kLookAgainMs = 10;

bool readable(int fd, Millis within) {
  pollfd descriptor{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&descriptor, 1, static_cast<int>(within.count())) > 0;
}

std::string text_of(const io::Exit& exit) {
  return exit.signal != 0 ? fmt::format("signal {}", exit.signal) : fmt::format("code {}", exit.code);
}

Result<SmallDisk> put_on_small_disk(test::RedisServer& redis) {
  redis.kill();
  auto disk = SmallDisk::mount(redis.folder(), kDisk);
  redis.start();
  return disk;
}

}  // namespace

Stage::Stage(const Layout& layout, const std::string& log)
    : redis_({"--appendfsync", "always", "--auto-aof-rewrite-min-size", "4mb"}), disk_(put_on_small_disk(redis_)), shards_(layout.shards) {
  start_brokers(layout, log);
  // Workers and clients need a broker that is there; afterwards they wait for one.
  tend_until_ready();
  start_workers(log);
  tend_until_ready();
}

void Stage::start_brokers(const Layout& layout, const std::string& log) {
  for (std::uint32_t number = 0; number < kBrokers; ++number) {
    auto& broker = brokers_.emplace_back();
    broker.store->set_target(redis_.socket().string());
    broker.seat = {.name = fmt::format("broker {}", number),
                   .program = "sublet-broker",
                   .args = {"--store",
                            fmt::format("redis://127.0.0.1:{}", broker.store->port()),
                            "--shards",
                            std::to_string(layout.shards),
                            "--control",
                            "tcp://127.0.0.1:*",
                            "--bulk",
                            "tcp://127.0.0.1:*",
                            "--advertise-control",
                            broker.control->endpoint(),
                            "--advertise-bulk",
                            broker.bulk->endpoint(),
                            "--http",
                            "off",
                            "--heartbeat-ms",
                            "300",
                            "--lease-ttl",
                            "2s",
                            "--log",
                            log}};
    start(broker.seat);
  }
}

void Stage::start_workers(const std::string& log) {
  std::vector<std::string> args{"--device", "cpu", "--sessions", "2", "--threads", "1", "--vram", "1GiB", "--log", log};
  for (const auto& endpoint : endpoints()) args.insert(args.end(), {"--broker", endpoint});
  for (std::uint32_t number = 0; number < kWorkers; ++number) {
    workers_.push_back({.name = fmt::format("worker {}", number), .program = "sublet-worker", .args = args});
    start(workers_.back());
  }
}

std::vector<std::string> Stage::endpoints() const {
  std::vector<std::string> endpoints;
  for (const auto& broker : brokers_) endpoints.push_back(broker.control->endpoint());
  return endpoints;
}

std::vector<std::string> Stage::owners() const {
  auto connection = broker::RedisConnection::open(redis_.address());
  if (!connection) return {};
  broker::RespWriter writer;
  for (std::uint32_t shard = 0; shard < shards_; ++shard) {
    writer.command("GET", broker::RedisKeys(static_cast<ShardNumber>(shard)).owner);
  }
  const auto replies = connection->call(writer.take(), kRedisAnswers);
  if (!replies) return {};
  std::vector<std::string> owners;
  for (const auto& reply : *replies) {
    // "EPOCH ENDPOINT"
    const auto hold = reply.is_error() ? std::string_view() : reply.text();
    owners.emplace_back(hold.substr(std::min(hold.size(), hold.find(' ') + 1)));
  }
  return owners;
}

void Stage::start(Seat& seat) {
  if (seat.process) return;
  seat.ready = seat.ended_by_itself = false;
  seat.process = test::begin_to_start(seat.program, seat.args);
}

void Stage::kill(Seat& seat) {
  if (!seat.process) return;
  seat.process->child.kill(SIGKILL);
  seat.process->child.wait();
  seat.process.reset();
}

void Stage::start_redis() {
  if (redis_.ended() && !(disk_ && disk_->full())) redis_.start();
}

void Stage::tend() {
  for (auto& broker : brokers_) {
    if (const auto said = tend(broker.seat)) {
      broker.control->set_target(said->at("control"));
      broker.bulk->set_target(said->at("bulk"));
    }
  }
  for (auto& worker : workers_) tend(worker);
}

std::optional<std::map<std::string, std::string>> Stage::tend(Seat& seat) {
  if (seat.ended_by_itself && io::now() >= seat.not_before) start(seat);
  if (!seat.process) return std::nullopt;
  auto& child = seat.process->child;
  if (!seat.ready && readable(seat.process->ready.get(), 0ms)) {
    auto said = io::read_ready(seat.process->ready.get(), kSlowest);
    if (said) {
      seat.ready = true;
      return *std::move(said);
    }
    child.wait();
  }
  const auto exit = child.poll();
  if (!exit) return std::nullopt;
  // A broker that finds no Redis when it starts says so and ends with 1: its supervisor starts it again.
  const bool found_nothing = !seat.ready && seat.program == "sublet-broker" && exit->signal == 0 && exit->code == 1;
  if (!found_nothing) complaints_.push_back(fmt::format("{} ended by itself with {}", seat.name, text_of(*exit)));
  seat.process.reset();
  seat.not_before = io::now() + kRestart;
  seat.ended_by_itself = true;
  return std::nullopt;
}

void Stage::tend_until_ready() {
  const auto deadline = io::now() + kSlowest;
  const auto is_ready = [](const Seat& seat) { return seat.ready; };
  while (!std::ranges::all_of(brokers_, is_ready, &BrokerSeat::seat) || !std::ranges::all_of(workers_, is_ready)) {
    if (io::now() > deadline) {
      complaints_.emplace_back("not every broker and worker became ready");
      return;
    }
    ::poll(nullptr, 0, kLookAgainMs);
    tend();
  }
}

void Stage::stop() {
  tend_until_ready();
  for (auto& worker : workers_) stop(worker);
  for (auto& broker : brokers_) stop(broker.seat);
}

void Stage::stop(Seat& seat) {
  if (!seat.process) return;
  auto& child = seat.process->child;
  child.kill(SIGTERM);
  if (!readable(child.fd(), kSlowest)) {
    complaints_.push_back(fmt::format("{} did not stop within {} s", seat.name, kSlowest / 1s));
    return kill(seat);
  }
  const auto exit = child.wait();
  if (!exit.clean()) complaints_.push_back(fmt::format("{} ended with {} when it was asked to stop", seat.name, text_of(exit)));
  seat.process.reset();
}

}  // namespace sublet::chaos
