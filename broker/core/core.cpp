#include "broker/core/core.hpp"

#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "broker/core/broker.hpp"

namespace sublet::broker {

Broker::Broker(const BrokerOptions& options, StoreInfo store, Random& random)
    : core_(std::make_unique<Core>(options, std::move(store), random)) {}
Broker::~Broker() = default;
Broker::Broker(Broker&&) noexcept = default;
Broker& Broker::operator=(Broker&&) noexcept = default;

Result<void> Broker::restore(std::map<RecordKey, RecordValue> records, Instant now) { return core_->restore(std::move(records), now); }
Step Broker::step(Instant now, std::span<Input> inputs) { return core_->step(now, inputs); }
std::vector<RecordKey> Broker::stored(Instant now) { return core_->stored(now); }
void Broker::set_store_full(bool full) { core_->set_store_full(full); }
void Broker::set_durability(Durability durability) { core_->set_durability(durability); }
std::optional<Instant> Broker::next_deadline() const { return core_->next_deadline(); }
Statistics Broker::statistics(Instant now) const { return core_->statistics(now); }

Step Core::step(Instant now, std::span<Input> inputs) {
  now_ = now;
  for (auto& input : inputs) {
    if (auto* received = std::get_if<Received>(&input)) {
      take(*received);
    } else if (auto* fetched = std::get_if<Fetched>(&input)) {
      take(*fetched);
    } else {
      gone(std::get<PeerGone>(input).peer);
    }
  }
  // After the inputs: a RENEW that waited while this broker was busy still comes in time.
  run_timers();
  flush();
  return std::exchange(step_, {});
}

void Core::run_timers() {
  while (const auto timer = timers_.take(now_)) fire(*timer);
}

void Core::fire(const Timer& timer) {
  switch (timer.kind) {
    case TimerKind::lease:
      if (auto* lease = find_lease({.value = timer.id})) check_lease(*lease);
      return;
    case TimerKind::pool:
      if (const auto found = pools_by_number_.find(timer.id); found != pools_by_number_.end()) check_pool(*found->second);
      return;
    case TimerKind::retry:
      wake_waiting(timer);
      return;
    default:
      break;
  }
  const auto found = jobs_.find({.value = timer.id});
  if (found == jobs_.end()) return;
  fire(timer.kind, *found->second);
}

void Core::fire(TimerKind kind, Job& job) {
  switch (kind) {
    case TimerKind::job:
      return check_job(job);
    case TimerKind::watch:
      job.watchers.armed = false;
      // What moved in this step all watchers are told of when it ends, those too that came in it.
      if (!job.moved) tell_watchers(job);
      return;
    case TimerKind::retained:
      return check_kept(job);
    case TimerKind::start:
      return check_hold(job);
    case TimerKind::deadline:
      return check_deadline(job);
    case TimerKind::timing:
      job.checkpointed = false;
      return write_timing(job);
    case TimerKind::lease:
    case TimerKind::pool:
    case TimerKind::retry:
      return;
  }
}

void Core::take(Received& received) {
  if (auto* message = std::get_if<wire::Hello>(&received.message)) {
    hello(received, *message);
    return;
  }
  const auto peer = peers_.find(received.peer);
  const Handled handled = peer == peers_.end() ? fail(ErrorCode::hello_required,
                                                      "this connection has not said HELLO on control; say it, then repeat the request")
                                               : dispatch_message(received, peer->second);
  if (handled) return;
  const auto& error = handled.error();
  reply(received, wire::ErrorReply{.code = error.code, .detail = error.detail, .retry_after_ms = error.retry_after_ms});
}

template <class Message>
Core::Handled Core::handle_worker(Received& received, KnownPeer& peer, Message& message) {
  if (peer.role != wire::Role::worker) {
    return fail(ErrorCode::protocol_error,
                fmt::format("message type {} is for workers; this connection said HELLO as a producer", Message::kType));
  }
  return on(received, *peer.worker, message);
}

template <class Message>
Core::Handled Core::handle_producer(Received& received, Message& message) {
  return on(received, message);
}

Core::Handled Core::dispatch_message(Received& received, KnownPeer& peer) {
  return std::visit(
      [&]<class Message>(Message& message) -> Handled {
        constexpr bool kFromWorker = std::is_same_v<Message, wire::Offer> || std::is_same_v<Message, wire::Window> ||
                                     std::is_same_v<Message, wire::Renew> || std::is_same_v<Message, wire::Release> ||
                                     std::is_same_v<Message, wire::Settle>;
        constexpr bool kFromProducer =
            std::is_same_v<Message, wire::Open> || std::is_same_v<Message, wire::Close> || std::is_same_v<Message, wire::Submit> ||
            std::is_same_v<Message, wire::Read> || std::is_same_v<Message, wire::Taken> || std::is_same_v<Message, wire::Cancel> ||
            std::is_same_v<Message, wire::Pause> || std::is_same_v<Message, wire::Watch> || std::is_same_v<Message, wire::DeadQuery> ||
            std::is_same_v<Message, wire::Peek> || std::is_same_v<Message, wire::Remove> || std::is_same_v<Message, wire::Teardown> ||
            std::is_same_v<Message, wire::Replay>;
        constexpr bool kFromBoth = std::is_same_v<Message, wire::Get> || std::is_same_v<Message, wire::List>;
        if constexpr (kFromWorker) {
          return handle_worker(received, peer, message);
        } else if constexpr (kFromProducer) {
          if (peer.role != wire::Role::producer) {
            return fail(ErrorCode::protocol_error,
                        fmt::format("message type {} is for producers; this connection said HELLO as a worker", Message::kType));
          }
          return handle_producer(received, message);
        } else if constexpr (kFromBoth) {
          return handle_producer(received, message);
        } else if constexpr (std::is_same_v<Message, wire::Bye>) {
          goodbye(received.peer);
          return {};
        } else {
          return fail(ErrorCode::protocol_error, fmt::format("message type {} is none that a broker takes here", Message::kType));
        }
      },
      received.message);
}

void Core::send(PeerId peer, std::uint64_t request, wire::Message message, std::vector<Blob> payload) {
  step_.sends.push_back({.peer = peer, .request = request, .message = std::move(message), .payload = std::move(payload)});
}

void Core::reply(Request request, wire::Message message, std::vector<Blob> payload) {
  send(request.peer, request.request, std::move(message), std::move(payload));
}

void Core::write(RecordKey key, RecordValue value) { step_.writes.push_back({.key = key, .value = std::move(value)}); }

std::uint64_t Core::now_ms() const {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<Millis>(now_.time_since_epoch()).count());
}

}  // namespace sublet::broker
