#include "tests/sim/session_model.hpp"

#include <algorithm>

namespace sublet::sim {
namespace {

/// Chunks of one command, few so that outcomes come in steps.
constexpr std::size_t kMostChunks = 4;

}  // namespace

wire::HeldLease SessionModel::held() const {
  wire::HeldLease held{.lease = lease_.lease, .token = lease_.token, .grants = {}};
  for (const auto& grant : grants_) held.grants.push_back(grant.run.grant.value);
  for (const auto& [grant, settle] : unsettled_) held.grants.push_back(grant.value);
  return held;
}

wire::Window SessionModel::window() const {
  const bool open = state_ == State::up && !draining_ && window_;
  return {.lease = lease_.lease, .chunks = open ? window_->size().chunks : 0, .bytes = open ? window_->size().bytes : 0};
}

void SessionModel::came_up() {
  state_ = State::up;
  window_.emplace(WindowLimits{.lanes = simulation_.plan.lanes, .max_chunk_bytes = lease_.max_chunk_bytes, .arena_bytes = 4096});
}

bool SessionModel::run(wire::Run run, Blob payload, Instant now) {
  if (state_ == State::waiting_for_bundle || state_ == State::ended) return false;
  if (unsettled_.contains(run.grant)) return true;
  if (std::ranges::any_of(grants_, [&](const Grant& grant) { return grant.run.grant == run.grant; })) return true;
  auto& grant = grants_.emplace_back(Grant{.run = std::move(run), .payload = std::move(payload), .codes = {}, .outputs = {}});
  if (stopped_) return_rest(grant);
  feed(now);
  return true;
}

void SessionModel::feed(Instant now) {
  if (state_ != State::up) return;
  const bool was_idle = parts_.empty();
  for (auto& grant : grants_) {
    const auto& lengths = grant.run.lengths.values;
    while (!stopped_ && grant.begun < lengths.size()) {
      Part part{.grant = &grant, .chunks = {}};
      while (part.chunks.size() < kMostChunks && grant.begun < lengths.size()) {
        part.chunks.push_back(grant.payload.slice(grant.begun_bytes, lengths[grant.begun]));
        grant.begun_bytes += lengths[grant.begun++];
      }
      part.each = simulation_.dice.between(Nanos(100us), Nanos(20ms));
      handed_over_.push_back({.number = ++last_number_, .count = static_cast<std::uint32_t>(part.chunks.size()), .at = now});
      parts_.push_back(std::move(part));
    }
  }
  if (parts_.empty()) return;
  watchdog_.begin(now);
  if (was_idle) begin_part(now);
}

void SessionModel::begin_part(Instant now) {
  begun_at_ = now;
  through_at_ = now + parts_.front().each * static_cast<std::int64_t>(parts_.front().chunks.size());
}

void SessionModel::progress(Instant now) {
  while (state_ == State::up && !dead_ && !hangs_ && !device_broken_ && !parts_.empty()) {
    // A stopped process goes on where it was.
    if (now < stopped_until_) return;
    const auto through = std::max(through_at_, stopped_until_);
    if (now < through) return;
    finish_part(through);
  }
}

void SessionModel::finish_part(Instant now) {
  auto& part = parts_.front();
  std::vector<Ran> results;
  for (const auto& chunk : part.chunks) {
    // What comes after a chunk that broke the device does not run.
    if (device_broken_) {
      results.push_back({.code = ErrorCode::returned});
      continue;
    }
    const auto ran = chunks_.run(chunk.view());
    dead_ = dead_ || ran.ends_session;
    hangs_ = hangs_ || ran.hangs;
    if (dead_ || hangs_) {
      caught_at_ = static_cast<std::uint32_t>(results.size());
      return;
    }
    device_broken_ = ran.breaks_device;
    results.push_back(ran);
  }
  for (const auto& ran : results) {
    part.grant->codes.push_back(static_cast<std::uint16_t>(ran.code));
    part.grant->outputs.push_back(ran.output);
  }
  window_changed_ = window_->learn(part.chunks.size(), now - begun_at_) || window_changed_;
  parts_.pop_front();
  handed_over_.erase(handed_over_.begin());
  if (!parts_.empty()) begin_part(now);
}

std::optional<Instant> SessionModel::next_event() const {
  if (state_ != State::up || hangs_ || parts_.empty()) return std::nullopt;
  return std::max(through_at_, stopped_until_);
}

ClaimedRunning SessionModel::claim(Instant now) const {
  if (handed_over_.empty()) return {};
  const auto& part = parts_.front();
  const auto count = static_cast<std::uint32_t>(part.chunks.size());
  const auto ran = std::min(now, std::max(stopped_until_, through_at_)) - begun_at_;
  const auto first = caught_at_.value_or(std::min(count - 1, static_cast<std::uint32_t>(std::max<std::int64_t>(ran / part.each, 0))));
  const auto since = begun_at_ + part.each * first;
  return {.number = handed_over_.front().number,
          .first = first,
          .count = std::min(simulation_.plan.lanes, count - first),
          .since_ns = static_cast<std::uint64_t>(since.time_since_epoch().count())};
}

bool SessionModel::stuck(Instant now) { return state_ == State::up && process_ && watchdog_.stuck(claim(now), handed_over_, now); }

void SessionModel::return_rest(Grant& grant) {
  while (grant.codes.size() < grant.run.lengths.values.size()) {
    grant.codes.push_back(static_cast<std::uint16_t>(ErrorCode::returned));
    grant.outputs.push_back(0);
  }
  grant.begun = static_cast<std::uint32_t>(grant.run.lengths.values.size());
}

void SessionModel::drain() {
  draining_ = stopped_ = true;
  for (auto& grant : grants_) {
    if (std::ranges::none_of(parts_, [&](const Part& part) { return part.grant == &grant; })) return_rest(grant);
  }
}

void SessionModel::collect() {
  while (!grants_.empty()) {
    auto& grant = grants_.front();
    if (stopped_ && std::ranges::none_of(parts_, [&](const Part& part) { return part.grant == &grant; })) return_rest(grant);
    if (grant.codes.size() < grant.run.lengths.values.size()) return;
    Unsettled settle{.message = {.lease = grant.run.lease, .grant = grant.run.grant, .token = grant.run.token}, .outputs = {}, .tried = {}};
    std::vector<std::int64_t> outputs;
    for (std::size_t index = 0; index < grant.codes.size(); ++index) {
      const bool ok = grant.codes[index] == 0;
      settle.message.lengths.values.push_back(ok ? sizeof(std::int64_t) : 0);
      settle.message.micros.values.push_back(100);
      if (ok) outputs.push_back(grant.outputs[index]);
    }
    if (std::ranges::any_of(grant.codes, [](std::uint16_t code) { return code != 0; })) settle.message.codes.values = grant.codes;
    settle.outputs = Blob::copy_of(std::as_bytes(std::span(outputs)));
    const auto id = grant.run.grant;
    unsettled_[id] = std::move(settle);
    grants_.pop_front();
  }
}

std::vector<SessionModel::Unsettled*> SessionModel::fresh_settles() {
  collect();
  std::vector<Unsettled*> fresh;
  for (auto& [grant, settle] : unsettled_) {
    if (!settle.tried) fresh.push_back(&settle);
  }
  return fresh;
}

void SessionModel::end(const Error& error, Instant now) {
  if (state_ == State::ended) return;
  // The agent believes what the process said last, when that can be true.
  auto running = believable(parts_.empty() ? ClaimedRunning{} : claim(now), handed_over_, simulation_.plan.lanes);
  if (error.code == ErrorCode::kernel_timeout && !running.empty()) {
    running = {RunningChunks{.command = running.front().command, .first = running.front().first, .count = 1}};
  }
  if (error.code == ErrorCode::draining) running.clear();
  for (std::size_t position = 0; position < parts_.size(); ++position) {
    const auto stretch = std::ranges::find(running, position, &RunningChunks::command);
    for (std::uint32_t chunk = 0; chunk < parts_[position].chunks.size(); ++chunk) {
      const bool blamed = stretch != running.end() && chunk >= stretch->first && chunk - stretch->first < stretch->count;
      parts_[position].grant->codes.push_back(static_cast<std::uint16_t>(blamed ? error.code : ErrorCode::returned));
      parts_[position].grant->outputs.push_back(0);
    }
  }
  parts_.clear();
  handed_over_.clear();
  stopped_ = true;
  for (auto& grant : grants_) return_rest(grant);
  collect();
  state_ = State::ended;
}

void SessionModel::drop() {
  grants_.clear();
  parts_.clear();
  handed_over_.clear();
  unsettled_.clear();
  stopped_ = true;
  state_ = State::ended;
}

void SessionModel::set_farewell(ErrorCode code) {
  if (!farewell_) farewell_ = wire::Release{.lease = lease_.lease, .code = code, .detail = {}, .peak_bytes = 0};
}

}  // namespace sublet::sim
