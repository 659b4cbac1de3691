#include "producer/core/connection.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sublet::producer {

namespace {

/// Errors that say "not now": the same message may succeed later.
bool asks_to_wait(ErrorCode code) {
  return code == ErrorCode::resource_exhausted || code == ErrorCode::no_capacity || code == ErrorCode::store_unavailable;
}

/// A hint of 0 must not become a loop that does nothing but ask.
Instant repeat_at(const Error& error, Instant now) { return now + Millis(std::clamp<std::uint32_t>(error.retry_after_ms, 10, 60'000)); }

}  // namespace

Connection::Connection(LinkOptions options, BrokerList& brokers, Random& random) : link_(std::move(options), brokers, random) {}

void Connection::start(Instant now) { link_.start(now, effects_); }

void Connection::receive(wire::Plane plane, std::uint64_t request, wire::Message message, Blob payload, Instant now) {
  link_.heard(now);
  if (auto* welcome = std::get_if<wire::Welcome>(&message)) {
    if (plane == wire::Plane::control && link_.greeting()) {
      if (welcome_ && welcome_->store != welcome->store) lose_jobs();
      welcome_ = *welcome;
    }
    if (link_.welcome(plane, *welcome, now, effects_)) came_up(now);
    return;
  }
  if (auto* error = std::get_if<wire::ErrorReply>(&message)) {
    if (error->code == ErrorCode::not_owner) {
      changes_.link = true;
      return link_.redirect(*error, now, effects_);
    }
    failed(request, {.code = error->code, .detail = std::move(error->detail), .retry_after_ms = error->retry_after_ms}, now);
    return;
  }
  if (std::holds_alternative<wire::Ping>(message)) return send(plane, request, wire::Pong{});
  if (auto* credit = std::get_if<wire::Credit>(&message)) {
    credit_ = {.chunks = credit->chunks, .bytes = credit->bytes};
    changes_.credit = true;
    return;
  }
  if (auto* done = std::get_if<wire::Accepted>(&message)) return accepted(request, *done);
  if (auto* entry = std::get_if<wire::Output>(&message)) return output(request, std::move(*entry), std::move(payload), now);
  if (std::holds_alternative<wire::Bye>(message)) {
    return lost({.code = ErrorCode::disconnected, .detail = fmt::format("the broker at {} is shutting down", link_.broker())}, now);
  }
  if (auto* event = std::get_if<wire::Event>(&message)) moved(request, *event);
  if (requests_.knows(request)) {
    if (std::holds_alternative<wire::ChunkPayload>(message)) payloads_.insert_or_assign(request, std::move(payload));
    requests_.answer(request, std::move(message));
    changes_.answers = true;
  }
}

void Connection::lost(Error error, Instant now) {
  changes_.link = true;
  link_.lose(std::move(error), now, effects_);
}

void Connection::disconnected(Instant now) {
  if (!link_.up()) return;
  lost({.code = ErrorCode::disconnected,
        .detail = fmt::format("the connection to the broker at {} has ended; check that it runs there", link_.broker())},
       now);
}

void Connection::receive_garbage(const Error& error, Instant now) {
  lost({.code = ErrorCode::protocol_error,
        .detail = fmt::format("{} answers with what is no SUB/1 message ({}); check that a sublet broker of this version serves there",
                              link_.broker(), error.detail)},
       now);
}

void Connection::came_up(Instant now) {
  changes_.link = changes_.credit = true;
  credit_ = {.chunks = welcome_->credit_chunks, .bytes = welcome_->credit_bytes};
  full_batch_.chunks = std::max<std::uint64_t>(1, std::min(kFullBatch.chunks, welcome_->max_batch_chunks));
  full_batch_.bytes = std::max<std::uint64_t>(1, std::min(kFullBatch.bytes, welcome_->max_batch_bytes));
  requests_.repeat_all();
  submits_.clear();
  in_flight_ = {};
  for (auto& [id, job] : jobs_) {
    job->queue.set_full(full_batch_);
    job->queue.repeat_all();
    // A store that lost its last writes may have a shorter log than the end told of, and the reader would wait for the rest for ever.
    job->end_in_doubt = job->ended() && job->reader && !job->all_received();
    // One that was asked for while nobody was there has not been sent yet.
    job->watch_due = (job->watch_due || job->watch_request != 0) && (!job->ended() || job->end_in_doubt);
    job->taken_told = {};
    if (job->reader) {
      job->reader->read_due = true;
      job->reader->taken_sent = {};
    }
    take_turn(job);
  }
  pump(now);
}

void Connection::lose_jobs() {
  for (const auto& [id, job] : std::exchange(jobs_, {})) {
    lose_job(job, {.code = ErrorCode::jobs_lost,
                   .detail = fmt::format("job {} is gone: the broker at {} restarted and its store did not keep it; open the job again and "
                                         "submit everything, or run the broker with a durable store",
                                         to_hex(id), link_.broker())});
  }
}

void Connection::lose_job(const std::shared_ptr<KnownJob>& job, const Error& error) {
  job->lost = error;
  refuse(job, error);
  requests_.fail_job(job->id, error);
  changes_.answers = true;
  tell(job, JobEvent::What::lost);
}

void Connection::refuse(const std::shared_ptr<KnownJob>& job, const Error& error) {
  if (!job->refused) job->refused = error;
  for (auto submit = submits_.begin(); submit != submits_.end();) {
    if (submit->second != job) {
      ++submit;
      continue;
    }
    submit = submits_.erase(submit);
  }
  in_flight_ -= job->queue.in_flight_load();
  reserved_ -= job->queue.drop_all();
  changes_.credit = true;
  tell(job, JobEvent::What::accepted);
  erase_if_done(job);
}

void Connection::failed(std::uint64_t request, const Error& error, Instant now) {
  if (error.code == ErrorCode::hello_required) {
    changes_.link = true;
    return link_.start_anew(error, now, effects_);
  }
  if (link_.greeting()) return lost(error, now);
  if (submit_failed(request, error, now)) return;
  if (requests_.knows(request)) {
    if (asks_to_wait(error.code)) return requests_.repeat_later(request, error, repeat_at(error, now));
    requests_.answer(request, std::unexpected(error));
    changes_.answers = true;
    return;
  }
  for (const auto& [id, job] : jobs_) {
    const bool watched = job->watch_request == request;
    const bool read = job->reader && job->reader->request == request;
    if (request == 0 || (!watched && !read)) continue;
    if (asks_to_wait(error.code)) {
      job->watch_due |= watched;
      if (read) job->reader->read_due = true;
      return take_turn(job);
    }
    const auto lost = job;
    jobs_.erase(lost->id);
    return lose_job(lost, error);
  }
}

bool Connection::submit_failed(std::uint64_t request, const Error& error, Instant now) {
  const auto submit = submits_.find(request);
  if (submit == submits_.end()) return false;
  const auto job = submit->second;
  if (error.code == ErrorCode::not_found) {
    // The broker has forgotten the whole job: what a reader still waits for does not come any more.
    jobs_.erase(job->id);
    lose_job(job, error);
    return true;
  }
  if (!asks_to_wait(error.code)) {
    refuse(job, error);
    return true;
  }
  submits_.erase(submit);
  if (const auto load = job->queue.repeat_later(request, repeat_at(error, now))) in_flight_ -= *load;
  take_turn(job);
  return true;
}

void Connection::accepted(std::uint64_t request, const wire::Accepted& accepted) {
  const auto submit = submits_.find(request);
  if (submit == submits_.end()) return;
  const auto job = submit->second;
  submits_.erase(submit);
  const auto load = job->queue.accepted(request);
  if (!load) return;
  in_flight_ -= *load;
  reserved_ -= *load;
  changes_.credit = true;
  changes_.jobs.push_back({.job = job, .what = JobEvent::What::accepted, .chunks = load->chunks, .fresh = accepted.fresh});
  take_turn(job);
  erase_if_done(job);
}

void Connection::moved(std::uint64_t request, const wire::Event& event) {
  const auto job = find(event.job.id);
  if (!job) return;
  // An answer may overtake a newer EVENT of the other plane, and the end is told by both; what has ended stays so and is told once.
  if (!job->ended() || (job->end_in_doubt && request == job->watch_request)) {
    job->end_in_doubt = false;
    job->status = event.job;
    tell(job, JobEvent::What::status);
  }
  if (request == job->watch_request && job->ended()) job->watch_due = false;
}

void Connection::output(std::uint64_t request, wire::Output output, Blob payload, Instant now) {
  const auto job = find(output.job);
  // What an earlier reader had asked for may leave out what this one has to get again.
  if (!job || !job->reader || job->reader->first_request == 0 || request < job->reader->first_request) return;
  // Repeats are normal: a READ that replaces another starts from what this side had seen when it was sent.
  if (output.cursor <= job->reader->received) {
    // What was taken comes again from a broker that does not know so: its store forgot. It would wait for ever for room in the window.
    if (output.cursor <= job->reader->taken_sent) {
      job->reader->taken_sent = {};
      job->reader->tell_now = true;
      take_turn(job);
    }
    return;
  }
  if (const auto checked = check_output(output, payload); !checked) return receive_garbage(checked.error(), now);
  job->reader->received = output.cursor;
  job->reader->entries.push_back({.message = std::move(output), .payload = std::move(payload)});
  tell(job, JobEvent::What::outputs);
}

Changes Connection::take_changes() { return std::exchange(changes_, {}); }

Instant Connection::next_deadline() const {
  Instant first = link_.next_deadline();
  if (!link_.up()) return first;
  if (const auto question = requests_.next_deadline()) first = std::min(first, *question);
  for (const auto& job : turn_) {
    if (const auto retry = job->queue.retry_at()) first = std::min(first, *retry);
    if (job->reader && job->reader->tell_by) first = std::min(first, *job->reader->tell_by);
  }
  return first;
}

void Connection::tell(const std::shared_ptr<KnownJob>& job, JobEvent::What what) {
  // A status tells of the job as it is when it is looked at: two that arrived together would tell the newer one twice.
  if (what == JobEvent::What::status)
    std::erase_if(changes_.jobs, [&](const JobEvent& event) { return event.job == job && event.what == what; });
  changes_.jobs.push_back({.job = job, .what = what});
}

std::shared_ptr<KnownJob> Connection::find(JobId id) const {
  const auto job = jobs_.find(id);
  return job == jobs_.end() ? nullptr : job->second;
}

}  // namespace sublet::producer
