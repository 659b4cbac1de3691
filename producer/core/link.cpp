#include "producer/core/link.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/wire/codec.hpp"

namespace sublet::producer {

namespace {

/// How long an attempt may take. A socket goes on trying to connect by itself meanwhile; a new one only helps when the old is stuck.
constexpr Millis kAttempt = 3s;
/// Heartbeats of silence after which the peer is gone.
constexpr int kSilentHeartbeats = 3;

}  // namespace

Link::Link(LinkOptions options, Random& random) : options_(std::move(options)), random_(&random), instance_(random.next()) {}

wire::Hello Link::hello(wire::Plane plane, Token token) const {
  wire::Hello hello;
  hello.role = wire::Role::producer;
  hello.plane = plane;
  hello.minor = wire::kMinor;
  hello.instance = instance_;
  hello.name = options_.name;
  hello.token = token;
  return hello;
}

void Link::start(Instant now, Effects& effects) {
  effects = {};
  effects.close = effects.connect = true;
  effects.sends.push_back({.plane = wire::Plane::control, .message = hello(wire::Plane::control, {}), .payload = {}});
  state_ = State::hello_control;
  deadline_ = now + kAttempt;
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
  last_error_.reset();
  deadline_ = now + heartbeat_;
  return true;
}

void Link::lose(Error error, Instant now, Effects& effects) {
  effects = {};
  effects.close = true;
  state_ = State::lost;
  last_error_ = std::move(error);
  // Many producers lose one broker at the same moment; the jitter keeps them from coming back at the same moment.
  const auto full = std::min<Millis>(options_.reconnect_max, options_.reconnect_first * (1LL << std::min(failures_, 16U)));
  ++failures_;
  deadline_ = now + std::chrono::duration_cast<Nanos>(full * (0.5 + 0.5 * random_->spread()));
}

Error Link::silent() const {
  return {
      .code = ErrorCode::disconnected,
      .detail = fmt::format("no answer from the broker at {}; check that it runs there (`sublet up` or `sublet-broker`) and can be reached",
                            options_.broker)};
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
