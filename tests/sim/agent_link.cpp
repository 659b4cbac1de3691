#include "tests/sim/agent_link.hpp"

#include <algorithm>
#include <utility>

namespace sublet::sim {
namespace {

constexpr Millis kShortestPause = 100ms;
constexpr Millis kLongestPause = 5s;
constexpr Millis kPatience = 2s;
constexpr int kMissedHeartbeats = 3;

}  // namespace

std::optional<wire::Plane> AgentLink::plane_of(LinkId link) const {
  if (control_ == link) return wire::Plane::control;
  if (bulk_ == link) return wire::Plane::bulk;
  return std::nullopt;
}

wire::Hello AgentLink::hello(wire::Plane plane) const {
  return {
      .role = wire::Role::worker, .plane = plane, .minor = 0, .instance = instance_, .name = client_.name(), .token = token_, .leases = {}};
}

std::uint64_t AgentLink::greet(std::vector<wire::HeldLease> leases, Instant now) {
  close();
  control_ = network_.connect(client_, wire::Plane::control);
  state_ = State::greeting_control;
  next_at_ = now + kPatience;
  heard_at_ = now;
  token_ = {};
  auto message = hello(wire::Plane::control);
  message.leases = std::move(leases);
  return say(*control_, std::move(message));
}

void AgentLink::welcomed(const wire::Welcome& welcome, Instant now) {
  if (state_ == State::greeting_bulk) {
    state_ = State::up;
    next_at_ = now + heartbeat_;
    failed_attempts_ = 0;
    return;
  }
  if (state_ != State::greeting_control) return;
  bulk_ = network_.connect(client_, wire::Plane::bulk);
  token_ = welcome.token;
  heartbeat_ = std::clamp(Millis(welcome.heartbeat_ms), Millis(20ms), Millis(60s));
  state_ = State::greeting_bulk;
  next_at_ = now + kPatience;
  say(*bulk_, hello(wire::Plane::bulk));
}

void AgentLink::lose(Instant now) {
  if (state_ == State::away) return;
  const auto doubled = std::min(kLongestPause, kShortestPause * (1U << std::min<std::uint32_t>(failed_attempts_, 10)));
  next_at_ = state_ == State::up ? now : now + std::chrono::duration_cast<Millis>(doubled * (0.5 + random_.spread() / 2));
  ++failed_attempts_;
  state_ = State::away;
  close();
}

void AgentLink::close() {
  if (control_) network_.close(*std::exchange(control_, std::nullopt));
  if (bulk_) network_.close(*std::exchange(bulk_, std::nullopt));
}

std::uint64_t AgentLink::say(LinkId link, wire::Message message, Blob payload) {
  network_.send(link, {.request = ++last_request_, .message = std::move(message), .payload = std::move(payload)});
  return last_request_;
}

std::uint64_t AgentLink::send_control(wire::Message message) { return control_ ? say(*control_, std::move(message)) : 0; }

std::uint64_t AgentLink::send_bulk(wire::Message message, Blob payload) {
  return bulk_ && up() ? say(*bulk_, std::move(message), std::move(payload)) : 0;
}

void AgentLink::answer(wire::Plane plane, std::uint64_t request, wire::Message message) {
  const auto link = plane == wire::Plane::control ? control_ : bulk_;
  if (link) network_.send(*link, {.request = request, .message = std::move(message), .payload = {}});
}

void AgentLink::tick(Instant now) {
  if (state_ == State::away || now < next_at_) return;
  if (state_ != State::up || now - heard_at_ >= heartbeat_ * kMissedHeartbeats) return lose(now);
  send_control(wire::Ping{});
  // A bulk connection that broke alone is another peer to the broker now, which says so when it hears from it.
  send_bulk(wire::Ping{});
  next_at_ = now + heartbeat_;
}

}  // namespace sublet::sim
