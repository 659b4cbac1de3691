#include "broker/intake.hpp"

#include <utility>

#include <fmt/format.h>

namespace sublet::broker {

namespace {

/// After `not_owner` without an owner: about as long as a takeover lasts.
constexpr std::uint32_t kAskAgainMs = 500;

/// Whether `message` may come over `plane`.
bool belongs_on(wire::Plane plane, const wire::Message& message) {
  return std::holds_alternative<wire::ErrorReply>(message) || plane_of(wire::type_of(message)) == plane;
}

std::string_view text_of(wire::Plane plane) { return plane == wire::Plane::control ? "control" : "bulk"; }

}  // namespace

bool Intake::drain(wire::Plane plane, std::size_t limit, Instant now, std::vector<Input>& inputs) {
  for (std::size_t taken = 0; taken < limit; ++taken) {
    auto received = planes_.socket(plane).receive();
    if (!received) {
      return true;
    }
    take(plane, std::move(*received), now, inputs);
  }
  return false;
}

void Intake::take(wire::Plane plane, io::Received received, Instant now, std::vector<Input>& inputs) {
  auto payload_bytes = received.payload ? std::optional(received.payload->size()) : std::nullopt;
  auto decoded = wire::decode(received.head.view(), payload_bytes);
  if (!decoded) {
    ++counters_.malformed;
    const auto& [error, request] = decoded.error();
    // Noise gets no answer. What may be SUB of another version does, though its request id cannot be read.
    if (request != 0 || error.code == ErrorCode::version_mismatch) {
      answer({plane, std::move(received.from), request}, wire::ErrorReply{.code = error.code, .detail = error.detail});
    }
    return;
  }
  ++counters_.received;
  Envelope envelope{plane, std::move(received.from), decoded->header.request};
  if (auto* hello = std::get_if<wire::Hello>(&decoded->message)) {
    if (hello->plane != plane) {
      return refuse(envelope,
                    {.code = ErrorCode::protocol_error,
                     .detail = fmt::format("a HELLO for the {} plane came on the {} plane", text_of(hello->plane), text_of(plane))});
    }
    if (hello->shard != shard_) {
      return answer(envelope, wire::ErrorReply{
                                  .code = ErrorCode::not_owner,
                                  .detail = fmt::format("this broker serves shard {} and not {}; try another broker", shard_, hello->shard),
                                  .retry_after_ms = kAskAgainMs});
    }
    return plane == wire::Plane::control ? hello_on_control(envelope, std::move(*hello), now, inputs)
                                         : hello_on_bulk(envelope, *hello, now);
  }
  Peer* peer = peers_.find(plane, envelope.from);
  if (peer == nullptr) {
    // An error is never answered with an error: two sides that do would not stop.
    if (!std::holds_alternative<wire::ErrorReply>(decoded->message)) {
      ++counters_.strangers;
      answer(envelope,
             wire::ErrorReply{.code = ErrorCode::hello_required,
                              .detail = "this connection has not said HELLO, or was silent for too long: say HELLO on both planes"});
    }
    return;
  }
  peer->heard = now;
  if (std::holds_alternative<wire::Ping>(decoded->message)) {
    return answer(envelope, wire::Pong{});
  }
  if (std::holds_alternative<wire::Pong>(decoded->message)) {
    return;
  }
  if (!belongs_on(plane, decoded->message)) {
    return refuse(envelope, {.code = ErrorCode::protocol_error,
                             .detail = fmt::format("{} came on the {} plane and belongs on the other", wire::name_of(decoded->header.type),
                                                   text_of(plane))});
  }
  const bool leaves = std::holds_alternative<wire::Bye>(decoded->message);
  inputs.emplace_back(Received{.peer = peer->id,
                               .request = envelope.request,
                               .message = std::move(decoded->message),
                               .payload = received.payload ? std::move(*received.payload) : Blob()});
  if (leaves) {
    forget(peer, inputs);
  }
}

void Intake::hello_on_control(const Envelope& envelope, wire::Hello hello, Instant now, std::vector<Input>& inputs) {
  // Whoever says HELLO begins anew: what this process, or this connection, was before is gone.
  forget(peers_.find_instance(hello.instance), inputs);
  forget(peers_.find(wire::Plane::control, envelope.from), inputs);
  const Peer& peer = peers_.add(envelope.from, hello, random_.token(), now);
  inputs.emplace_back(Received{.peer = peer.id, .request = envelope.request, .message = std::move(hello), .payload = {}});
}

void Intake::hello_on_bulk(const Envelope& envelope, const wire::Hello& hello, Instant now) {
  const auto tied = peers_.tie(envelope.from, hello.instance, hello.token);
  if (!tied) {
    ++counters_.strangers;
    return answer(envelope, wire::ErrorReply{.code = tied.error().code, .detail = tied.error().detail});
  }
  (*tied)->heard = now;
  answer(envelope, (*tied)->welcome);
  outbox_.bulk_is_there(**tied);
}

void Intake::answer(const Envelope& envelope, const wire::Message& message) {
  // A peer that does not take the answer is found out by its silence.
  if (planes_.send(envelope.plane, envelope.from, envelope.request, message) == io::SendOutcome::sent) {
    ++counters_.sent;
  }
}

void Intake::refuse(const Envelope& envelope, const Error& error) {
  ++counters_.malformed;
  answer(envelope, wire::ErrorReply{.code = error.code, .detail = error.detail});
}

void Intake::forget(Peer* peer, std::vector<Input>& inputs) {
  if (peer != nullptr) {
    inputs.emplace_back(PeerGone{peer->id});
    peers_.remove(peer->id);
  }
}

}  // namespace sublet::broker
