// The callers' side of Connection, and what it sends when.

#include <algorithm>
#include <utility>

#include "producer/core/connection.hpp"

namespace sublet::producer {

namespace {

/// How long TAKEN waits for a SUBMIT to travel with: alone it would wake the broker once more for every lone chunk.
constexpr Millis kTakenHold = 20ms;

}  // namespace

std::uint64_t Connection::ask(wire::Plane plane, wire::Message message, std::optional<Blob> payload, std::optional<JobId> job) {
  const std::uint64_t request = next_request_++;
  requests_.ask({.plane = plane, .request = request, .message = std::move(message), .payload = std::move(payload)}, job);
  return request;
}

Blob Connection::take_payload(std::uint64_t request) {
  const auto found = payloads_.extract(request);
  return found ? found.mapped() : Blob();
}

std::optional<Error> Connection::forget(std::uint64_t request) {
  payloads_.erase(request);
  return requests_.forget(request);
}

std::shared_ptr<KnownJob> Connection::adopt(JobId id) {
  auto& job = jobs_[id];
  if (!job) {
    job = std::make_shared<KnownJob>();
    job->id = id;
    job->queue.set_full(full_batch_);
  }
  job->released = false;
  return job;
}

void Connection::release(const std::shared_ptr<KnownJob>& job) {
  job->released = true;
  erase_if_done(job);
}

void Connection::erase_if_done(const std::shared_ptr<KnownJob>& job) {
  if (!job->released || job->queue.unaccepted() != Load{}) return;
  const auto known = jobs_.find(job->id);
  if (known != jobs_.end() && known->second == job) jobs_.erase(known);
}

void Connection::follow(const std::shared_ptr<KnownJob>& job, Millis interval) {
  if (job->ended() || (job->watch_interval > Millis(0) && job->watch_interval <= interval)) return;
  job->watch_interval = interval;
  job->watch_due = true;
  take_turn(job);
}

bool Connection::has_room(const KnownJob& job, Load load) const {
  if (job.queue.unaccepted() == Load{}) return credit_.chunks > 0 && credit_.bytes > 0;
  return (reserved_ + load).fits(credit_);
}

bool Connection::submit(const std::shared_ptr<KnownJob>& job, ChunkId chunk, const Blob& payload) {
  const bool waits = job->due && job->queue.may_send();
  reserved_ += {.chunks = 1, .bytes = payload.size()};
  job->queue.append(chunk, payload);
  return queued(job, waits);
}

bool Connection::submit(const std::shared_ptr<KnownJob>& job, ChunkId chunk, ByteView payload) {
  const bool waits = job->due && job->queue.may_send();
  reserved_ += {.chunks = 1, .bytes = payload.size()};
  job->queue.append(chunk, payload);
  return queued(job, waits);
}

bool Connection::queued(const std::shared_ptr<KnownJob>& job, bool waits) {
  reserved_ -= job->queue.take_left_out();
  // A job with chunks that stands in the turn already waits for credit or a delay, which the sockets' side hears of by itself.
  if (waits || !job->queue.may_send()) return false;
  take_turn(job);
  return link_.up();
}

void Connection::take_turn(const std::shared_ptr<KnownJob>& job) {
  if (std::exchange(job->due, true)) return;
  turn_.push_back(job);
}

std::uint64_t Connection::open_reader(const std::shared_ptr<KnownJob>& job, Load window) {
  if (job->reader) close_reader(job);
  ReaderState reader;
  reader.id = next_reader_++;
  reader.window = window;
  reader.received = reader.taken = job->taken_before;
  reader.taken_sent = job->taken_told;
  job->reader = std::move(reader);
  job->stop_reading = false;
  take_turn(job);
  return job->reader->id;
}

bool Connection::take(const std::shared_ptr<KnownJob>& job, Cursor cursor, Load load, bool now) {
  ReaderState& reader = *job->reader;
  reader.taken = std::max(reader.taken, cursor);
  reader.untold += load;
  if (reader.taken <= reader.taken_sent) return false;
  take_turn(job);
  reader.tell_now |= now || reader.untold.chunks >= reader.window.chunks / 4 || reader.untold.bytes >= reader.window.bytes / 4;
  return reader.tell_now;
}

void Connection::widen(const std::shared_ptr<KnownJob>& job, Load window) {
  job->reader->window = window;
  job->reader->read_due = true;
  take_turn(job);
}

void Connection::close_reader(const std::shared_ptr<KnownJob>& job) {
  if (!job->reader) return;
  if (link_.up()) send_taken(*job, true, {});
  job->taken_before = job->reader->taken;
  job->taken_told = job->reader->taken_sent;
  job->reader.reset();
  job->stop_reading = !job->ended();
  take_turn(job);
}

Effects Connection::step(Instant now) {
  const bool was_up = link_.up();
  link_.tick(now, effects_);
  if (was_up && !link_.up()) changes_.link = true;
  pump(now);
  return std::exchange(effects_, {});
}

void Connection::pump(Instant now) {
  if (!link_.up()) return;
  requests_.pump(now, effects_.sends);
  // One batch per job and round, so that a job with much to send does not take all credit from the others.
  std::deque<std::shared_ptr<KnownJob>> waiting;
  while (!turn_.empty()) {
    auto job = std::move(turn_.front());
    turn_.pop_front();
    if (job->lost) {
      job->due = false;
      continue;
    }
    if (job->watch_due) {
      job->watch_due = false;
      job->watch_request = next_request_++;
      const auto interval = static_cast<std::uint32_t>(job->watch_interval.count());
      send(wire::Plane::control, job->watch_request, wire::Watch{.job = job->id, .follow = true, .interval_ms = interval});
    }
    const bool sent = send_batch(job, now);
    send_reading(*job);
    send_taken(*job, sent, now);
    if (sent) {
      turn_.push_back(std::move(job));
      continue;
    }
    job->due = job->queue.may_send() || (job->reader && job->reader->tell_by);
    if (job->due) waiting.push_back(std::move(job));
  }
  turn_ = std::move(waiting);
}

void Connection::send_reading(KnownJob& job) {
  if (!link_.up()) return;
  if (job.reader && job.reader->read_due) {
    job.reader->read_due = false;
    job.reader->request = next_request_++;
    if (job.reader->first_request == 0) job.reader->first_request = job.reader->request;
    const Load window = job.reader->window;
    send(wire::Plane::bulk, job.reader->request,
         wire::Read{.job = job.id, .after = job.reader->received, .chunks = window.chunks, .bytes = window.bytes});
  }
  if (std::exchange(job.stop_reading, false)) {
    send(wire::Plane::bulk, next_request_++, wire::Read{.job = job.id, .after = job.taken_before, .chunks = 0, .bytes = 0});
  }
}

void Connection::send_taken(KnownJob& job, bool has_company, Instant now) {
  if (!job.reader || job.reader->taken <= job.reader->taken_sent) return;
  ReaderState& reader = *job.reader;
  if (!reader.tell_by) reader.tell_by = now + kTakenHold;
  if (!has_company && !reader.tell_now && now < *reader.tell_by) return;
  reader.tell_by.reset();
  reader.tell_now = false;
  reader.untold = {};
  reader.taken_sent = reader.taken;
  send(wire::Plane::bulk, next_request_++, wire::Taken{.job = job.id, .cursor = reader.taken});
}

bool Connection::send_batch(const std::shared_ptr<KnownJob>& job, Instant now) {
  const Load free = {.chunks = credit_.chunks - std::min(credit_.chunks, in_flight_.chunks),
                     .bytes = credit_.bytes - std::min(credit_.bytes, in_flight_.bytes)};
  const std::uint64_t request = next_request_++;
  const Batch* batch = job->queue.send_next(request, {.free = free, .idle = in_flight_ == Load{}}, now);
  reserved_ -= job->queue.take_left_out();
  if (batch == nullptr) return false;
  in_flight_ += batch->load();
  submits_.emplace(request, job);
  send(wire::Plane::bulk, request, wire::Submit{.job = job->id, .chunks = batch->chunks, .lengths = batch->lengths}, batch->payload);
  return true;
}

void Connection::send(wire::Plane plane, std::uint64_t request, wire::Message message, std::optional<Blob> payload) {
  effects_.sends.push_back({.plane = plane, .request = request, .message = std::move(message), .payload = std::move(payload)});
}

}  // namespace sublet::producer
