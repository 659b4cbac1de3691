#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/broker.hpp"
#include "broker/peers.hpp"
#include "tests/sim/checker.hpp"
#include "tests/sim/network.hpp"
#include "tests/sim/store.hpp"

namespace sublet::sim {

/// A broker process on its host: the production core and peer table, under a loop that does what `broker::Server` does, over the simulated
/// network and store. It can be killed, stopped for a while and started again.
class BrokerParty final : public ServerEnd {
 public:
  /// @param exited  called when the process ended by itself
  BrokerParty(std::string name, Simulation& simulation, Network& network, Disk& disk, Checker& checker, std::function<void()> exited);

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] bool running() const { return process_ != nullptr; }
  [[nodiscard]] bool paused() const { return simulation_.time.now() < paused_until_; }
  /// The store is its own.
  [[nodiscard]] bool serves() const { return running() && process_->store.owns(); }

  /// Starts from what the store holds; when that cannot be read, tries again.
  void start();
  void crash(std::string_view why);
  void pause(Nanos duration);
  void resume();
  void arrived(wire::Plane plane, const std::string& from, Packet packet) override;

 private:
  struct Arrived {
    std::string from;
    Packet packet;
  };
  /// What dies with the process.
  struct Process {
    /// @param clock  names the host's clock; 0: nobody knows
    Process(Simulation& simulation, Disk& disk, std::uint64_t clock, std::function<void()> answered);
    SeededRandom random;
    SimStore store;
    broker::Broker core;
    broker::Peers peers;
    std::deque<Arrived> control;
    std::deque<Arrived> bulk;
    std::vector<broker::Input> inputs;
    std::vector<broker::Send> sends;
    bool in_flight = false;
    bool store_ready = true;
    bool store_full = false;
    std::uint64_t last_commit = 0;
    Instant next_heartbeat;
    /// Until then nobody else takes the store over, by this host's clock.
    Instant held_until;
  };

  void soon();
  void turn();
  bool watch_store(Instant now);
  void commit(std::vector<broker::Write> writes);
  void take_all(wire::Plane plane, std::deque<Arrived>& arrived, Instant now);
  void take(wire::Plane plane, Arrived arrived, Instant now);
  void hello_on_control(const Arrived& arrived, const wire::Hello& hello, Instant now);
  void hello_on_bulk(const Arrived& arrived, const wire::Hello& hello, Instant now);
  void look_after_peers(Instant now);
  bool finish_commit(Instant now);
  void decide(Instant now);
  void send_all();
  void send(broker::Send send);
  void deliver(broker::Peer& peer, broker::Send send);
  void answer(const std::string& to, std::uint64_t request, wire::Message message);
  void forget(broker::Peer* peer);
  void set_alarm(Instant now);
  [[nodiscard]] Instant local() const { return clock_.local(simulation_.time.now()); }

  std::string name_;
  Simulation& simulation_;
  Network& network_;
  Disk& disk_;
  Checker& checker_;
  std::function<void()> exited_;
  PartyClock clock_;
  std::uint64_t clock_changes_ = 0;
  Alarm alarm_;
  std::unique_ptr<Process> process_;
  Instant paused_until_;
};

}  // namespace sublet::sim
