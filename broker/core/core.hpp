#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/core/cards.hpp"
#include "broker/core/entry.hpp"
#include "broker/core/fetch_turns.hpp"
#include "broker/core/job.hpp"
#include "broker/core/lease.hpp"
#include "broker/core/options.hpp"
#include "broker/core/outcome.hpp"
#include "broker/core/queue.hpp"
#include "broker/core/scheduler.hpp"
#include "broker/core/statistics.hpp"
#include "broker/core/step.hpp"
#include "broker/core/timers.hpp"
#include "broker/stores/store.hpp"
#include "common/error.hpp"
#include "common/random.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// A peer that said HELLO.
struct KnownPeer {
  wire::Role role = wire::Role::producer;
  Worker* worker = nullptr;
  /// Jobs it reads or watches.
  std::set<JobId> jobs;
};

/// The state behind `Broker`, and the rules that change it. The rules stand in one file per subject, named before each group.
class Core {
 public:
  Core(const BrokerOptions& options, StoreInfo store, Random& random)
      : options_(options), store_(std::move(store)), random_(random), cards_(options.placement) {}

  Result<void> restore(std::map<RecordKey, RecordValue> records, Instant now);
  Step step(Instant now, std::span<Input> inputs);
  [[nodiscard]] std::optional<Instant> next_deadline() const { return timers_.next(); }
  std::vector<RecordKey> stored(Instant now);
  void set_store_full(bool full) { store_full_ = full; }
  void set_durability(Durability durability) { store_.durability = durability; }
  [[nodiscard]] Statistics statistics(Instant now) const;

 private:
  using Request = const Received&;
  /// An answer, or the error that is sent instead of one. Nothing to send: the handler has sent it, or there is no answer.
  using Handled = Result<void>;

  // core.cpp: what comes in, what falls due, what goes out
  void take(Received& received);
  void run_timers();
  void fire(const Timer& timer);
  void fire(TimerKind kind, Job& job);
  Handled dispatch_message(Received& received, KnownPeer& peer);
  template <class Message>
  Handled handle_worker(Received& received, KnownPeer& peer, Message& message);
  template <class Message>
  Handled handle_producer(Received& received, Message& message);
  void send(PeerId peer, std::uint64_t request, wire::Message message, std::vector<Blob> payload = {});
  void reply(Request request, wire::Message message, std::vector<Blob> payload = {});
  void write(RecordKey key, RecordValue value);
  void erase(RecordKey key) { write(key, Erase{}); }
  [[nodiscard]] std::uint64_t now_ms() const;

  // peers.cpp: who is there
  void hello(Received& received, wire::Hello& message);
  void welcome(Request request, std::vector<wire::LeaseTtl> leases);
  void greet_worker(Request request, const wire::Hello& message);
  void goodbye(PeerId peer);
  void gone(PeerId peer);
  void detach(PeerId peer);
  void drop_worker_if_unused(Worker& worker);

  // opening.cpp: jobs come to be
  Handled on(Request request, wire::Open& message);
  Handled resume(Request request, Job& job, const JobSpec& spec);
  Job* job_of_key(const JobSpec& spec);
  Result<Job*> open_job(JobSpec spec, const Blob& bundle, JobId origin);
  [[nodiscard]] Result<void> check_isolation(const JobSpec& spec) const;
  Result<LeaseNeed> admit_bundle(const JobSpec& spec, const Blob& bundle);
  Queue& queue_named(const std::string& name);
  Pool& pool_of(const ContentHash& pipeline, const Blob& bundle);
  SizeClass& size_of(Pool& pool, const SizeKey& key);
  Tenant& tenant_named(const std::string& name);
  void enter_bucket(Job& job, Pool& pool);
  Result<Job*> find_job(JobId id);
  void touch(Job& job) { job.touched = now_; }

  // timing.cpp: when a job may begin, and by when it has to have ended
  [[nodiscard]] Result<std::set<JobId>> find_awaited(const JobSpec& spec) const;
  void begin_timing(Job& job, std::set<JobId> awaited);
  void check_hold(Job& job);
  void check_deadline(Job& job);
  void release(Job& job);
  void end_timing(Job& job);
  void tell_dependents();
  void write_timing(Job& job);
  void set_checkpoint(Job& job);
  void restore_timing(Job& job, const TimingRecord& record);
  void restore_dependencies(Job& job);

  // dead.cpp: dead chunks are kept, shown, run again, forgotten
  Handled on(Request request, wire::DeadQuery& message);
  Handled on(Request request, wire::Peek& message);
  Handled on(Request request, wire::Remove& message);
  Handled on(Request request, wire::Replay& message);
  void keep_dead(Job& job, DeadDraft& draft);
  void restore_dead(Job& job, std::uint64_t number, DeadBatch batch);
  void replace_dead(Job& job, std::uint64_t number, DeadBatch batch);
  void erase_dead(Job& job, std::uint64_t number);
  void replay(Job& origin, std::uint64_t number, const std::vector<DeadEntry>& entries, Job& job);
  void count_dead_bytes(Job& job, std::int64_t delta);
  void hold_pool(const Job& job, bool held);

