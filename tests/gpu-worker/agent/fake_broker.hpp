#pragma once

#include <algorithm>
#include <cctype>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <dirent.h>

#include "common/io/clock.hpp"
#include "common/io/socket.hpp"
#include "common/io/wakeup.hpp"
#include "common/wire/bundle.hpp"
#include "common/wire/codec.hpp"
#include "gpu-worker/agent/agent.hpp"
#include "paths.hpp"
#include "tests/gpu-worker/session/driven_session.hpp"

namespace sublet::test {

/// Both planes of a broker, as a script: answers heartbeats, HELLO, RENEW and GET by itself, hands everything else to the test.
class FakeBroker {
 public:
  explicit FakeBroker(io::Context& context)
      : control_(*io::Socket::router(context, "tcp://127.0.0.1:*")), bulk_(*io::Socket::router(context, "tcp://127.0.0.1:*")) {
    poller_.add(control_);
    poller_.add(bulk_);
  }

  [[nodiscard]] std::string endpoint() const { return control_.endpoint(); }

  /// What is answered without asking the test.
  std::uint64_t store = 1;
  std::uint16_t shards = 1;                      ///< of the cluster
  std::map<ShardNumber, std::string> elsewhere;  ///< shards that others serve, and where
  bool renews = true;
  std::set<LeaseId> forgets;  ///< leases that RENEWED does not name
  bool settles = true;
  std::uint32_t ttl_ms = 60'000;
  std::uint32_t heartbeat_ms = 1'000;
  int bulk_pings = 0;  ///< so many have come
  std::map<ContentHash, std::vector<std::byte>> bundles;

  ContentHash add(const Bundle& bundle) {
    auto bytes = wire::encode_bundle(bundle);
    const ContentHash hash = wire::content_hash(bytes);
    bundles[hash] = std::move(bytes);
    return hash;
  }

  struct Taken {
    wire::Message message;
    Blob payload;
  };

  /// The next message of that type. The planes overtake each other, so the others are kept for later.
  template <class Message>
  Message expect(Blob* payload = nullptr) {
    const Instant until = io::now() + 60s;
    while (io::now() < until) {
      const auto found = std::ranges::find_if(inbox_, [](const Taken& taken) { return std::holds_alternative<Message>(taken.message); });
      if (found == inbox_.end()) {
        pump();
        continue;
      }
      Taken taken = std::move(*found);
      inbox_.erase(found);
      if (payload != nullptr) {
        *payload = taken.payload;
      }
      return std::get<Message>(std::move(taken.message));
    }
    throw std::runtime_error("the agent did not send what was expected");
  }

  /// The next message of that type about that lease.
  template <class Message>
  Message expect_of(LeaseId lease, Blob* payload = nullptr) {
    std::vector<Taken> others;
    while (true) {
      Blob taken;
      Message message = expect<Message>(&taken);
      if (message.lease != lease) {
        others.push_back({.message = std::move(message), .payload = taken});
        continue;
      }
      inbox_.insert(inbox_.begin(), others.begin(), others.end());
      if (payload != nullptr) {
        *payload = taken;
      }
      return message;
    }
  }

  /// Drops what has come so far.
  void forget() { inbox_.clear(); }

  /// The next OFFER of one card for which `fits` holds.
  template <class Fits>
  wire::Card expect_card(Fits fits) {
    while (true) {
      const auto offer = expect<wire::Offer>();
      if (offer.cards.size() == 1 && fits(offer.cards[0])) {
        return offer.cards[0];
      }
    }
  }

  void send_control(const wire::Message& message, std::uint64_t request = 0) { send(control_, control_peer_, request, message, nullptr); }
  void send_bulk(const wire::Message& message, const Blob* payload = nullptr) { send(bulk_, bulk_peer_, 0, message, payload); }

 private:
  void pump() {
    poller_.wait(100ms);
    while (auto received = control_.receive()) {
      take(control_, *received);
    }
    while (auto received = bulk_.receive()) {
      take(bulk_, *received);
    }
  }

  void take(io::Socket& socket, io::Received& received) {
    auto decoded = wire::decode(received.head.view(), received.payload ? std::optional(received.payload->size()) : std::nullopt);
    if (!decoded) {
      throw std::runtime_error(to_text(decoded.error().error));
    }
    answer(socket, received.from, decoded->header.request, decoded->message);
    inbox_.push_back({.message = std::move(decoded->message), .payload = received.payload ? *received.payload : Blob()});
  }

