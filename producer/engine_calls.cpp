// What callers do with an engine, each on its own thread.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/io/clock.hpp"
#include "producer/engine.hpp"

namespace sublet::producer {

namespace {

/// How often a followed job's status comes while it moves.
constexpr Millis kFollowInterval = 200ms;

std::optional<Instant> deadline_of(Millis timeout) {
  if (timeout == kForever) return std::nullopt;
  return io::now() + timeout;
}

Load load_of(const Chunk& chunk) { return {.chunks = 1, .bytes = chunk.payload.size()}; }
Load load_of(const ChunkView& chunk) { return {.chunks = 1, .bytes = chunk.payload.size()}; }

/// `duplicate` when an id stands twice in `chunks`.
template <class Item>
Result<void> check_ids(std::span<const Item> chunks) {
  const auto descends = [](const Item& left, const Item& right) { return left.id >= right.id; };
  if (std::ranges::adjacent_find(chunks, descends) == chunks.end()) return {};
  std::vector<ChunkId> ids;
  ids.reserve(chunks.size());
  for (const Item& chunk : chunks) ids.push_back(chunk.id);
  std::ranges::sort(ids);
  const auto repeat = std::ranges::adjacent_find(ids);
  if (repeat == ids.end()) return {};
  return fail(ErrorCode::duplicate, fmt::format("chunk {} stands twice in one batch; give each chunk an id of its own", repeat->value));
}

}  // namespace

std::uint64_t Engine::random() {
  const std::lock_guard lock(mutex_);
  return random_.next();
}

bool Engine::is_interrupted() const {
  const std::lock_guard lock(mutex_);
  return interrupted_;
}

void Engine::interrupt(bool on) {
  std::vector<std::shared_ptr<JobHandle>> keep;
  const std::lock_guard lock(mutex_);
  interrupted_ = on;
  answered_.notify_all();
  room_.notify_all();
  for (const auto& [state, weak] : handles_) {
    auto handle = weak.lock();
    if (!handle) continue;
    handle->moved.notify_all();
    handle->outputs.notify_all();
    keep.push_back(std::move(handle));
  }
}

void Engine::wake(Lock& lock) {
  const bool notify = std::exchange(asleep_, false);
  lock.unlock();
  if (notify) wakeup_.notify();
}

Engine::Wait Engine::wait_for(const JobHandle& job, std::condition_variable& condition, Millis timeout) {
  return {.condition = condition, .deadline = deadline_of(timeout), .shard = shard_of(job.state->id)};
}

Layout Engine::layout() const {
  const std::lock_guard lock(mutex_);
  return router_.layout().value_or(Layout{});
}

Result<void> Engine::check(JobId job) const {
  const std::lock_guard lock(mutex_);
  return router_.check(job);
}

template <class Ready>
Result<void> Engine::wait_until(Lock& lock, const Wait& wait, Ready ready) {
  while (!ready()) {
    if (interrupted_) return fail(ErrorCode::interrupted, "the wait was interrupted; jobs go on at the broker");
    if (std::this_thread::get_id() == thread_id_) {
      return fail(ErrorCode::bad_argument, "a callback must not wait for the broker; do this in a thread of your own");
    }
    if (!wait.deadline) {
      wait.condition.wait(lock);
      continue;
    }
    if (wait.condition.wait_until(lock, *wait.deadline) == std::cv_status::no_timeout || ready()) continue;
    if (!router_.link(wait.shard).up()) return std::unexpected(unanswered(wait.shard));
    return fail(ErrorCode::timeout, "the time given for the wait is over; wait longer, or look at the job's status");
  }
  return {};
}

Result<wire::Message> Engine::ask(ShardNumber shard, wire::Plane plane, wire::Message question, std::optional<JobId> job,
                                  std::optional<Blob> payload, Blob* received) {
  Lock lock(mutex_);
  const Instant now = io::now();
  const std::uint64_t request = router_.connection(shard, now).ask(plane, std::move(question), std::move(payload), job);
  wake(lock);
  lock.lock();
  return await_answer(lock, {.shard = shard, .request = request}, now + options_.call_timeout, received);
}

std::vector<Result<wire::Message>> Engine::ask_all(const wire::Message& question) {
  Lock lock(mutex_);
  const Instant now = io::now();
  const ShardNumber shards = router_.layout().value_or(Layout{}).shards;
  std::vector<Asked> asked;
  for (ShardNumber shard = 0; shard < shards; ++shard) {
    asked.push_back({.shard = shard, .request = router_.connection(shard, now).ask(wire::Plane::control, question, {}, {})});
  }
  wake(lock);
  lock.lock();
  std::vector<Result<wire::Message>> answers;
  for (const Asked& one : asked) {
    answers.push_back(await_answer(lock, one, now + options_.call_timeout));
    if (answers.back() || shards == 1) continue;
    auto& error = answers.back().error();
    error.detail = fmt::format("shard {} of {}: {}", one.shard, shards, error.detail);
  }
  return answers;
}

Result<wire::Message> Engine::await_answer(Lock& lock, Asked asked, Instant deadline, Blob* received) {
  auto& connection = router_.connection(asked.shard, io::now());
  std::optional<Result<wire::Message>> answer;
  const auto waited = wait_until(lock, {.condition = answered_, .deadline = deadline, .shard = asked.shard},
                                 [&] { return answer || (answer = connection.take_answer(asked.request)).has_value(); });
  if (waited) {
    if (received != nullptr) *received = connection.take_payload(asked.request);
    return std::move(*answer);
  }
  if (auto reason = connection.forget(asked.request)) return std::unexpected(std::move(*reason));
  return std::unexpected(waited.error());
}

std::shared_ptr<JobHandle> Engine::handle(JobId id, const std::function<void(KnownJob&)>& prepare) {
  const std::lock_guard lock(mutex_);
  auto state = router_.connection(shard_of(id), io::now()).adopt(id);
  if (prepare) prepare(*state);
  auto& known = handles_[state.get()];
  if (auto handle = known.lock()) return handle;
  std::shared_ptr<JobHandle> handle(new JobHandle, [weak = weak_from_this()](JobHandle* gone) {
    if (const auto engine = weak.lock()) engine->release(*gone);
    delete gone;
  });
  handle->state = std::move(state);
  known = handle;
  return handle;
}

void Engine::release(const JobHandle& job) {
  const std::lock_guard lock(mutex_);
  const auto known = handles_.find(job.state.get());
  // The same job may have been opened again between the last copy's end and this call.
  if (known == handles_.end() || !known->second.expired()) return;
  handles_.erase(known);
  router_.connection(*job.state).release(job.state);
}

Result<void> Engine::check_size(const KnownJob& job, ChunkId chunk, std::size_t bytes) const {
  const auto& welcome = router_.connection(job).welcome();
  std::uint64_t most = welcome ? welcome->max_chunk_bytes : 0;
  const bool by_job = job.max_chunk_bytes > 0 && (most == 0 || job.max_chunk_bytes < most);
  if (by_job) most = job.max_chunk_bytes;
  if (most == 0 || bytes <= most) return {};
  return fail(ErrorCode::chunk_too_large,
              fmt::format("chunk {} has {} bytes; {} takes at most {}. {}", chunk.value, bytes, by_job ? "its job" : "the broker", most,
                          by_job ? "Open the job with a larger max_chunk_bytes" : "Cut it into smaller chunks"));
}

Result<void> Engine::make_room(Lock& lock, const JobHandle& job, Load load) {
  const KnownJob& state = *job.state;
  const auto& connection = router_.connection(state);
  const auto may_go_on = [&] { return state.refused || state.lost || connection.has_room(state, load); };
  auto waited = wait_until(lock, {.condition = room_, .deadline = std::nullopt, .shard = shard_of(state.id)}, may_go_on);
  if (!waited) return waited;
  if (state.lost) return std::unexpected(*state.lost);
  if (state.refused) return std::unexpected(*state.refused);
  return {};
}

Result<void> Engine::submit(const JobHandle& job, ChunkId chunk, const Blob& payload) {
  Lock lock(mutex_);
  if (auto checked = check_size(*job.state, chunk, payload.size()); !checked) return checked;
  if (auto room = make_room(lock, job, {.chunks = 1, .bytes = payload.size()}); !room) return room;
  if (router_.connection(*job.state).submit(job.state, chunk, payload)) wake(lock);
  return {};
}

Result<void> Engine::submit(const JobHandle& job, ChunkId chunk, ByteView payload) {
  // Copied before the lock is taken, and then not again.
  if (payload.size() >= kLonePayloadBytes) return submit(job, chunk, Blob::copy_of(payload));
  Lock lock(mutex_);
  if (auto checked = check_size(*job.state, chunk, payload.size()); !checked) return checked;
  if (auto room = make_room(lock, job, {.chunks = 1, .bytes = payload.size()}); !room) return room;
  if (router_.connection(*job.state).submit(job.state, chunk, payload)) wake(lock);
  return {};
}

Result<void> Engine::submit(const JobHandle& job, std::span<const Chunk> chunks) { return submit_batch(job, chunks); }
Result<void> Engine::submit(const JobHandle& job, std::span<const ChunkView> chunks) { return submit_batch(job, chunks); }

template <class Item>
Result<void> Engine::submit_batch(const JobHandle& job, std::span<const Item> chunks) {
  if (auto checked = check_ids(chunks); !checked) return checked;
  Lock lock(mutex_);
  for (const Item& chunk : chunks) {
    if (auto checked = check_size(*job.state, chunk.id, chunk.payload.size()); !checked) return checked;
  }
  auto& connection = router_.connection(*job.state);
  while (!chunks.empty()) {
    Load piece = load_of(chunks.front());
    std::size_t count = 1;
    while (count < chunks.size() && (piece + load_of(chunks[count])).fits(connection.full_batch())) piece += load_of(chunks[count++]);
    if (!lock.owns_lock()) lock.lock();
    if (auto room = make_room(lock, job, piece); !room) return room;
    connection.begin_batch(job.state, piece);
    bool work = false;
    for (const Item& chunk : chunks.first(count)) work |= connection.submit(job.state, chunk.id, chunk.payload);
    if (work) wake(lock);
    chunks = chunks.subspan(count);
  }
  return {};
}

Result<void> Engine::flush(JobHandle& job, Millis timeout) {
  Lock lock(mutex_);
  const KnownJob& state = *job.state;
  const std::uint64_t target = state.queue.submitted();
  const auto flushed = [&] { return state.refused || state.lost || state.queue.accepted_through() >= target; };
  if (auto waited = wait_until(lock, wait_for(job, job.moved, timeout), flushed); !waited) return waited;
  if (state.lost) return std::unexpected(*state.lost);
  if (state.refused) return std::unexpected(*state.refused);
  return {};
}

void Engine::follow(JobHandle& job, Millis interval) {
  Lock lock(mutex_);
  router_.connection(*job.state).follow(job.state, interval);
  wake(lock);
}

Result<JobStatus> Engine::wait(JobHandle& job, Millis timeout, const StatusCallback& progress) {
  follow(job, kFollowInterval);
  const auto wait = wait_for(job, job.moved, timeout);
  std::optional<JobStatus> seen;
  Lock lock(mutex_);
  const KnownJob& state = *job.state;
  const auto moved = [&] { return state.lost || state.ended() || (progress && state.status && state.status != seen); };
  while (true) {
    if (auto waited = wait_until(lock, wait, moved); !waited) return std::unexpected(waited.error());
    if (state.lost && !state.ended()) return std::unexpected(*state.lost);
    seen = state.status;
    const bool ended = state.ended();
    if (progress) {
      lock.unlock();
      progress(*seen);
      lock.lock();
    }
    if (ended) return *seen;
  }
}

void Engine::set_callback(JobHandle& job, StatusCallback callback) {
  auto shared = callback ? std::make_shared<const StatusCallback>(std::move(callback)) : nullptr;
  // The old one dies after the lock: it may own the last copy of something that takes it.
  const std::lock_guard lock(mutex_);
  job.on_status.swap(shared);
}

void Engine::set_callback(JobHandle& job, AcceptedCallback callback) {
  auto shared = callback ? std::make_shared<const AcceptedCallback>(std::move(callback)) : nullptr;
  const std::lock_guard lock(mutex_);
  job.on_accepted.swap(shared);
}

std::uint64_t Engine::open_reader(JobHandle& job) {
  Lock lock(mutex_);
  // What another process reads must not be taken from it: here it would be references to that one's memory.
  if (!job.places && job.state->status && job.state->status->by_reference) return kNoReader;
  auto& connection = router_.connection(*job.state);
  connection.follow(job.state, kFollowInterval);
  const auto reader = connection.open_reader(job.state, {.chunks = options_.read_window_chunks, .bytes = options_.read_window.count});
  job.outputs.notify_all();
  wake(lock);
  return reader;
}

void Engine::close_reader(JobHandle& job, std::uint64_t reader) {
  Lock lock(mutex_);
  if (!job.state->reader || job.state->reader->id != reader) return;
  router_.connection(*job.state).close_reader(job.state);
  wake(lock);
}

void Engine::take(JobHandle& job, std::uint64_t reader, Cursor cursor, Load load, bool now) {
  Lock lock(mutex_);
  if (!job.state->reader || job.state->reader->id != reader) return;
  if (router_.connection(*job.state).take(job.state, cursor, load, now)) wake(lock);
}

Result<Engine::Fetched> Engine::fetch(JobHandle& job, std::uint64_t reader, Load held, Millis timeout) {
  Lock lock(mutex_);
  KnownJob& state = *job.state;
  const auto mine = [&] { return state.reader && state.reader->id == reader; };
  const Load window = {.chunks = options_.read_window_chunks, .bytes = options_.read_window.count};
  if (mine() && !(held + Load{.chunks = window.chunks / 2, .bytes = window.bytes / 2}).fits(state.reader->window)) {
    router_.connection(state).widen(job.state, held + window);
    if (std::exchange(asleep_, false)) wakeup_.notify();
  }
  const auto ready = [&] { return !mine() || !state.reader->entries.empty() || state.lost || state.all_received(); };
  if (auto waited = wait_until(lock, wait_for(job, job.outputs, timeout), ready); !waited) return std::unexpected(waited.error());
  if (!mine())
    return fail(ErrorCode::stale, fmt::format("job {} has a newer reader in this program, which gets its outputs", to_hex(state.id)));
  if (state.reader->entries.empty() && !state.all_received()) return std::unexpected(*state.lost);
  return Fetched{.entries = std::exchange(state.reader->entries, {}), .last = state.all_received()};
}

}  // namespace sublet::producer
