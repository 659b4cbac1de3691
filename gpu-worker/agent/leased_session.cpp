#include "gpu-worker/agent/leased_session.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace sublet::agent {
namespace {

/// For everything around a chunk's kernels, before the watchdog steps in.
constexpr Millis kGrace = 500ms;
/// For a session to free everything in a process that goes on.
constexpr Millis kToClose = 500ms;
/// A process that rings without a reply so often in a row does it on purpose.
constexpr std::uint32_t kMostEmptyWakes = 1000;

std::unexpected<Error> broken(std::string_view what) {
  return fail(ErrorCode::protocol_error, fmt::format("the session process {}: it is broken and is ended", what));
}

}  // namespace

wire::HeldLease LeasedSession::held() const {
  wire::HeldLease held{.lease = lease_.lease, .token = lease_.token, .grants = book_ ? book_->grants() : std::vector<std::uint64_t>()};
  for (const auto& [grant, settle] : unsettled_) {
    held.grants.push_back(grant.value);
  }
  return held;
}

Result<void> LeasedSession::start(Place place, std::shared_ptr<const LoadedBundle> bundle, Instant deadline) {
  auto opened = place.process->open(lease_.lease, place.arena, deadline);
  if (!opened) {
    return std::unexpected(opened.error());
  }
  process_ = std::move(place.process);
  channel_ = std::move(*opened);
  bundle_ = std::move(bundle);
  lanes_ = place.lanes;
  isolation_ = process_->isolation();
  state_ = State::starting;
  ring::AgentEnd& end = *channel_;
  const ByteView image = bundle_->bytes.view();
  if (image.size() > end.arena().size()) {
    return fail(ErrorCode::message_too_large,
                fmt::format("the pipeline with its modules takes {} bytes: make its modules smaller", image.size()));
  }
  // The first command's block: no run comes before the answer, so nothing else lies there.
  std::memcpy(end.arena().data(), image.data(), image.size());
  book_.emplace(end, bundle_, lease_);
  watchdog_.emplace(bundle_->time_limit + kGrace);
  window_.emplace(WindowLimits{.lanes = lanes_, .max_chunk_bytes = GrantBook::most_payload(lease_), .arena_bytes = end.arena().size()});
  const ring::Command command{.kind = lease_.by_reference ? ring::CommandKind::start_by_reference : ring::CommandKind::start,
                              .count = lanes_,
                              .input_bytes = image.size(),
                              .slice_bytes = lease_.bytes,
                              .max_chunk_bytes = lease_.max_chunk_bytes};
  if (end.push(command) != ring::PushOutcome::pushed) {
    return broken("does not take commands as it must");
  }
  return {};
}

Result<bool> LeasedSession::take_replies(Instant now) {
  bool became_up = false;
  ring::AgentEnd& end = *channel_;
  const ring::Heard heard = end.hear();
  bool any = false;
  do {
    // A hostile process could write faster than this reads; what is more waits for the next round.
    for (std::uint64_t taken = 0; taken < ring::kSlots; ++taken) {
      auto reply = end.pop();
      if (!reply) {
        return std::unexpected(reply.error());
      }
      if (!*reply) {
        break;
      }
      any = true;
      auto up = take_reply(**reply, now);
      if (!up) {
        return std::unexpected(up.error());
      }
      became_up = became_up || *up;
      if (left_) {
        return became_up;
      }
    }
    if (book_ && state_ == State::up) {
      if (auto fed = book_->feed(now); !fed) {
        return std::unexpected(fed.error());
      }
      if (!book_->handed_over().empty()) {
        watchdog_->begin(now);
      }
    }
  } while (!end.about_to_wait());
  hung_up_ = heard == ring::Heard::closed;
  empty_wakes_ = any ? 0 : empty_wakes_ + 1;
  if (empty_wakes_ > kMostEmptyWakes) {
    return broken("rings without a reply");
  }
  return became_up;
}

Result<bool> LeasedSession::take_reply(const ring::Reply& reply, Instant now) {
  if (reply.lease != lease_.lease.value) {
    return broken(fmt::format("answers for lease {:016x}, which this ring does not serve", reply.lease));
  }
  overhead_ = std::max(overhead_, Bytes{reply.overhead_bytes});
  left_ = reply.kind == ring::ReplyKind::closed || reply.kind == ring::ReplyKind::failed;
  if (state_ == State::ended) {
    // Whatever it still does, its chunks have their outcome.
    return false;
  }
  switch (reply.kind) {
    case ring::ReplyKind::started:
      if (state_ != State::starting) {
        return broken("starts twice");
      }
      state_ = State::up;
      peak_bytes_ = std::min(reply.peak_bytes, lease_.bytes);
      return true;
    case ring::ReplyKind::failed: {
      if (state_ != State::starting) {
        return broken("fails to start after it has started");
      }
      const bool known = reply.code != 0 && is_error_number(reply.code);
      return fail(known ? static_cast<ErrorCode>(reply.code) : ErrorCode::session_lost, channel_->note(reply));
    }
    case ring::ReplyKind::ran: {
      if (state_ != State::up) {
        return broken("answers before it has started");
      }
      const Instant begun = std::max(last_reply_, book_->handed_over().empty() ? now : book_->handed_over().front().at);
      auto count = book_->take(reply);
      if (!count) {
        return std::unexpected(count.error());
      }
      last_reply_ = now;
      peak_bytes_ = std::max(peak_bytes_, std::min(reply.peak_bytes, lease_.bytes));
      traffic_ = {.to_device = reply.to_device, .from_device = reply.from_device};
      device_broken_ = device_broken_ || reply.last != 0;
      window_changed_ = window_->learn(*count, now - begun) || window_changed_;
      return false;
    }
    case ring::ReplyKind::closed:
      return false;
  }
  return broken(fmt::format("answers with kind {}", static_cast<std::uint32_t>(reply.kind)));
}

