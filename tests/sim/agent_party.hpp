#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gpu-worker/core/agent_leases.hpp"
#include "gpu-worker/core/ledger.hpp"
#include "tests/sim/agent_link.hpp"
#include "tests/sim/session_model.hpp"

namespace sublet::sim {

/// VRAM that a session process takes before its first allocation.
inline constexpr Bytes kContext{1000};

/// The agent of one host with its session processes: the production ledger, lease book, watchdog and window, under rules that are those of
/// `agent::Agent`.
class AgentParty final : public ClientEnd {
 public:
  AgentParty(std::string name, Simulation& simulation, Network& network, Chunks& chunks);

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] bool running() const { return process_ != nullptr; }
  [[nodiscard]] bool paused() const { return simulation_.time.now() < paused_until_; }
  [[nodiscard]] static Bytes lease_size();

  void start();
  /// Its session processes end with it.
  void crash();
  void pause(Nanos duration);
  void resume();
  /// SIGTERM: it hands everything back and ends.
  void drain();
  /// kill -9, or SIGSTOP, of one of its session processes.
  void crash_session();
  void pause_session(Nanos duration);
  void resume_sessions();

  void arrived(LinkId link, Packet packet) override;
  /// No card gives out more than it has.
  void check_cards() const;
  /// By this host's clock that lease is over, or that grant never came here.
  [[nodiscard]] bool lets_go(LeaseId lease, GrantId grant) const;

 private:
  using Sessions = std::map<LeaseId, std::unique_ptr<SessionModel>>;
  struct Card {
    CardLedger ledger;
    std::uint32_t spares = 0;
  };
  struct Process {
    Process(Simulation& simulation, Network& network, AgentParty& party);
    SeededRandom random;
    std::uint64_t instance;
    AgentLink link;
    std::vector<Card> cards;
    std::set<ContentHash> bundles;
    std::map<std::uint64_t, ContentHash> asked;
    AgentLeases leases;
    Sessions sessions;
    std::deque<std::pair<LinkId, Packet>> inbox;
    std::uint64_t hello_request = 0;
    std::optional<std::uint64_t> store;
    std::uint64_t seen_leases = 0;
    bool offer_due = false;
    bool draining = false;
    Instant drain_until;
    Instant farewell_until;
  };

  void soon();
  void turn();
  void keep_time(Instant now);
  void look_at_processes(Instant now);
  [[nodiscard]] std::vector<wire::HeldLease> held_leases() const;
  void set_alarm(Instant now);

  void on_control(Packet packet, Instant now);
  void on_bulk(Packet packet, Instant now);
  void on_welcome(const Packet& packet, const wire::Welcome& welcome, Instant now);
  void on_up(Instant now);
  void on_lease(const wire::Lease& lease);
  void on_renewed(std::uint64_t request, const std::vector<wire::LeaseTtl>& ttls);
  void on_release(const wire::Release& release);
  void on_error(std::uint64_t request, const wire::ErrorReply& error, Instant now);
  void on_run(Packet packet, Instant now);

  void start_waiting(const ContentHash& pipeline);
  void end_session(SessionModel& session, const Error& error, ErrorCode farewell, Instant now);
  void drop_session(LeaseId lease);
  void reap_later(LeaseId lease);
  void reap(LeaseId lease);
  void send_settles(SessionModel& session, Instant now);
  void send_settle(SessionModel::Unsettled& settle, Instant now);
  void repeat_settles(Instant now, Millis older_than);
  void refuse_run(const wire::Run& run, ErrorCode code);
  void bury_finished();
  Result<void> grant(const wire::Lease& lease);
  void free_slice(SessionModel& session);
  void refill_spares();
  void send_offer();
  void ask_for(const ContentHash& pipeline);
  bool go_down(Instant now);
  SessionModel* any_session();
  [[nodiscard]] Instant local() const { return clock_.local(simulation_.time.now()); }

  std::string name_;
  Simulation& simulation_;
  Network& network_;
  Chunks& chunks_;
  PartyClock clock_;
  Alarm alarm_;
  std::unique_ptr<Process> process_;
  /// Counts processes, so that what was arranged for one does not reach the next.
  std::uint64_t generation_ = 0;
  Instant paused_until_;
};

}  // namespace sublet::sim