  // keeping.cpp: how long ended jobs are kept, and how they go
  Handled on(Request request, wire::Teardown& message);
  void keep_ended(Job& job);
  void count_kept(Job& job);
  void check_kept(Job& job);
  void drop_ended(Job& job, ForgetReason reason);
  void trim_ended();
  void forget_job(Job& job);
  void retire_pools();
  void count_events(Job& job);

  // control.cpp: what people ask about jobs and queues
  Handled on(Request request, wire::Close& message);
  Handled on(Request request, wire::Cancel& message);
  Handled on(Request request, wire::Watch& message);
  Handled on(Request request, wire::Pause& message);
  Handled on(Request request, wire::List& message);
  Handled on(Request request, wire::Get& message);
  [[nodiscard]] wire::QueueStatus status_of_queue(const Queue& queue, Instant now) const;
  void tell_watchers(Job& job);

  // submit.cpp: chunks come in
  Handled on(Request request, wire::Submit& message);
  [[nodiscard]] Result<void> check_submit(const Job& job, const wire::Submit& message, const Blob& payload) const;
  struct Admission {
    std::uint64_t chunks = 0;
    std::uint64_t bytes = 0;
    bool held = false;  ///< they may not run yet
  };
  [[nodiscard]] Result<void> check_budget(const Queue& queue, const Admission& asked) const;
  void store_batch(Job& job, BatchRecord record, Blob payload);
  void accept_ids(Job& job, ChunkRange range);

  // paging.cpp: payloads that wait in the store
  void page_out(Job& job, Batch& batch);
  void fetch_waiting();
  void fetch_ahead(Job& job);
  void fetch_first(Job& job);
  void fetch(Job& job, BatchId id);
  void take(Fetched& fetched);
  void forget_paging(Job& job, const Batch& batch);
  void end_paging(Job& job);

  // reading.cpp: outputs go out
  Handled on(Request request, wire::Read& message);
  Handled on(Request request, wire::Taken& message);
  void pump(Job& job);
  void append_entry(Job& job, Entry entry, Blob payload);
  void count_output_bytes(Queue& queue, std::int64_t delta);

  // leasing.cpp: leases live and end
  Handled on(Request request, Worker& worker, wire::Offer& message);
  Handled on(Request request, Worker& worker, wire::Window& message);
  Handled on(Request request, Worker& worker, wire::Renew& message);
  Handled on(Request request, Worker& worker, wire::Release& message);
  void renew(Lease& lease, const wire::HeldLease& held, Millis lost_after);
  void check_lease(Lease& lease);
  enum class Loss : std::uint8_t { clean, crashed };
  void end_lease(Lease& lease, Loss loss);
  void release_from_here(Lease& lease, ErrorCode code, std::string detail);
  Lease* find_lease(LeaseId id);
  void write_lease(const Lease& lease);
  void punish_pool(Pool& pool);

  // sessions.cpp: how many sessions there should be
  void want_sessions();
  void add_sessions(std::vector<SizeClass*> asking);
  bool add_session(SizeClass& size);
  [[nodiscard]] bool wants_session(const Pool& pool, const Pool::Sum& sum) const;
  bool place_lease(SizeClass& size);
  std::uint64_t add_lanes(const LeaseNeed& need, const Cards::Place& place);
  void fail_unplaceable(Pool& pool);
  void check_pool(Pool& pool);
  void drop_unused_sizes(Pool& pool);

  // turns.cpp: who has a place on the cards where there are fewer than want one
  void begin_turn(SizeClass& size);
  void charge(SizeClass& size, double micros) const;
  static bool is_served_less(const SizeClass& one, const SizeClass& other);
  void take_turns();
  [[nodiscard]] std::vector<SizeClass*> starved_sizes() const;
  bool free_idle_lease(const SizeClass& starved);
  bool retire_lease(const SizeClass& starved);
  [[nodiscard]] bool must_give_way(const Lease& lease, const SizeClass& starved) const;

  // needing.cpp: what the workers are told that is wanted
  [[nodiscard]] std::uint64_t missing_sessions(const Pool& pool, const Pool::Sum& sum) const;
  [[nodiscard]] wire::Want need() const;
  void tell_need();

