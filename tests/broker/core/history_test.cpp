// Random histories: producers, workers that lose, repeat and reorder their replies, die and come back, brokers that start again from the
// store. Whatever happens, every accepted chunk ends exactly once in the output log, and every job ends once the faults stop.

#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/broker/core/world.hpp"

namespace sublet::broker::testing {
namespace {

/// Uniform in [from, to), whatever size RapidCheck is at.
template <class T>
T draw(T from, T to) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(from, to));
}

struct Held {
  wire::Run run;
  bool settled = false;   ///< sent, perhaps lost
  bool answered = false;  ///< the broker has taken it, and its SETTLED was lost
};

struct Session {
  wire::Lease lease;
  std::uint64_t window = 0;
  std::map<std::uint64_t, Held> grants;
};

struct TestWorker {
  PeerId peer;
  std::uint64_t instance = 0;
  std::uint32_t free_sessions = 3;
  std::uint64_t seen = 0;
  std::map<LeaseId, Session> sessions;
};

/// The world outside of the broker, as far as it knows itself.
struct History {
  World world{{.lease_ttl = 4s, .run_lost_after = 500ms, .idle_lease_after = 1s}};
  PeerId producer;
  std::vector<JobId> jobs;
  std::map<JobId, std::set<std::uint64_t>> accepted;
  std::map<JobId, std::set<std::uint64_t>> logged;
  std::map<JobId, std::uint64_t> next_cursor;
  std::map<JobId, Instant> not_before;
  std::map<JobId, JobId> runs_after;
  std::vector<TestWorker> workers;
  std::uint64_t instances = 0;
  bool faults = true;

  History() { producer = world.producer(); }

  bool lucky(int percent) const { return faults && draw(0, 100) < percent; }

  void hear(const std::vector<Send>& sends) {
    for (const auto& send : sends) {
      std::visit([&](const auto& message) { on(send.peer, message); }, send.message);
    }
  }
  void say(PeerId peer, wire::Message message, Blob payload = {}) { hear(world.say(peer, std::move(message), std::move(payload))); }

  TestWorker* worker_at(PeerId peer) {
    for (auto& worker : workers) {
      if (worker.peer == peer) return &worker;
    }
    return nullptr;
  }

