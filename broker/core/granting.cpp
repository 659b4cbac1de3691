#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "broker/core/core.hpp"

namespace sublet::broker {
namespace {

/// Grants a lease has at a time, so that its session never waits for the broker: two, more only while they are soon done.
constexpr std::size_t kStackedGrants = 2;
constexpr std::size_t kMaxGrants = 4;
/// Stored batches that share one RUN.
constexpr std::size_t kMaxParts = 512;
/// Work below that is not worth dividing between sessions.
constexpr double kWorthDividing = 1000;  // us

/// What one chunk of the job takes; 0 while unknown.
double cost_of(const Job& job) { return job.micros_per_chunk > 0 ? job.micros_per_chunk : job.bucket->size->pool->micros_per_chunk; }

/// How many chunks have outputs that sum up to so much, as far as the job has shown.
std::uint32_t chunks_by_output(const Job& job, std::uint64_t bytes) {
  if (job.progress.done == 0 || job.progress.bytes_out == 0) return std::numeric_limits<std::uint32_t>::max();
  const auto each = std::max<std::uint64_t>(job.progress.bytes_out / job.progress.done, 1);
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(bytes / each, 1, std::numeric_limits<std::uint32_t>::max()));
}

/// Appends bytes that lie right behind the last piece to it: neighbours of one received frame stay one piece.
void append_piece(std::vector<Blob>& payload, Blob piece) {
  if (piece.empty()) return;
  if (!payload.empty()) {
    const auto& last = payload.back();
    if (last.owner() == piece.owner() && last.view().data() + last.size() == piece.view().data()) {
      payload.back() = Blob(last.owner(), ByteView(last.view().data(), last.size() + piece.size()));
      return;
    }
  }
  payload.push_back(std::move(piece));
}

/// How many of the first `count` lengths sum up to at most `room`.
std::uint32_t fitting(std::span<const std::uint32_t> lengths, std::uint64_t room) {
  std::uint64_t sum = 0;
  std::uint32_t fits = 0;
  for (const auto length : lengths) {
    sum += length;
    if (sum > room) break;
    ++fits;
  }
  return fits;
}

}  // namespace

void Core::grant_work(Pool& pool) {
  for (auto& [key, size] : pool.sizes) {
    while (!size.hungry.empty()) {
      auto& lease = *std::get<2>(*size.hungry.begin());
      if (lease.reserved_for != JobId{}) {
        const auto reserving = jobs_.find(std::exchange(lease.reserved_for, {}));
        if (reserving != jobs_.end()) {
          reserving->second->alone_lease = {};
          place_in_index(*reserving->second);
          if (!reserving->second->alone.empty() && grant_alone(lease, *reserving->second)) continue;
        }
      }
      auto* job = ReadyIndex::pick(pool, key);
      if (job == nullptr || !may_stack(pool, lease, *job)) break;
      if (!grant(lease, *job)) set_hungry(lease, false);
    }
  }
}

bool Core::may_stack(const Pool& pool, const Lease& lease, const Job& job) const {
  if (lease.grants.empty()) return true;
  const auto cost = cost_of(job);
  if (cost > 0 && cost < kWorthDividing) return true;
  // Long chunks wait for the sessions that have nothing yet rather than behind another chunk.
  const auto sum = pool.sum(job.bucket->size->key);
  return sum.ready > sum.idle;
}

std::uint32_t Core::grant_limit(const Lease& lease, const Job& job) const {
  const auto cost = cost_of(job);
  const double most = options_.max_grant_chunks;
  double target = options_.first_grant_chunks;
  double worth = 1;
  if (cost > 0) {
    target = std::clamp(std::floor(static_cast<double>(options_.grant_target.count()) / cost), 1.0, most);
    worth = std::clamp(std::floor(kWorthDividing / cost), 1.0, target);
  }
  const auto sum = lease.size->pool->sum(lease.size->key.smallest());
  const auto takers = std::max<std::uint64_t>(sum.sessions, 1) * (lease.grants.empty() ? 1 : 2);
  const std::uint64_t share = (sum.ready + takers - 1) / takers;
  return static_cast<std::uint32_t>(std::min(target, std::max(static_cast<double>(share), worth)));
}

bool Core::grant(Lease& lease, Job& job) {
  if (!job.alone.empty()) {
    if (lease.grants.empty()) return grant_alone(lease, job);
    if (job.alone_lease == LeaseId{}) {
      job.alone_lease = lease.id;
      lease.reserved_for = job.id;
      place_in_index(job);
      return false;
    }
  }
  wire::Run run;
  Grant grant{.id = {.value = last_grant_ + 1}};
  std::vector<Blob> payload;
  collect_parts(lease, job, run, grant, payload);
  fetch_ahead(job);
  if (grant.parts.empty()) return false;
  hand_out(lease, job, std::move(run), std::move(grant), std::move(payload));
  return true;
}

bool Core::grant_alone(Lease& lease, Job& job) {
  const auto [id, position] = *job.alone.begin();
  wire::Run run{.alone = true};
  Grant grant{.id = {.value = last_grant_ + 1}, .alone = true};
  std::vector<Blob> payload;
  take_part(job, job.batches.at(id), {.batch = id, .begin = position, .count = 1}, run, grant, payload);
  lease.running_alone = true;
  hand_out(lease, job, std::move(run), std::move(grant), std::move(payload));
  return true;
}

