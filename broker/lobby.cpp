#include "broker/lobby.hpp"

#include <algorithm>
#include <cstddef>
#include <variant>

#include "common/io/clock.hpp"

namespace sublet::broker {

namespace {

/// How often connections are looked at that only send.
constexpr Millis kLobbyFloodInterval = 200ms;

/// Messages taken from a socket before the others have their turn.
constexpr std::size_t kAnswersPerRound = 1'024;

/// The reason itself names addresses, which are the operators' business.
wire::ErrorReply come_again() {
  return {.code = ErrorCode::store_unavailable,
          .detail = "this broker waits for its store and accepts nothing until it is there; its log and /readyz say what is missing",
          .retry_after_ms = 200};
}

}  // namespace

bool Lobby::answer_until(std::optional<int> done, std::optional<Millis> delay) {
  io::Poller poller;
  const auto stop = poller.add(stop_fd_);
  const auto inquiry = poller.add(inquiries_.fd());
  const auto over = done ? std::optional(poller.add(*done)) : std::nullopt;
  if (trouble_) {
    poller.add(planes_.socket(wire::Plane::control));
    poller.add(planes_.socket(wire::Plane::bulk));
  }
  const auto deadline = delay ? io::now() + *delay : Instant::max();
  for (auto now = io::now(); now < deadline; now = io::now()) {
    poller.wait(std::min(kLobbyFloodInterval, std::chrono::ceil<Millis>(deadline - now)));
    if (poller.readable(stop)) {
      return false;
    }
    if (over && poller.readable(*over)) {
      return true;
    }
    if (poller.readable(inquiry)) {
      answer_operators();
    }
    if (trouble_) {
      answer_peers(wire::Plane::control);
      answer_peers(wire::Plane::bulk);
    }
  }
  return true;
}

void Lobby::answer_operators() {
  inquiries_.answer([&] {
    Readings readings;
    readings.store_trouble = trouble_ ? trouble_->detail : "";
    return readings;
  });
}

void Lobby::answer_peers(wire::Plane plane) {
  io::Socket& socket = planes_.socket(plane);
  for (std::size_t taken = 0; taken < kAnswersPerRound; ++taken) {
    const auto received = socket.receive();
    if (!received) {
      return socket.cut_floods();
    }
    const auto decoded = wire::decode(received->head.view(), received->payload ? std::optional(received->payload->size()) : std::nullopt);
    // Noise gets no answer, and an error is never answered with an error.
    if (decoded && !std::holds_alternative<wire::ErrorReply>(decoded->message)) {
      planes_.send(plane, received->from, decoded->header.request, come_again());
    }
  }
}

}  // namespace sublet::broker
