#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/random.hpp"
#include "tests/sim/network.hpp"

namespace sublet::sim {

/// The pair of connections of an agent to the broker, with the states and times of `agent::BrokerLink`.
class AgentLink {
 public:
  enum class State : std::uint8_t { away, greeting_control, greeting_bulk, up };

  AgentLink(Network& network, ClientEnd& client, std::uint64_t instance, Random& random)
      : network_(network), client_(client), instance_(instance), random_(random) {}
  AgentLink(const AgentLink&) = delete;
  AgentLink& operator=(const AgentLink&) = delete;
  ~AgentLink() { close(); }

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool up() const { return state_ == State::up; }
  /// The plane of one of the present connections; nothing for one that was given up.
  [[nodiscard]] std::optional<wire::Plane> plane_of(LinkId link) const;

  [[nodiscard]] bool wants_to_greet(Instant now) const { return state_ == State::away && now >= next_at_; }
  std::uint64_t greet(std::vector<wire::HeldLease> leases, Instant now);
  void welcomed(const wire::Welcome& welcome, Instant now);
  void lose(Instant now);
  void heard(Instant now) { heard_at_ = now; }

  std::uint64_t send_control(wire::Message message);
  std::uint64_t send_bulk(wire::Message message, Blob payload = {});
  void answer(wire::Plane plane, std::uint64_t request, wire::Message message);
  void tick(Instant now);
  [[nodiscard]] Instant next_due() const { return next_at_; }

 private:
  void close();
  std::uint64_t say(LinkId link, wire::Message message, Blob payload = {});
  wire::Hello hello(wire::Plane plane) const;

  Network& network_;
  ClientEnd& client_;
  std::uint64_t instance_;
  Random& random_;
  State state_ = State::away;
  std::optional<LinkId> control_;
  std::optional<LinkId> bulk_;
  Token token_;
  Millis heartbeat_ = 500ms;
  Instant next_at_;
  Instant heard_at_;
  std::uint64_t last_request_ = 0;
  std::uint32_t failed_attempts_ = 0;
};

}  // namespace sublet::sim