  void on(PeerId, const auto&) {}
  void on(PeerId, const wire::Accepted& message) { static_cast<void>(message); }
  void on(PeerId peer, const wire::Lease& message) {
    auto* worker = worker_at(peer);
    RC_ASSERT(worker != nullptr);
    RC_ASSERT(worker->free_sessions > 0U);
    --worker->free_sessions;
    ++worker->seen;
    worker->sessions[message.lease] = {.lease = message};
  }
  void on(PeerId peer, const wire::Run& message) {
    auto* worker = worker_at(peer);
    RC_ASSERT(worker != nullptr);
    const auto session = worker->sessions.find(message.lease);
    RC_ASSERT(session != worker->sessions.end());
    check_may_run(message.job);
    for (const auto& range : message.chunks) {
      for (auto id = range.first; id < range.first + range.count; ++id) {
        RC_ASSERT(accepted[message.job].contains(id));
        RC_ASSERT(!logged[message.job].contains(id));
      }
    }
    std::uint64_t out = chunk_count(message.chunks);
    for (const auto& [id, held] : session->second.grants) out += held.answered ? 0 : chunk_count(held.run.chunks);
    RC_ASSERT(out <= session->second.window);
    if (lucky(10)) return;  // lost on its way
    session->second.grants[message.grant.value] = {.run = message};
  }
  /// Nothing of a job runs before its delay has passed and the job that it runs after has ended.
  void check_may_run(JobId job) {
    RC_ASSERT(world.now >= not_before[job]);
    if (!runs_after.contains(job)) return;
    const auto progress = world.records.find({.kind = RecordKind::progress, .owner = runs_after.at(job).value});
    RC_ASSERT(progress != world.records.end());
    RC_ASSERT(has_ended(std::get<ProgressRecord>(progress->second).state));
  }
  void on(PeerId peer, const wire::Settled& message) {
    auto* worker = worker_at(peer);
    if (worker == nullptr) return;
    const auto session = worker->sessions.find(message.lease);
    if (session == worker->sessions.end()) return;
    const auto held = session->second.grants.find(message.grant.value);
    if (held == session->second.grants.end()) return;
    if (lucky(10)) {
      held->second.answered = true;
    } else {
      session->second.grants.erase(held);
    }
  }
  void on(PeerId peer, const wire::Release& message) {
    if (auto* worker = worker_at(peer); worker != nullptr) end_session(*worker, message.lease);
  }
  void on(PeerId peer, const wire::Renewed& message) {
    auto* worker = worker_at(peer);
    RC_ASSERT(worker != nullptr);
    std::set<LeaseId> live;
    for (const auto& lease : message.leases) live.insert(lease.lease);
    std::vector<LeaseId> ended;
    for (const auto& [id, session] : worker->sessions) {
      if (!live.contains(id)) ended.push_back(id);
    }
    for (const auto id : ended) end_session(*worker, id);
  }
  void on(PeerId, const wire::Output& message) {
    RC_ASSERT(message.cursor.value == next_cursor[message.job] + 1);
    next_cursor[message.job] = message.cursor.value;
    for (const auto& range : message.chunks) {
      for (auto id = range.first; id < range.first + range.count; ++id) {
        RC_ASSERT(accepted[message.job].contains(id));
        RC_ASSERT(logged[message.job].insert(id).second);
      }
    }
    RC_ASSERT(chunk_count(message.chunks) == message.lengths.values.size());
  }

  static void end_session(TestWorker& worker, LeaseId lease) {
    worker.free_sessions += static_cast<std::uint32_t>(worker.sessions.erase(lease));
  }

  void offer(TestWorker& worker) {
    hear(world.say(
        worker.peer,
        wire::Offer{.seen = worker.seen,
                    .cards = {{.kind = "cpu", .total_bytes = 1U << 30U, .free_bytes = 1U << 30U, .free_sessions = worker.free_sessions}}}));
  }

  void add_worker() {
    if (workers.size() >= 3) return;
    TestWorker worker{.instance = ++instances};
    worker.peer = world.worker(worker.instance);
    workers.push_back(worker);
    offer(workers.back());
  }

