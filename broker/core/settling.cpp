#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "broker/core/aggregate.hpp"
#include "broker/core/core.hpp"

namespace sublet::broker {
namespace {

constexpr double kAverageWeight = 0.25;

void average(double& value, double sample) { value = value == 0 ? sample : value + kAverageWeight * (sample - value); }

bool all_ok(const wire::CodeList& codes) {
  return std::ranges::all_of(codes.values, [](std::uint16_t code) { return code == 0; });
}

/// Whether a SETTLE fits the RUN it answers: one entry per chunk in every list, outputs that sum up to the payload, none of a failed chunk.
bool fits(const Grant& grant, const wire::Settle& message, const Blob& payload) {
  const auto& lengths = message.lengths.values;
  const auto& codes = message.codes.values;
  if (lengths.size() != grant.chunks || (!codes.empty() && codes.size() != grant.chunks)) return false;
  if (!message.micros.values.empty() && message.micros.values.size() != grant.chunks) return false;
  if (total(lengths) != payload.size()) return false;
  for (std::size_t index = 0; index < codes.size(); ++index) {
    if (codes[index] != 0 && lengths[index] != 0) return false;
  }
  return true;
}

ErrorCode known_code(std::uint16_t number) { return is_error_number(number) ? static_cast<ErrorCode>(number) : ErrorCode::internal; }

/// A SETTLE of the same length that says of every chunk what is wrong with the one that came.
wire::Settle misfit_of(const Grant& grant, const wire::Settle& message) {
  wire::Settle misfit{.lease = message.lease, .grant = message.grant, .token = message.token};
  misfit.codes.values.assign(grant.chunks, static_cast<std::uint16_t>(ErrorCode::transient));
  misfit.lengths.values.assign(grant.chunks, 0);
  for (std::uint32_t index = 0; index < grant.chunks; ++index) {
    misfit.details.push_back({.index = index, .detail = "the worker's SETTLE did not fit its RUN; check the worker's version"});
  }
  return misfit;
}

std::string_view detail_at(const std::vector<wire::ChunkDetail>& details, std::uint32_t index) {
  const auto found = std::ranges::lower_bound(details, index, {}, &wire::ChunkDetail::index);
  return found != details.end() && found->index == index ? std::string_view(found->detail).substr(0, kMaxDetailBytes) : std::string_view();
}

}  // namespace

Core::Handled Core::on(Request request, Worker& worker, wire::Settle& message) {
  const auto answer = [&](ErrorCode code) {
    if (code == ErrorCode::stale) ++counts_.stale_settles;
    reply(request, wire::Settled{.lease = message.lease, .grant = message.grant, .code = code});
    return Handled{};
  };
  auto* lease = find_lease(message.lease);
  if (lease == nullptr || lease->worker != &worker) return answer(ErrorCode::stale);
  const auto held = std::ranges::find(lease->grants, message.grant, &Grant::id);
  if (held == lease->grants.end() || held->token != message.token) {
    return answer(lease->has_settled(message.grant, message.token) ? ErrorCode::ok : ErrorCode::stale);
  }
  const auto index = static_cast<std::size_t>(std::distance(lease->grants.begin(), held));
  const auto grant = std::move(*held);
  *held = {.id = grant.id, .chunks = grant.chunks, .bytes = grant.bytes, .micros = grant.micros};
  forget_grant(*lease, index);
  const auto job = jobs_.find(grant.job);
  const bool current = job != jobs_.end() && !job->second->has_ended();
  static_cast<void>(answer(current ? ErrorCode::ok : ErrorCode::stale));
  if (current) {
    lease->remember(grant.id, grant.token);
    settle(*lease, grant, *job->second, message, request.payload);
  }
  if (lease->retiring && lease->grants.empty()) {
    release_from_here(*lease, ErrorCode::ok, "it is others' turn");
    return {};
  }
  refresh(*lease);
  lease->size->pool->touch();
  return {};
}

void Core::settle(Lease& lease, const Grant& grant, Job& job, wire::Settle& message, const Blob& payload) {
  if (!fits(grant, message, payload)) {
    auto misfit = misfit_of(grant, message);
    settle_one_by_one(grant, job, misfit, {});
    return;
  }
  counts_.settle_chunks.observe(grant.chunks);
  for (const auto micros : message.micros.values) job.queue->seen.chunk_micros.observe(micros);
  learn_cost(lease, grant, job, message);
  const auto element = element_bytes(job.spec);
  const bool whole =
      element == 1 || std::ranges::all_of(message.lengths.values, [&](std::uint32_t length) { return length % element == 0; });
  const auto done_before = job.progress.done;
  if (whole && all_ok(message.codes)) {
    settle_all_done(grant, job, message, payload);
  } else {
    settle_one_by_one(grant, job, message, payload);
  }
  const auto done = job.progress.done - done_before;
  lease.worker->done += done;
  if (done > 0) lease.size->pool->backoff = 0ms;
}

void Core::learn_cost(Lease& lease, const Grant& grant, Job& job, const wire::Settle& message) {
  // The average moves with what really ran: a grant that was handed back says nothing.
  const auto& codes = message.codes.values;
  if (!codes.empty() && std::ranges::find(codes, 0) == codes.end()) return;
  const auto elapsed = std::chrono::duration_cast<Micros>(now_ - grant.sent.value_or(now_)).count();
  const double micros = message.micros.values.empty() ? static_cast<double>(elapsed) : static_cast<double>(total(message.micros.values));
  const auto returned = std::ranges::count(codes, static_cast<std::uint16_t>(ErrorCode::returned));
  // Never 0, which means unknown.
  const double sample = std::max(micros / static_cast<double>(grant.chunks - returned), 0.01);
  charge(*lease.size, sample * static_cast<double>(grant.chunks - returned));
  average(job.micros_per_chunk, sample);
  average(lease.size->pool->micros_per_chunk, sample);
}

void Core::note_done(Job& job, std::uint64_t chunks, std::uint64_t bytes) {
  job.progress.bytes_out += bytes;
  job.queue->seen.bytes_out += bytes;
  job.queue->done += chunks;
}

void Core::settle_all_done(const Grant& grant, Job& job, wire::Settle& message, const Blob& payload) {
  const bool keeps = keeps_outputs(job.spec.aggregate);
  Entry entry;
  for (const auto& part : grant.parts) {
    auto& batch = job.batches.at(part.batch);
    if (keeps) batch.append_ids(part.begin, part.count, entry.output().chunks);
    change(job, batch, part.begin, {.count = part.count, .state = ChunkState::done});
  }
  note_done(job, grant.chunks, payload.size());
  if (keeps) {
    entry.output().lengths = std::move(message.lengths);
    entry.output().micros = std::move(message.micros);
    append_entry(job, std::move(entry), payload);
    return;
  }
  fold_outputs(job, payload.view());
}

void Core::settle_one_by_one(const Grant& grant, Job& job, wire::Settle& message, const Blob& payload) {
  const auto element = element_bytes(job.spec);
  const bool keeps = keeps_outputs(job.spec.aggregate);
  const std::span<const std::uint32_t> lengths(message.lengths.values);
  const std::span<const std::uint32_t> micros(message.micros.values);
  std::ranges::stable_sort(message.details, {}, &wire::ChunkDetail::index);
  const auto code_at = [&](std::uint32_t index) {
    const auto code = message.codes.values.empty() ? ErrorCode::ok : known_code(message.codes.values[index]);
    return code == ErrorCode::ok && lengths[index] % element != 0 ? ErrorCode::bad_size : code;
  };
  Entry entry;
  std::size_t offset = 0;
  std::vector<ByteView> folded;
  std::uint32_t index = 0;
  for (const auto& part : grant.parts) {
    auto& batch = job.batches.at(part.batch);
    const auto end = index + part.count;
    for (auto first = index; index < end; first = index) {
      const auto code = code_at(first);
      const auto said = detail_at(message.details, first);
      while (index < end && code_at(index) == code && (code == ErrorCode::ok || detail_at(message.details, index) == said)) ++index;
      const GrantPart same{.batch = part.batch, .begin = part.begin + part.count - (end - first), .count = index - first};
      const auto own = lengths.subspan(first, same.count);
      const auto bytes = total(own);
      if (code == ErrorCode::ok) {
        if (keeps) entry.add_done(batch, same, own, micros.empty() ? micros : micros.subspan(first, same.count));
        if (!keeps && bytes > 0) folded.push_back(payload.view().subspan(offset, bytes));
        change(job, batch, same.begin, {.count = same.count, .state = ChunkState::done});
        note_done(job, same.count, bytes);
      } else {
        const auto detail = code == ErrorCode::bad_size && said.empty()
                                ? fmt::format("an output of {} bytes is no whole number of elements of {} bytes", own.front(), element)
                                : std::string(said);
        settle_failed(job, batch, same, {.code = code, .alone = grant.alone}, detail, entry);
      }
      offset += bytes;
    }
  }
  append_entry(job, std::move(entry), keeps ? payload : Blob());
  for (const auto bytes : folded) fold_outputs(job, bytes);
}

void Core::settle_failed(Job& job, Batch& batch, const GrantPart& part, const Failure& failure, std::string_view said, Entry& entry) {
  const auto end = part.begin + part.count;
  for (auto begin = part.begin; begin < end;) {
    const auto& run = batch.run_at(begin);
    const auto count = std::min(run.end(), end) - begin;
    auto outcome = judge_failure(run.record, failure, job.spec.retry, now_ms(), random_.spread());
    outcome.next.count = count;
    if (outcome.next.state == ChunkState::dead) {
      const auto detail = detail_of(outcome, said);
      entry.add_dead(batch, {.batch = part.batch, .begin = begin, .count = count}, outcome.next, outcome.code, detail);
      if (job.progress.error == ErrorCode::ok) {
        std::vector<ChunkRange> ids;
        batch.append_ids(begin, 1, ids);
        job.progress.error = outcome.code;
        job.progress.error_detail = fmt::format("chunk {}: {}", ids.front().first, detail);
      }
      job.queue->dead += count;
      job.queue->seen.dead[outcome.code] += count;
      outcome.next = {.count = count, .state = ChunkState::dead};
    } else if (outcome.next.attempts != run.record.attempts || outcome.next.crashes != run.record.crashes) {
      job.progress.retries += count;
      job.queue->retries += count;
    } else {
      job.queue->seen.returned += count;
    }
    if (outcome.next.state == ChunkState::waiting) {
      timers_.set({.due = Instant(Millis(outcome.next.ref)),
                   .kind = TimerKind::retry,
                   .id = job.id.value,
                   .batch = batch.id().value,
                   .begin = begin});
    }
    change(job, batch, begin, outcome.next);
    begin += count;
  }
}

void Core::requeue(const Grant& grant, Loss loss) {
  const auto found = jobs_.find(grant.job);
  if (found == jobs_.end() || found->second->has_ended()) return;
  auto& job = *found->second;
  Entry entry;
  const Failure failure{.code = loss == Loss::crashed ? ErrorCode::session_lost : ErrorCode::returned, .alone = grant.alone};
  for (const auto& part : grant.parts) settle_failed(job, job.batches.at(part.batch), part, failure, {}, entry);
  append_entry(job, std::move(entry), {});
}

void Core::fold_outputs(Job& job, ByteView bytes) {
  if (job.spec.aggregate == AggregateKind::count || job.has_ended()) return;
  const auto folded = fold(job.spec, bytes, job.progress.value);
  mark(job);
  if (!folded) end_job(job, JobState::failed, folded.error());
}

}  // namespace sublet::broker
