#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/claims.hpp"
#include "broker/counters.hpp"
#include "broker/http/inquiries.hpp"
#include "broker/intake.hpp"
#include "broker/outbox.hpp"
#include "broker/peers.hpp"
#include "broker/planes.hpp"
#include "broker/shards.hpp"
#include "common/error.hpp"
#include "common/io/log.hpp"
#include "common/io/random.hpp"
#include "common/io/socket.hpp"
#include "common/time.hpp"

namespace sublet::broker {

struct ServerOptions {
  Endpoints endpoints{.control = "tcp://127.0.0.1:7450", .bulk = "tcp://127.0.0.1:7451"};
  /// As peers and other brokers reach this one; empty: as bound.
  Endpoints advertised;
  bool insecure_network = false;
  /// A peer that is silent for three of these is gone.
  Millis heartbeat = 1s;
  /// As in OutboxOptions.
  std::uint32_t drop_runs = 0;
};

/// The broker's loop: receive, step, commit, send, for every shard that is served here. Each shard has one commit in flight; what arrives
/// meanwhile goes into its next step together, so that batches grow with the load and a lone message never waits for company.
class Server {
 public:
  /// Binds. Errors as `Planes::bind`.
  static Result<std::unique_ptr<Server>> open(const ServerOptions& options, std::unique_ptr<Claims> claims, io::Log log);
  /// Over planes that are bound already; the endpoints to bind, among the options, mean nothing then.
  static std::unique_ptr<Server> over(Planes planes, const ServerOptions& options, std::unique_ptr<Claims> claims, io::Log log);

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() = default;

  /// As bound, with the ports that were chosen.
  [[nodiscard]] Endpoints endpoints() const { return planes_.endpoints(); }

  /// Answers inquiries while it runs.
  /// @param inquiries  lasts longer
  void answer(Inquiries& inquiries) { inquiries_ = &inquiries; }

  /// Is called once, when everything is served that was there for this broker at the start.
  void when_settled(std::function<void()> told) { told_ = std::move(told); }

  /// Serves until `stop_fd` becomes readable; then gives back what others may go on with. An error when a store refused a commit: then
  /// nothing that was decided since may be sent, and the process has to start anew from what the store holds.
  Result<void> run(int stop_fd);

  /// To be read by the thread that runs.
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  Server(const ServerOptions& options, Planes planes, std::unique_ptr<Claims> claims, io::Log log);

  // server.cpp: one turn of the loop
  void watch(int stop_fd);
  [[nodiscard]] Instant next_deadline() const;
  Result<void> turn(Instant now, const io::Poller& poller);
  void receive(Instant now);
  Result<void> hear_store(Shard& shard);
  Result<void> decide(Instant now);
  void send_all();
  [[nodiscard]] bool takes_bulk() const;

  // changing_hands.cpp: shards come and go
  Result<void> claim(Instant now);
  void take(OpenedShard opened);
  void drop(ShardNumber number);
  Result<void> stop(Instant now);

  // looking_after.cpp: who is still there, and how everything stands
  void look_after_peers(Instant now);
  void look_for_floods(Instant now);
  Result<void> answer_inquiries(Instant now);
  [[nodiscard]] Readings readings(Instant now) const;

  ServerOptions options_;
  io::Log log_;
  io::SystemRandom random_;
  Planes planes_;
  std::unique_ptr<Claims> claims_;
  Peers peers_;
  Counters counters_;
  Shards shards_;
  Outbox outbox_;
  Intake intake_;
  Inquiries* inquiries_ = nullptr;
  std::function<void()> told_;

  /// Two over the same things: the second leaves out the bulk plane, for when what has arrived must wait for the stores.
  io::Poller everything_;
  io::Poller without_bulk_;
  /// What is watched has changed.
  bool watches_anew_ = true;
  // Numbers within the pollers.
  std::vector<std::size_t> claims_polls_;
  std::vector<std::pair<std::size_t, ShardNumber>> store_polls_;
  std::optional<std::size_t> inquiry_poll_;

  /// What may leave now.
  std::vector<Send> sends_;
  bool control_is_empty_ = true;
  bool bulk_is_empty_ = true;
  Instant next_heartbeat_;
  Instant next_flood_check_;
  std::uint64_t reported_malformed_ = 0;
  /// Set when it was asked to stop: what is not at rest by then is left as it is.
  std::optional<Instant> stops_at_;
};

}  // namespace sublet::broker