  void open_job() {
    if (jobs.size() >= 3) return;
    JobSpec spec{.priority = static_cast<std::uint8_t>(draw(0, 2)), .policy = PolicyKind::best_effort};
    spec.retry = {.max_retries = 2, .initial_backoff = 100ms, .max_backoff = 400ms};
    spec.open_timeout = 1h;
    if (draw(0, 3) == 0) spec.delay = Millis(draw(1, 3000));
    if (!jobs.empty() && draw(0, 3) == 0) spec.after = {jobs.back()};
    jobs.push_back(world.open(producer, spec));
    not_before[jobs.back()] = world.now + spec.delay;
    if (!spec.after.empty()) runs_after[jobs.back()] = spec.after.front();
    hear(world.say(producer, wire::Read{.job = jobs.back(), .chunks = 1000, .bytes = 10'000}));
  }

  void submit() {
    if (jobs.empty()) return;
    const auto job = jobs[draw<std::size_t>(0, jobs.size())];
    const ChunkRange range{.first = draw<std::uint64_t>(0, 80), .count = draw<std::uint64_t>(1, 20)};
    std::uint64_t fresh = 0;
    for (auto id = range.first; id < range.first + range.count; ++id) fresh += accepted[job].insert(id).second ? 1 : 0;
    const auto sends = world.submit(producer, job, range);
    const auto answers = all_of<wire::Accepted>(sends);
    RC_ASSERT(answers.size() == 1U);
    RC_ASSERT(answers[0].fresh == fresh);
    hear(sends);
  }

  void open_windows(TestWorker& worker) {
    for (auto& [id, session] : worker.sessions) {
      if (session.window > 0) continue;
      session.window = draw<std::uint64_t>(1, 30);
      say(worker.peer, wire::Window{.lease = id, .chunks = session.window, .bytes = 1U << 20U});
      return;
    }
  }

  void settle(TestWorker& worker) {
    for (auto& [lease, session] : worker.sessions) {
      for (auto& [id, held] : session.grants) {
        if (held.settled && !lucky(50) && faults) continue;
        send_settle(worker, held);
        return;
      }
    }
  }

  void send_settle(TestWorker& worker, Held& held) {
    auto settle = settle_of(held.run, ErrorCode::ok, 2);
    settle.codes.values.assign(held.run.lengths.values.size(), 0);
    // A repeat says what the first one said; codes depend on the chunk and the grant only.
    for (std::size_t index = 0; index < settle.codes.values.size(); ++index) {
      const auto dice = faults ? (held.run.chunks.front().first * 31 + held.run.grant.value * 17 + index * 7) % 23 : 22;
      const auto code = dice == 0   ? ErrorCode::transient
                        : dice == 1 ? ErrorCode::session_lost
                        : dice == 2 ? ErrorCode::sync_failed
                        : dice == 3 ? ErrorCode::returned
                                    : ErrorCode::ok;
      settle.codes.values[index] = static_cast<std::uint16_t>(code);
      if (code != ErrorCode::ok) settle.lengths.values[index] = 0;
    }
    std::size_t bytes = 0;
    for (const auto length : settle.lengths.values) bytes += length;
    held.settled = true;
    const auto peer = worker.peer;
    const auto payload = zeros(bytes);
    if (lucky(15)) {
      auto forged = settle;
      forged.token.low ^= 1;
      const auto refused = all_of<wire::Settled>(world.say(peer, forged, payload));
      RC_ASSERT(refused.size() == 1U);
      RC_ASSERT(refused[0].code == ErrorCode::stale);
    }
    if (lucky(15)) return;
    say(peer, settle, payload);
    if (lucky(15)) say(peer, settle, payload);
  }

  std::vector<wire::HeldLease> held_by(const TestWorker& worker) const {
    std::vector<wire::HeldLease> leases;
    for (const auto& [id, session] : worker.sessions) {
      leases.push_back({.lease = id, .token = session.lease.token, .grants = {}});
      for (const auto& [grant, held] : session.grants) leases.back().grants.push_back(grant);
    }
    return leases;
  }

  void renew(TestWorker& worker) { say(worker.peer, wire::Renew{.leases = held_by(worker)}); }

  void reconnect(TestWorker& worker) {
    const auto named = held_by(worker);
    worker.seen = 0;
    for (auto& [id, session] : worker.sessions) static_cast<void>(session);
    // HELLO goes by hand: what is granted in its very step has to be heard as the new peer's.
    const PeerId peer{.value = 100'000 + ++instances};
    worker.peer = peer;
    const auto sends = world.say(peer, wire::Hello{.role = wire::Role::worker, .instance = worker.instance, .name = "w", .leases = named});
    const auto welcome = all_of<wire::Welcome>(sends);
    RC_ASSERT(welcome.size() == 1U);
    on(peer, wire::Renewed{.leases = welcome[0].leases});
    hear(sends);
    offer(worker);
  }

  void die(TestWorker& worker) {
    std::vector<Input> gone;
    gone.emplace_back(PeerGone{.peer = worker.peer});
    std::erase_if(workers, [&](const TestWorker& each) { return &each == &worker; });
    hear(world.step(std::move(gone)).sends);
  }

  void restart_broker() {
    world.restart();
    producer = world.producer();
    for (auto& worker : workers) reconnect(worker);
    for (const auto job : jobs) {
      hear(world.say(producer, wire::Read{.job = job, .after = {.value = next_cursor[job]}, .chunks = 1000, .bytes = 10'000}));
    }
  }

  void take() {
    for (const auto job : jobs) say(producer, wire::Taken{.job = job, .cursor = {.value = next_cursor[job]}});
  }

  void check_counts() {
    for (const auto job : jobs) {
      const auto status = world.status(producer, job);
      RC_ASSERT(status.accepted == accepted[job].size());
      RC_ASSERT(status.accepted == status.ready + status.waiting + status.leased + status.done + status.dead + status.dropped);
      RC_ASSERT(status.done + status.dead == logged[job].size());
    }
  }

  /// No chunk stands under two fences, and what is leased is exactly what stands under one.
  void check_fences() {
    std::set<std::tuple<std::uint64_t, std::uint64_t, std::uint32_t>> fenced;
    std::uint64_t leased = 0;
    for (const auto& [key, value] : world.records) {
      if (const auto* runs = std::get_if<RunsRecord>(&value)) {
        for (const auto& run : runs->runs) leased += run.state == ChunkState::leased ? run.count : 0;
      }
      const auto* grant = std::get_if<GrantRecord>(&value);
      if (grant == nullptr) continue;
      for (const auto& part : grant->parts) {
        for (auto at = part.begin; at < part.begin + part.count; ++at) {
          RC_ASSERT(fenced.emplace(grant->job.value, part.batch.value, at).second);
        }
      }
    }
    RC_ASSERT(fenced.size() == leased);
  }

  void act() {
    const auto choice = draw(0, 100);
    auto* worker = workers.empty() ? nullptr : &workers[draw<std::size_t>(0, workers.size())];
    if (choice < 5) {
      open_job();
    } else if (choice < 10) {
      add_worker();
    } else if (choice < 25) {
      submit();
    } else if (choice < 32) {
      hear(world.pass(Millis(draw(1, 900))));
    } else if (choice < 36) {
      take();
    } else if (choice < 38) {
      restart_broker();
    } else if (worker == nullptr) {
      return;
    } else if (choice < 55) {
      open_windows(*worker);
    } else if (choice < 88) {
      settle(*worker);
    } else if (choice < 94) {
      renew(*worker);
      offer(*worker);
    } else if (choice < 97) {
      reconnect(*worker);
    } else if (choice < 99) {
      offer(*worker);
    } else {
      die(*worker);
    }
  }

  /// Faults stop: everything that was accepted has to end.
  void finish() {
    faults = false;
    if (workers.empty()) add_worker();
    for (const auto job : jobs) say(producer, wire::Close{.job = job});
    for (int round = 0; round < 400 && !all_ended(); ++round) {
      for (auto& worker : workers) {
        for (std::size_t count = 0; count < 4; ++count) open_windows(worker);
        for (std::size_t count = 0; count < 12; ++count) settle(worker);
        renew(worker);
        offer(worker);
      }
      take();
      hear(world.pass(300ms));
    }
    RC_ASSERT(all_ended());
    take();
    for (const auto job : jobs) RC_ASSERT(logged[job] == accepted[job]);
  }

  bool all_ended() {
    for (const auto job : jobs) {
      if (!has_ended(world.status(producer, job).state)) return false;
    }
    return true;
  }
};

TEST(BrokerHistory, EveryAcceptedChunkEndsExactlyOnceAndEveryJobEnds) {
  EXPECT_TRUE(rc::check("whatever is lost, repeated or restarted", [] {
    History history;
    history.add_worker();
    history.open_job();
    const auto steps = draw(10, 160);
    for (int step = 0; step < steps; ++step) {
      history.act();
      history.check_counts();
      history.check_fences();
    }
    history.finish();
  }));
}

}  // namespace
}  // namespace sublet::broker::testing
