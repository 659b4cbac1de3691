#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/core/broker.hpp"
#include "broker/core/options.hpp"
#include "broker/counters.hpp"
#include "broker/http/inquiries.hpp"
#include "broker/intake.hpp"
#include "broker/outbox.hpp"
#include "broker/peers.hpp"
#include "broker/planes.hpp"
#include "broker/stores/store.hpp"
#include "common/error.hpp"
#include "common/io/log.hpp"
#include "common/io/random.hpp"
#include "common/io/socket.hpp"
#include "common/time.hpp"

namespace sublet::broker {

struct ServerOptions {
  Endpoints endpoints{.control = "tcp://127.0.0.1:7450", .bulk = "tcp://127.0.0.1:7451"};
  /// The bulk endpoint as WELCOME names it; empty: as bound.
  std::string advertised_bulk;
  bool insecure_network = false;
  /// A peer that is silent for three of these is gone.
  Millis heartbeat = 1s;
  BrokerOptions rules;
  /// As in OutboxOptions.
  std::uint32_t drop_runs = 0;
};

/// The broker's loop: receive, step, commit, send. One commit is in flight; what arrives meanwhile goes into the next step together, so
/// that batches grow with the load and a lone message never waits for company.
class Server {
 public:
  /// Binds, and takes up what the store holds. Errors as `io::Socket::router` and `Store::load`.
  static Result<std::unique_ptr<Server>> open(const ServerOptions& options, std::unique_ptr<Store> store, io::Log log);

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() = default;

  /// As bound, with the ports that were chosen.
  [[nodiscard]] Endpoints endpoints() const { return planes_.endpoints(); }

  /// Answers inquiries while it runs.
  /// @param inquiries  lasts longer
  void answer(Inquiries& inquiries) { inquiries_ = &inquiries; }

  /// Serves until `stop_fd` becomes readable. An error when the store refused a commit: then nothing that was decided since may be sent,
  /// and the process has to start anew from what the store holds. `not_owner`: another broker serves the shard now.
  Result<void> run(int stop_fd);

  /// To be read by the thread that runs.
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  Server(const ServerOptions& options, io::Context context, Planes planes, std::unique_ptr<Store> store, io::Log log);
  void receive(Instant now);
  void look_after_peers(Instant now);
  void look_for_floods(Instant now);
  Result<void> decide(Instant now);
  Result<void> finish_commit();
  Result<void> watch_store();
  void commit(std::vector<Write> writes);
  void send_all();
  [[nodiscard]] Readings readings() const;
  [[nodiscard]] bool takes_bulk() const;
  [[nodiscard]] Millis until_next_deadline(Instant now) const;

  ServerOptions options_;
  io::Log log_;
  std::unique_ptr<Store> store_;
  io::SystemRandom random_;
  Broker broker_;
  io::Context context_;
  Planes planes_;
  Peers peers_;
  Counters counters_;
  Outbox outbox_;
  Intake intake_;
  Inquiries* inquiries_ = nullptr;

  std::vector<Input> inputs_;
  /// Of the commit in flight, or about to leave.
  std::vector<Send> sends_;
  bool in_flight_ = false;
  /// As the store was when last asked.
  bool store_ready_ = true;
  bool store_full_ = false;
  Instant commit_began_;
  std::uint64_t last_commit_ = 0;
  bool control_is_empty_ = true;
  bool bulk_is_empty_ = true;
  Instant next_heartbeat_;
  Instant next_flood_check_;
  std::uint64_t reported_malformed_ = 0;
};

}  // namespace sublet::broker
