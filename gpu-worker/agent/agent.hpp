#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "common/io/log.hpp"
#include "common/io/socket.hpp"
#include "common/random.hpp"
#include "gpu-worker/agent/bundle_cache.hpp"
#include "gpu-worker/agent/cards.hpp"
#include "gpu-worker/agent/leased_session.hpp"
#include "gpu-worker/agent/options.hpp"
#include "gpu-worker/agent/shard_link.hpp"
#include "gpu-worker/core/offers.hpp"

namespace sublet::agent {

/// The agent of one host: owns the sockets to the brokers, the ledger of its cards and the session processes; touches no device. It is
/// linked to every shard of the cluster, to whichever broker serves it, and offers its cards to those that want them. One thread.
class Agent {
 public:
  Agent(AgentOptions options, io::Context& context, Random& random, io::Log log);

  /// Serves until `stop_fd` becomes readable (and is read by `took_stop`), then hands everything back. `disconnected` when no broker
  /// answers and the options ask to end then.
  /// @param took_stop  takes the stop that made `stop_fd` readable
  Result<void> run(int stop_fd, const std::function<bool()>& took_stop);

 private:
  using Sessions = std::map<LeaseId, std::unique_ptr<LeasedSession>>;
  /// What a poller's number beyond the sockets stands for.
  struct Watched {
    std::size_t index = 0;
    LeaseId lease = {};  ///< of a session, when there is no process
    Cards::Process process = {};
  };

  void rebuild_poller(int stop_fd);
  [[nodiscard]] std::uint64_t generation() const;
  [[nodiscard]] bool disconnected() const;
  [[nodiscard]] std::optional<Millis> time_to_next(Instant now) const;
  void look_at_processes(Instant now);
  void keep_time(Instant now);
  void keep_link(ShardLink& link, Instant now);
  void greet(ShardLink& link, Instant now);
  [[nodiscard]] std::vector<wire::HeldLease> held_leases(const ShardLink& link) const;

  // The shards (agent_shards.cpp).
  /// Opens the links that are missing. A cluster never has fewer shards than before.
  void set_shards(ShardNumber shards);
  ShardLink& link_of(const LeasedSession& session) { return *links_[session.shard()]; }
  /// The session of that lease, where this shard granted it; null otherwise.
  LeasedSession* find_session(const ShardLink& link, LeaseId lease);
  std::vector<LeasedSession*> sessions_of(const ShardLink& link);
  void deal();
  void send_offer(ShardLink& link);

  // What a broker says (agent_messages.cpp).
  void receive(ShardLink& link, Instant now);
  void on_control(ShardLink& link, Incoming incoming, Instant now);
  void on_bulk(ShardLink& link, Incoming incoming, Instant now);
  void on_welcome(ShardLink& link, const Incoming& incoming, const wire::Welcome& welcome, Instant now);
  void on_up(ShardLink& link, Instant now);
  void on_want(ShardLink& link, const wire::Want& want);
  /// Takes the lease's slice, or says why not.
  Result<void> may_take(const ShardLink& link, const wire::Lease& lease);
  void on_lease(ShardLink& link, const wire::Lease& lease, Instant now);
  void on_renewed(ShardLink& link, std::uint64_t request, const std::vector<wire::LeaseTtl>& ttls, Instant now);
  void on_release(ShardLink& link, const wire::Release& release, Instant now);
  void on_error(ShardLink& link, std::uint64_t request, const wire::ErrorReply& error, Instant now);
  void on_refusal(ShardLink& link, std::uint64_t request, const wire::ErrorReply& error, Instant now);
  void on_run(ShardLink& link, Incoming incoming, Instant now);
  void on_bundle(ShardLink& link, const wire::BundleReply& reply, const Blob& payload, Instant now);

  // What sessions do (agent_sessions.cpp).
  void start_waiting(const ContentHash& pipeline, Instant now);
  void start_session(LeasedSession& session, std::shared_ptr<const LoadedBundle> bundle, Instant now);
  void fail_waiting(const ShardLink& link, const ContentHash& pipeline, const Error& error, Instant now);
  /// The session cannot go on: what it held is settled, then the lease is released with this reason.
  void end_session(LeasedSession& session, const Error& error, ErrorCode farewell, Instant now);
  /// The same, and its process cannot go on either, by this session's fault.
  void break_session(LeasedSession& session, const Error& error, Instant now);
  /// Only what they have in common: its process is the caller's to see to.
  void settle_end(LeasedSession& session, const Error& error, ErrorCode farewell);
  /// Its process takes more of the card than there is.
  void outgrow(LeasedSession& session, const Error& error, Instant now);
  void drop_session(LeasedSession& session, Instant now);
  void take_replies(LeasedSession& session, Instant now);
  void release(LeasedSession& session);
  void send_settles(LeasedSession& session, Instant now);
  void send_window(LeasedSession& session);
  static void send_settle(ShardLink& link, LeasedSession::Unsettled& settle, Instant now);
  void repeat_settles(ShardLink& link, Instant now, Millis older_than);
  static void refuse_run(ShardLink& link, const wire::Run& run, ErrorCode code);
  void bury_finished();
  static void ask_for(ShardLink& link, const ContentHash& pipeline);

  // Sessions and their processes (agent_processes.cpp).
  std::vector<LeasedSession*> sessions_in(const SessionProcess& process);
  void look_at_process(const Cards::Process& process, Instant now);
  void vacate(LeasedSession& session, bool busy, Instant now);
  void leave_process(LeasedSession& session, Instant now);
  /// Kills the process; its sessions that have not ended move to another one.
  void lose_process(SessionProcess& process, Instant now);
  void displace(LeasedSession& session, Instant now);
  void bury_process(const Cards::Process& process, Instant now);
  void restart(LeasedSession& session, Instant now);

  // Going down (agent_drain.cpp).
  void begin_drain(Instant now);
  bool drain(Instant now);

  AgentOptions options_;
  io::Context* context_;
  Random* random_;
  io::Log log_;
  std::uint64_t instance_;
  Token host_;  ///< zero where segments cannot be shared
  BrokerList brokers_;
  std::vector<std::unique_ptr<ShardLink>> links_;  ///< by shard; one until a broker has said how many there are
  Cards cards_;
  BundleCache bundles_;
  Sessions sessions_;

  ShardNumber shards_ = 1;  ///< of the cluster, as far as a broker has said
  OfferDealer dealer_{1};
  bool deal_due_ = false;
  bool ready_ = false;

  io::Poller poller_;
  std::vector<Watched> watched_;
  bool poller_stale_ = true;
  std::uint64_t polled_generation_ = 0;
  std::size_t stop_index_ = 0;

  bool draining_ = false;
  Instant drain_until_;
  Instant farewell_until_;
};

}  // namespace sublet::agent