wire::Window LeasedSession::window() const {
  const bool open = state_ == State::up && !draining_ && window_;
  return {.lease = lease_.lease,
          .chunks = open ? window_->size().chunks : 0,
          .bytes = open ? window_->size().bytes : 0,
          .isolation = isolation_};
}

Result<void> LeasedSession::run(wire::Run run, Blob payload, Instant now) {
  if (!book_) {
    return fail(ErrorCode::protocol_error, "RUN for a lease whose WINDOW was not sent yet");
  }
  if (unsettled_.contains(run.grant)) {
    return {};
  }
  if (auto added = book_->add(std::move(run), std::move(payload)); !added) {
    return added;
  }
  if (state_ != State::up) {
    return {};
  }
  auto fed = book_->feed(now);
  if (!book_->handed_over().empty()) {
    watchdog_->begin(now);
  }
  return fed;
}

/// Moves what has an outcome to the unsettled.
void LeasedSession::collect() {
  while (auto settlement = book_ ? book_->next_settled() : std::nullopt) {
    const GrantId grant = settlement->message.grant;
    unsettled_[grant] = {.message = std::move(settlement->message), .outputs = std::move(settlement->outputs), .tried = {}};
  }
}

std::vector<LeasedSession::Unsettled*> LeasedSession::fresh_settles() {
  collect();
  std::vector<Unsettled*> fresh;
  for (auto& [grant, settle] : unsettled_) {
    if (!settle.tried) {
      fresh.push_back(&settle);
    }
  }
  return fresh;
}

void LeasedSession::drain() {
  draining_ = true;
  if (channel_) {
    channel_->request_stop();
  }
  if (book_) {
    book_->stop();
  }
}

ClaimedRunning LeasedSession::claim() const {
  const ring::Running running = channel_->running();
  return {.number = running.number, .first = running.first, .count = running.count, .since_ns = running.since_ns};
}

bool LeasedSession::stuck(Instant now) { return state_ == State::up && channel_ && watchdog_->stuck(claim(), book_->handed_over(), now); }

void LeasedSession::set_deadline(Instant deadline) {
  if (channel_) {
    channel_->set_deadline(deadline);
  }
}

void LeasedSession::end(const Error& error) {
  if (state_ == State::ended) {
    return;
  }
  if (book_ && channel_) {
    auto running = believable(claim(), book_->handed_over(), lanes_);
    if (error.code == ErrorCode::kernel_timeout && !running.empty()) {
      running = {RunningChunks{.command = running.front().command, .first = running.front().first, .count = 1}};
    }
    if (error.code == ErrorCode::draining || error.code == ErrorCode::lease_expired) {
      running.clear();
    }
    book_->abandon(running, error);
    collect();
  }
  state_ = State::ended;
}

void LeasedSession::drop() {
  if (book_) {
    book_->clear();
  }
  unsettled_.clear();
  state_ = State::ended;
}

bool LeasedSession::close(Instant now) {
  close_by_ = now + kToClose;
  channel_->request_stop();
  return channel_->push({.kind = ring::CommandKind::close}) == ring::PushOutcome::pushed;
}

void LeasedSession::take_last_words(Instant now) {
  for (std::uint64_t taken = 0; taken < ring::kSlots && channel_; ++taken) {
    auto reply = channel_->pop();
    if (!reply || !*reply || !take_reply(**reply, now) || left_) {
      return;
    }
  }
}

void LeasedSession::displace() {
  if (book_) {
    book_->abandon({}, {});
    collect();
  }
  watchdog_.reset();
  state_ = State::waiting;
}

void LeasedSession::leave() {
  book_.reset();
  channel_.reset();
  if (process_) {
    process_->closed(lease_.lease);
  }
  process_.reset();
  close_by_.reset();
  empty_wakes_ = 0;
  hung_up_ = left_ = window_changed_ = false;
}

void LeasedSession::set_farewell(ErrorCode code, std::string detail) {
  if (!farewell_) {
    farewell_ = wire::Release{.lease = lease_.lease, .code = code, .detail = std::move(detail), .peak_bytes = peak_bytes_};
  }
}

}  // namespace sublet::agent
