#include "broker/intake.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace sublet::broker {

namespace {

/// After `not_owner`: a shard that was given back is served again about so soon.
constexpr std::uint32_t kAskAgainMs = 200;
/// When a SUBMIT is repeated that a shard was too far behind for.
constexpr std::uint32_t kRepeatMs = 200;

/// Whether `message` may come over `plane`.
bool belongs_on(wire::Plane plane, const wire::Message& message) {
  return std::holds_alternative<wire::ErrorReply>(message) || plane_of(wire::type_of(message)) == plane;
}

std::string_view text_of(wire::Plane plane) { return plane == wire::Plane::control ? "control" : "bulk"; }

}  // namespace

Shard* Intake::find(ShardNumber number) const {
  Shard* shard = shards_.find(number);
  return shard == nullptr || shard->is_leaving() ? nullptr : shard;
}

bool Intake::drain(wire::Plane plane, std::size_t limit, Instant now) {
  for (std::size_t taken = 0; taken < limit; ++taken) {
    auto received = planes_.socket(plane).receive();
    if (!received) {
      return true;
    }
    take(plane, std::move(*received), now);
  }
  return false;
}

void Intake::take(wire::Plane plane, io::Received received, Instant now) {
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
  const Envelope envelope{plane, std::move(received.from), decoded->header.request};
  if (auto* said = std::get_if<wire::Hello>(&decoded->message)) {
    return hello(envelope, std::move(*said), now);
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
  hand_on(envelope, *peer, std::move(decoded->message), received.payload ? std::move(*received.payload) : Blob());
}

void Intake::hand_on(const Envelope& envelope, Peer& peer, wire::Message message, Blob payload) {
  Shard* shard = find(peer.shard);
  // One that is being given back tells its peers so in a moment, and they repeat what was not answered.
  if (shard == nullptr) {
    return;
  }
  if (shard->is_behind() && std::holds_alternative<wire::Submit>(message)) {
    return answer(envelope, wire::ErrorReply{.code = ErrorCode::resource_exhausted,
                                             .detail = fmt::format("the store of shard {} is behind; repeat this later", peer.shard),
                                             .retry_after_ms = kRepeatMs});
  }
  const bool leaves = std::holds_alternative<wire::Bye>(message);
  shard->inputs().emplace_back(
      Received{.peer = peer.id, .request = envelope.request, .message = std::move(message), .payload = std::move(payload)});
  if (leaves) {
    forget(&peer);
  }
}

void Intake::hello(const Envelope& envelope, wire::Hello hello, Instant now) {
  if (hello.plane != envelope.plane) {
    return refuse(envelope,
                  {.code = ErrorCode::protocol_error,
                   .detail = fmt::format("a HELLO for the {} plane came on the {} plane", text_of(hello.plane), text_of(envelope.plane))});
  }
  if (hello.shard >= shards_.of_cluster()) {
    return refuse(envelope, {.code = ErrorCode::bad_argument,
                             .detail = fmt::format("HELLO for shard {} of a cluster that has {}, the first of them 0", hello.shard,
                                                   shards_.of_cluster())});
  }
  Shard* shard = find(hello.shard);
  if (shard == nullptr) {
    return answer(envelope, elsewhere(hello.shard));
  }
  return envelope.plane == wire::Plane::control ? hello_on_control(envelope, *shard, std::move(hello), now)
                                                : hello_on_bulk(envelope, hello, now);
}

void Intake::hello_on_control(const Envelope& envelope, Shard& shard, wire::Hello hello, Instant now) {
  // Whoever says HELLO begins anew: what this process, or this connection, was before is gone.
  forget(peers_.find_instance(hello.instance, hello.shard));
  forget(peers_.find(wire::Plane::control, envelope.from));
  const Peer& peer = peers_.add(envelope.from, hello, random_.token(), now);
  shard.inputs().emplace_back(Received{.peer = peer.id, .request = envelope.request, .message = std::move(hello), .payload = {}});
}

void Intake::hello_on_bulk(const Envelope& envelope, const wire::Hello& hello, Instant now) {
  const auto tied = peers_.tie(envelope.from, hello);
  if (!tied) {
    ++counters_.strangers;
    return answer(envelope, wire::ErrorReply{.code = tied.error().code, .detail = tied.error().detail});
  }
  (*tied)->heard = now;
  answer(envelope, (*tied)->welcome);
  outbox_.bulk_is_there(**tied);
}

wire::ErrorReply Intake::elsewhere(ShardNumber shard) const {
  std::string owner = claims_.owner_of(shard);
  std::string detail = owner.empty() ? fmt::format("shard {} is not served here, and by nobody yet that is known; try again", shard)
                                     : fmt::format("shard {} is served by {}; connect there", shard, owner);
  return {.code = ErrorCode::not_owner, .detail = std::move(detail), .retry_after_ms = kAskAgainMs, .owner = std::move(owner)};
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

void Intake::forget(Peer* peer) {
  if (peer == nullptr) {
    return;
  }
  if (Shard* shard = shards_.find(peer->shard); shard != nullptr) {
    shard->inputs().emplace_back(PeerGone{peer->id});
  }
  peers_.remove(peer->id);
}

}  // namespace sublet::broker
