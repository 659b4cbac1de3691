#include "producer/core/link.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/wire/codec.hpp"

namespace sublet::producer {

namespace {

/// How long an attempt may take, and at most after others have failed. A socket goes on trying to connect by itself meanwhile; a new one
/// helps when the old is stuck or another broker answers.
constexpr Millis kAttempt = 1s;
constexpr int kLongestAttempt = 3;
/// Heartbeats of silence after which the peer is gone.
constexpr int kSilentHeartbeats = 3;

}  // namespace

Link::Link(LinkOptions options, BrokerList& brokers, Random& random) : options_(std::move(options)), choice_(brokers), random_(&random) {}

wire::Hello Link::hello(wire::Plane plane, Token token) const {
  wire::Hello hello;
  hello.role = wire::Role::producer;
  hello.plane = plane;
  hello.minor = wire::kMinor;
  hello.shard = options_.shard;
  hello.instance = options_.instance;
  hello.name = options_.name;
  hello.token = token;
  return hello;
}

void Link::start(Instant now, Effects& effects) {
  effects = {};
  effects.close = true;
  effects.connect = choice_.current();
  effects.sends.push_back({.plane = wire::Plane::control, .message = hello(wire::Plane::control, {}), .payload = {}});
  state_ = State::hello_control;
  deadline_ = now + kAttempt * std::min<int>(static_cast<int>(failures_) + 1, kLongestAttempt);
}

bool Link::welcome(wire::Plane plane, const wire::Welcome& welcome, Instant now, Effects& effects) {
  if (plane == wire::Plane::control && state_ == State::hello_control) {
    if (welcome.heartbeat_ms > 0) heartbeat_ = Millis(welcome.heartbeat_ms);
    effects.connect_bulk = welcome.bulk;
    effects.sends.push_back({.plane = wire::Plane::bulk, .message = hello(wire::Plane::bulk, welcome.token), .payload = {}});
    state_ = State::hello_bulk;
    return false;
  }
  if (plane != wire::Plane::bulk || state_ != State::hello_bulk) return false;
  state_ = State::up;
  failures_ = 0;
  choice_.welcomed();
  last_error_.reset();
  deadline_ = now + heartbeat_;
  return true;
}

void Link::lose(Error error, Instant now, Effects& effects) {
  give_up(std::move(error), backoff(), now, effects);
  ++failures_;
  choice_.gone(now);
}

void Link::start_anew(Error error, Instant now, Effects& effects) {
  give_up(std::move(error), backoff(), now, effects);
  ++failures_;
}

void Link::redirect(const wire::ErrorReply& not_owner, Instant now, Effects& effects) {
  // The broker knows how long a takeover lasts; the longer pauses are for those who do not answer.
  const auto asked = std::min(options_.reconnect_max, Millis(not_owner.retry_after_ms));
  const auto pause = asked > Millis(0) ? spread(asked) : backoff();
  const bool at_once = choice_.refused(not_owner.owner, now);
  give_up({.code = not_owner.code, .detail = not_owner.detail, .retry_after_ms = not_owner.retry_after_ms}, at_once ? Nanos(0) : pause, now,
          effects);
}

void Link::give_up(Error error, Nanos pause, Instant now, Effects& effects) {
  effects = {};
  effects.close = true;
  state_ = State::lost;
  last_error_ = std::move(error);
  deadline_ = now + pause;
}

Nanos Link::backoff() {
  return spread(std::min<Millis>(options_.reconnect_max, options_.reconnect_first * (1LL << std::min(failures_, 16U))));
}

/// Many producers lose one broker at the same moment; the jitter keeps them from coming back at the same moment.
Nanos Link::spread(Millis pause) { return std::chrono::duration_cast<Nanos>(pause * (0.5 + 0.5 * random_->spread())); }

Error Link::silent() const {
  return {
      .code = ErrorCode::disconnected,
      .detail = fmt::format("no answer from the broker at {}; check that it runs there (`sublet up` or `sublet-broker`) and can be reached",
                            choice_.current())};
}

void Link::tick(Instant now, Effects& effects) {
  if (now < deadline_) return;
  if (state_ == State::lost) {
    start(now, effects);
    return;
  }
  if (greeting() || now - last_heard_ >= kSilentHeartbeats * heartbeat_) {
    lose(silent(), now, effects);
    return;
  }
  // On both planes: a bulk connection that broke alone is another peer to the broker now, which says so when it hears from it.
  for (const auto plane : {wire::Plane::control, wire::Plane::bulk})
    effects.sends.push_back({.plane = plane, .message = wire::Ping{}, .payload = {}});
  deadline_ = now + heartbeat_;
}

}  // namespace sublet::producer