void Core::collect_parts(Lease& lease, Job& job, wire::Run& run, Grant& grant, std::vector<Blob>& payload) {
  const auto window = lease.window_chunks - std::min(lease.window_chunks, lease.out_chunks);
  const auto most = std::min(options_.max_grant_chunks, chunks_by_output(job, options_.max_grant_bytes));
  const auto hard = static_cast<std::uint32_t>(std::min<std::uint64_t>(window, most));
  const auto limit = std::min(grant_limit(lease, job), hard);
  while (grant.chunks < limit && grant.parts.size() < kMaxParts && !job.ready_batches.empty()) {
    auto& batch = job.batches.at(*job.ready_batches.begin());
    if (!batch.is_resident()) break;
    const auto& ready = *batch.first_ready();
    const auto room = limit - grant.chunks;
    auto count = ready.record.count;
    // A little more than asked for is better than a batch in two parts.
    if (count > room && (count > room + limit / 2 || grant.chunks + count > hard)) count = room;
    const auto out_bytes = lease.out_bytes + grant.bytes;
    const auto bytes_room = std::min(lease.window_bytes - std::min(lease.window_bytes, out_bytes),
                                     options_.max_grant_bytes - std::min(options_.max_grant_bytes, grant.bytes));
    const auto lengths = std::span(batch.record()->lengths.values).subspan(ready.begin, count);
    count = std::min(count, fitting(lengths, bytes_room));
    // A chunk larger than the whole window goes when nothing else is out, else its job would never end.
    if (count == 0 && grant.parts.empty() && lease.grants.empty()) count = 1;
    if (count == 0) return;
    take_part(job, batch, {.batch = batch.id(), .begin = ready.begin, .count = count}, run, grant, payload);
  }
}

void Core::take_part(Job& job, Batch& batch, GrantPart part, wire::Run& run, Grant& grant, std::vector<Blob>& payload) {
  const auto offset = batch.offset_of(part.begin);
  const auto bytes = batch.bytes_of(part.begin, part.count);
  append_piece(payload, batch.payload().slice(offset, bytes));
  const auto lengths = std::span(batch.record()->lengths.values).subspan(part.begin, part.count);
  run.lengths.values.insert(run.lengths.values.end(), lengths.begin(), lengths.end());
  batch.append_ids(part.begin, part.count, run.chunks);
  grant.parts.push_back(part);
  grant.chunks += part.count;
  grant.bytes += bytes;
  auto leased = batch.run_at(part.begin).record;
  leased.count = part.count;
  leased.state = ChunkState::leased;
  leased.ref = grant.id.value;
  change(job, batch, part.begin, leased);
}

void Core::hand_out(Lease& lease, Job& job, wire::Run run, Grant grant, std::vector<Blob> payload) {
  ++last_grant_;
  counts_.run_chunks.observe(grant.chunks);
  grant.token = random_.token();
  grant.job = job.id;
  grant.micros = cost_of(job) * grant.chunks;
  leaving_.emplace_back(lease.id, grant.id);
  run.lease = lease.id;
  run.grant = grant.id;
  run.token = grant.token;
  run.job = job.id;
  write({.kind = RecordKind::grant, .owner = grant.id.value},
        GrantRecord{.id = grant.id, .lease = lease.id, .token = grant.token, .job = job.id, .parts = grant.parts, .alone = grant.alone});
  send(lease.worker->peer, 0, std::move(run), std::move(payload));
  step_.sends.back().early = may_run_early(job);
  if (lease.last_job != job.id && job.sessions.insert(lease.id).second) ++job.progress.sessions;
  lease.last_job = job.id;
  if (lease.grants.empty()) ++lease.size->busy;
  lease.out_chunks += grant.chunks;
  lease.out_bytes += grant.bytes;
  lease.out_micros += grant.micros;
  lease.worker->leased_chunks += grant.chunks;
  lease.grants.push_back(std::move(grant));
  index_.served(job);
  refresh(lease);
}

/// A RUN whose grant is never stored makes outputs that nobody takes. Where they lie in their producer's memory, they would be there all
/// the same; and what another job has to have ended for has to wait until that is stored.
bool Core::may_run_early(const Job& job) { return job.spec.host == Token{} && job.spec.after.empty(); }

void Core::forget_grant(Lease& lease, std::size_t index) {
  const auto& grant = lease.grants[index];
  lease.out_chunks -= grant.chunks;
  lease.out_bytes -= grant.bytes;
  lease.out_micros -= grant.micros;
  lease.worker->leased_chunks -= grant.chunks;
  erase({.kind = RecordKind::grant, .owner = grant.id.value});
  lease.grants.erase(lease.grants.begin() + static_cast<std::ptrdiff_t>(index));
  if (!lease.grants.empty()) return;
  --lease.size->busy;
  lease.out_micros = 0;
  lease.running_alone = false;
  lease.idle_since = now_;
}

void Core::refresh(Lease& lease) {
  const auto depth = lease.grants.size();
  const bool soon_done = lease.out_micros > 0 && lease.out_micros < static_cast<double>(options_.grant_target.count()) / 2;
  const bool room = lease.out_chunks < lease.window_chunks && (lease.out_bytes < lease.window_bytes || depth == 0);
  const bool waits_for_empty = lease.running_alone || lease.reserved_for != JobId{} || lease.retiring;
  const bool takes_more = depth < kStackedGrants || (depth < kMaxGrants && soon_done);
  set_hungry(lease, lease.up && lease.worker->peer != PeerId{} && room && takes_more && !(waits_for_empty && depth > 0) && !lease.retiring);
}

void Core::set_hungry(Lease& lease, bool hungry) {
  auto& waiting = lease.size->hungry;
  if (lease.hungry_turn != 0) {
    if (hungry && lease.hungry_grants == lease.grants.size()) return;
    waiting.erase({lease.hungry_grants, lease.hungry_turn, &lease});
    lease.hungry_turn = 0;
  }
  if (!hungry) return;
  lease.hungry_grants = lease.grants.size();
  lease.hungry_turn = ++hungry_turns_;
  waiting.emplace(lease.hungry_grants, lease.hungry_turn, &lease);
}

}  // namespace sublet::broker