  // granting.cpp: which session gets which chunks
  void grant_work(Pool& pool);
  bool may_stack(const Pool& pool, const Lease& lease, const Job& job) const;
  bool grant(Lease& lease, Job& job);
  bool grant_alone(Lease& lease, Job& job);
  void collect_parts(Lease& lease, Job& job, wire::Run& run, Grant& grant, std::vector<Blob>& payload);
  void hand_out(Lease& lease, Job& job, wire::Run run, Grant grant, std::vector<Blob> payload);
  [[nodiscard]] static bool may_run_early(const Job& job);
  void take_part(Job& job, Batch& batch, GrantPart part, wire::Run& run, Grant& grant, std::vector<Blob>& payload);
  [[nodiscard]] std::uint32_t grant_limit(const Lease& lease, const Job& job) const;
  void refresh(Lease& lease);
  void set_hungry(Lease& lease, bool hungry);
  void forget_grant(Lease& lease, std::size_t index);

  // settling.cpp: what became of a grant
  Handled on(Request request, Worker& worker, wire::Settle& message);
  void settle(Lease& lease, const Grant& grant, Job& job, wire::Settle& message, const Blob& payload);
  void settle_all_done(const Grant& grant, Job& job, wire::Settle& message, const Blob& payload);
  void settle_one_by_one(const Grant& grant, Job& job, wire::Settle& message, const Blob& payload);
  void settle_failed(Job& job, Batch& batch, const GrantPart& part, const Failure& failure, std::string_view said, Entry& entry);
  void requeue(const Grant& grant, Loss loss);
  void fold_outputs(Job& job, ByteView bytes);
  void learn_cost(Lease& lease, const Grant& grant, Job& job, const wire::Settle& message);
  void note_done(Job& job, std::uint64_t chunks, std::uint64_t bytes);

  // changing.cpp: every change of a chunk's state, and the ends of jobs
  void change(Job& job, Batch& batch, std::uint32_t begin, RunRecord value);
  void count_ready(Job& job, std::int64_t delta);
  void place_in_index(Job& job);
  void mark(Job& job);
  void mark(Job& job, Batch& batch);
  void wake_waiting(const Timer& timer);
  bool end_if_finished(Job& job);
  void end_job(Job& job, JobState state, Error error);
  void drop_chunks(Job& job);
  void check_job(Job& job);

  // flushing.cpp: the step's changes become writes
  void flush();
  void flush_batch(Job& job, BatchId id);
  void flush_job(Job& job);

  // restoring.cpp
  struct Restoring;

  const BrokerOptions options_;
  StoreInfo store_;
  Random& random_;
  bool store_full_ = false;
  Instant now_;
  Step step_;

  std::unordered_map<PeerId, KnownPeer> peers_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Worker>> workers_;  ///< by instance
  std::map<std::string, Queue> queues_;
  std::map<std::string, Tenant> tenants_;
  std::map<ContentHash, Pool> pools_;
  std::unordered_map<std::uint64_t, Pool*> pools_by_number_;
  std::unordered_map<JobId, std::unique_ptr<Job>> jobs_;
  std::map<std::uint64_t, Job*> jobs_by_number_;
  std::map<std::uint64_t, Job*> ended_;  ///< in the order they ended
  std::uint64_t last_ended_ = 0;
  std::uint64_t ended_bytes_ = 0;  ///< that they count for
  std::unordered_map<LeaseId, std::unique_ptr<Lease>> leases_;
  Cards cards_;
  ReadyIndex index_;
  Timers timers_;

  std::uint64_t resident_bytes_ = 0;  ///< of payloads in memory
  std::uint64_t coming_bytes_ = 0;    ///< of those on their way
  FetchTurns fetch_turns_;
  /// Came since the store was said to have everything.
  std::vector<std::pair<JobId, BatchId>> fresh_batches_;

  /// Grants whose RUNs wait for the store.
  std::vector<std::pair<LeaseId, GrantId>> leaving_;

  std::uint64_t last_grant_ = 0;
  std::uint64_t last_job_ = 0;
  std::uint64_t last_pool_ = 0;
  std::uint64_t hungry_turns_ = 0;
  std::uint32_t last_tenant_ = 0;
  double tenants_clock_ = 0;  ///< what the tenant that had a place last had used
  Instant next_turns_;        ///< when to look again whose turn it is
  bool contended_ = false;    ///< somebody has no place at all
  RuleCounts counts_;
  /// As the workers know it.
  wire::Want need_;

  // What this step has touched.
  std::vector<Pool*> touched_pools_;
  std::set<std::uint64_t> starved_;  ///< pools, by number; not of this step alone
  std::vector<Job*> changed_jobs_;
  std::vector<std::pair<Job*, BatchId>> changed_batches_;
  std::vector<JobId> told_;  ///< ended, and jobs that run after them do not know yet
  std::vector<JobId> forgotten_;
  std::set<std::uint64_t> torn_;  ///< pools of jobs that were torn down, by number
  bool capacity_changed_ = false;
};

}  // namespace sublet::broker