  void answer(io::Socket& socket, const io::RoutingId& from, std::uint64_t request, const wire::Message& message) {
    const auto* hello = std::get_if<wire::Hello>(&message);
    if (hello != nullptr && elsewhere.contains(hello->shard)) {
      send(socket, from, request, wire::ErrorReply{.code = ErrorCode::not_owner, .detail = {}, .owner = elsewhere.at(hello->shard)},
           nullptr);
    } else if (hello != nullptr) {
      (&socket == &control_ ? control_peer_ : bulk_peer_) = from;
      wire::Welcome welcome;
      welcome.shards = shards;
      welcome.store = store;
      welcome.token = {.high = 8, .low = 9};
      welcome.bulk = bulk_.endpoint();
      welcome.heartbeat_ms = heartbeat_ms;
      for (const wire::HeldLease& held : hello->leases) {
        welcome.leases.push_back({.lease = held.lease, .ttl_ms = ttl_ms});
      }
      send(socket, from, request, welcome, nullptr);
    } else if (std::holds_alternative<wire::Ping>(message)) {
      bulk_pings += &socket == &bulk_ ? 1 : 0;
      send(socket, from, request, wire::Pong{}, nullptr);
    } else if (const auto* renew = std::get_if<wire::Renew>(&message); renew != nullptr && renews) {
      wire::Renewed renewed;
      for (const wire::HeldLease& held : renew->leases) {
        if (!forgets.contains(held.lease)) {
          renewed.leases.push_back({.lease = held.lease, .ttl_ms = ttl_ms});
        }
      }
      send(socket, from, request, renewed, nullptr);
    } else if (const auto* get = std::get_if<wire::Get>(&message)) {
      const Blob bundle = Blob::copy_of(bundles.at(get->hash));
      send(socket, from, request, wire::BundleReply{.hash = get->hash}, &bundle);
    } else if (const auto* settle = std::get_if<wire::Settle>(&message); settle != nullptr && settles) {
      send(socket, from, request, wire::Settled{.lease = settle->lease, .grant = settle->grant}, nullptr);
    }
  }

  static void send(io::Socket& socket, const io::RoutingId& to, std::uint64_t request, const wire::Message& message, const Blob* payload) {
    std::vector<std::byte> head;
    wire::encode(request, message, head);
    socket.send(to, head, payload != nullptr ? std::span(payload, 1) : std::span<const Blob>(), payload != nullptr);
  }

  io::Socket control_;
  io::Socket bulk_;
  io::Poller poller_;
  io::RoutingId control_peer_;
  io::RoutingId bulk_peer_;
  std::deque<Taken> inbox_;
};

/// An agent on a thread of its own, with real session processes.
class RunningAgent {
 public:
  RunningAgent(std::vector<std::string> brokers, agent::AgentOptions options = {}) : stop_(*io::Wakeup::open()) {
    options.brokers = std::move(brokers);
    options.name = "test";
    options.vram = 64_MiB;
    options.arena = 8_MiB;
    if (options.session_program == "sublet-session") {
      options.session_program = std::string(SUBLET_BIN_DIR) + "/sublet-session";
    }
    thread_ = std::jthread([this, options] {
      SeededRandom random(1);
      agent::Agent agent(options, context_, random, *io::make_log("agent", "error"));
      result = agent.run(stop_.fd(), [this] {
        stop_.clear();
        return true;
      });
    });
  }

  ~RunningAgent() { stop(); }

  void stop() { stop_.notify(); }
  void join() { thread_.join(); }

  Result<void> result;

 private:
  io::Context context_;
  io::Wakeup stop_;
  std::jthread thread_;
};

/// Session processes that this process has started, dead ones not counted.
inline std::set<pid_t> session_pids() {
  std::set<pid_t> pids;
  DIR* const folder = ::opendir("/proc");
  if (folder == nullptr) {
    return pids;
  }
  while (const dirent* entry = ::readdir(folder)) {
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) {
      continue;
    }
    const std::string stat = read_text("/proc/" + std::string(entry->d_name) + "/stat");
    const auto name_end = stat.rfind(") ");
    if (name_end == std::string::npos || stat.find("(sublet-session)") == std::string::npos) {
      continue;
    }
    const char state = stat[name_end + 2];
    if (state != 'Z' && std::stoi(stat.substr(name_end + 4)) == ::getpid()) {
      pids.insert(std::stoi(stat));
    }
  }
  ::closedir(folder);
  return pids;
}

}  // namespace sublet::test
