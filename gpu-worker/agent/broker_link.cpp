#include "gpu-worker/agent/broker_link.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sublet::agent {
namespace {

constexpr Millis kShortestPause = 100ms;
constexpr Millis kLongestPause = 5s;
/// How long a HELLO may stay unanswered. The socket itself connects again and again meanwhile.
constexpr Millis kPatience = 2s;
constexpr int kMissedHeartbeats = 3;

}  // namespace

BrokerLink::BrokerLink(io::Context& context, LinkOptions options, BrokerList& brokers, Random& random, io::Log log)
    : context_(&context), options_(std::move(options)), choice_(brokers), random_(&random), log_(std::move(log)) {}

std::uint64_t BrokerLink::greet(std::vector<wire::HeldLease> leases, Instant now) {
  ++generation_;
  bulk_.reset();
  control_.reset();
  auto socket = io::Socket::dealer(*context_, choice_.current(), {.insecure_network = options_.insecure_network});
  state_ = State::greeting_control;
  if (!socket) {
    lose(to_text(socket.error()), now);
    return 0;
  }
  control_ = std::move(*socket);
  next_at_ = now + kPatience;
  heard_at_ = now;
  token_ = {};
  say_hello(*control_, wire::Plane::control, std::move(leases));
  return last_request_;
}

void BrokerLink::say_hello(io::Socket& socket, wire::Plane plane, std::vector<wire::HeldLease> leases) {
  send(socket,
       wire::Hello{.role = wire::Role::worker,
                   .plane = plane,
                   .minor = wire::kMinor,
                   .shard = options_.shard,
                   .instance = options_.instance,
                   .name = options_.name,
                   .token = token_,
                   .host = options_.host,
                   .leases = std::move(leases)},
       nullptr);
}

void BrokerLink::welcomed(const wire::Welcome& welcome, Instant now) {
  if (state_ == State::greeting_bulk) {
    state_ = State::up;
    next_at_ = now + heartbeat_;
    log_->info("connected to the broker at {} for shard {}", choice_.current(), options_.shard);
    failed_attempts_ = 0;
    choice_.welcomed();
    return;
  }
  if (state_ != State::greeting_control) {
    return;
  }
  auto socket = io::Socket::dealer(*context_, welcome.bulk, {.insecure_network = options_.insecure_network});
  if (!socket) {
    lose(fmt::format("its bulk endpoint cannot be used: {}", to_text(socket.error())), now);
    return;
  }
  ++generation_;
  bulk_ = std::move(*socket);
  token_ = welcome.token;
  heartbeat_ = std::clamp(Millis(welcome.heartbeat_ms), Millis(20ms), Millis(60s));
  state_ = State::greeting_bulk;
  next_at_ = now + kPatience;
  say_hello(*bulk_, wire::Plane::bulk, {});
}

void BrokerLink::lose(std::string_view why, Instant now) {
  if (state_ == State::away) {
    return;
  }
  const Millis pause = state_ == State::up ? Millis(0) : backoff();
  give_up(why, pause, now);
  choice_.gone(now);
}

void BrokerLink::start_anew(std::string_view why, Instant now) {
  if (state_ != State::away) {
    give_up(why, state_ == State::up ? Millis(0) : backoff(), now);
  }
}

void BrokerLink::redirected(const wire::ErrorReply& not_owner, Instant now) {
  if (state_ == State::away) {
    return;
  }
  // The broker knows how long a takeover lasts; the longer pauses are for those who do not answer.
  const Millis asked = std::min(kLongestPause, Millis(not_owner.retry_after_ms));
  const Millis pause = asked > Millis(0) ? spread(asked) : backoff();
  give_up(not_owner.detail, pause, now);
  if (choice_.refused(not_owner.owner, now)) {
    next_at_ = now;
  }
}

void BrokerLink::give_up(std::string_view why, Millis pause, Instant now) {
  if (state_ == State::up || failed_attempts_ == 0) {
    log_->warn("no connection to the broker at {} for shard {}: {}; trying again until one answers", choice_.current(), options_.shard,
               why);
  }
  ++failed_attempts_;
  ++generation_;
  state_ = State::away;
  bulk_.reset();
  control_.reset();
  next_at_ = now + pause;
}

Millis BrokerLink::backoff() {
  const Millis doubled = std::min(kLongestPause, kShortestPause * (1U << std::min<std::uint32_t>(failed_attempts_, 10)));
  return spread(doubled);
}

/// Many workers lose one broker at the same moment; the jitter keeps them from coming back at the same moment.
Millis BrokerLink::spread(Millis pause) { return std::chrono::duration_cast<Millis>(pause * (0.5 + random_->spread() / 2)); }

std::optional<Incoming> BrokerLink::receive_control(Instant now) { return control_ ? receive(*control_, now) : std::nullopt; }

std::optional<Incoming> BrokerLink::receive_bulk(Instant now) { return bulk_ ? receive(*bulk_, now) : std::nullopt; }

std::optional<Incoming> BrokerLink::receive(io::Socket& socket, Instant now) {
  while (auto received = socket.receive()) {
    heard_at_ = now;
    const auto payload_bytes = received->payload ? std::optional(received->payload->size()) : std::nullopt;
    auto decoded = wire::decode(received->head.view(), payload_bytes);
    if (!decoded) {
      log_->warn("a message of the broker is refused: {}", to_text(decoded.error().error));
      continue;
    }
    if (std::holds_alternative<wire::Ping>(decoded->message)) {
      answer_ping(socket, decoded->header.request);
      continue;
    }
    if (std::holds_alternative<wire::Pong>(decoded->message)) {
      continue;
    }
    return Incoming{.header = decoded->header,
                    .message = std::move(decoded->message),
                    .payload = received->payload ? std::move(*received->payload) : Blob()};
  }
  return std::nullopt;
}

void BrokerLink::answer_ping(io::Socket& socket, std::uint64_t request) {
  frame_.clear();
  wire::encode(request, wire::Pong{}, frame_);
  socket.send(frame_, {}, false);
}

std::uint64_t BrokerLink::send_control(const wire::Message& message) { return control_ ? send(*control_, message, nullptr) : 0; }

std::uint64_t BrokerLink::send_bulk(const wire::Message& message, const Blob* payload) {
  return bulk_ && up() ? send(*bulk_, message, payload) : 0;
}

std::uint64_t BrokerLink::send(io::Socket& socket, const wire::Message& message, const Blob* payload) {
  frame_.clear();
  wire::encode(++last_request_, message, frame_);
  const std::span<const Blob> pieces = payload != nullptr ? std::span(payload, 1) : std::span<const Blob>();
  const auto outcome = socket.send(frame_, pieces, payload != nullptr);
  return outcome == io::SendOutcome::sent ? last_request_ : 0;
}

void BrokerLink::tick(Instant now) {
  const bool lost_control = control_ && control_->take_disconnected();
  const bool lost_bulk = bulk_ && bulk_->take_disconnected();
  if (state_ == State::up && (lost_control || lost_bulk)) {
    lose("the connection has ended", now);
    return;
  }
  if (state_ == State::away || now < next_at_) {
    return;
  }
  if (state_ != State::up) {
    lose("it does not answer", now);
    return;
  }
  if (now - heard_at_ >= heartbeat_ * kMissedHeartbeats) {
    lose("it has been silent for three heartbeats", now);
    return;
  }
  send_control(wire::Ping{});
  // A bulk connection that broke alone is a stranger to the broker now, which says so when it hears from it.
  send_bulk(wire::Ping{}, nullptr);
  next_at_ = now + heartbeat_;
}

}  // namespace sublet::agent
