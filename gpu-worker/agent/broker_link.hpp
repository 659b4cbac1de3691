#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/io/log.hpp"
#include "common/io/socket.hpp"
#include "common/random.hpp"
#include "common/time.hpp"
#include "common/wire/codec.hpp"
#include "common/wire/messages.hpp"

namespace sublet::agent {

struct LinkOptions {
  std::string control;  ///< endpoint; that of the bulk plane comes in WELCOME
  std::string name;
  bool insecure_network = false;
};

/// A message for the agent.
struct Incoming {
  wire::Header header;
  wire::Message message;
  Blob payload;
};

/// The pair of connections to one broker: says HELLO on both planes, answers and sends heartbeats, and starts anew, with new sockets, when
/// the broker is silent or has forgotten us.
class BrokerLink {
 public:
  enum class State : std::uint8_t { away, greeting_control, greeting_bulk, up };

  BrokerLink(io::Context& context, LinkOptions options, std::uint64_t instance, Random& random, io::Log log);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool up() const { return state_ == State::up; }
  /// Changes whenever the sockets are others than before.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  [[nodiscard]] const io::Socket* control() const { return control_ ? &*control_ : nullptr; }
  [[nodiscard]] const io::Socket* bulk() const { return bulk_ ? &*bulk_ : nullptr; }

  /// Whether it is time for `greet`.
  [[nodiscard]] bool wants_to_greet(Instant now) const { return state_ == State::away && now >= next_at_; }
  /// Opens new sockets and says HELLO on control. Returns its request id, for `AgentLeases`.
  std::uint64_t greet(std::vector<wire::HeldLease> leases, Instant now);
  /// The broker has welcomed us on that plane; on control, HELLO goes out on bulk.
  void welcomed(const wire::Welcome& welcome, Instant now);
  /// Gives the sockets up and greets again, at once or after a pause.
  void lose(std::string_view why, Instant now);

  /// The next message that is the agent's to handle, WELCOME included; heartbeats are answered on the way. Nothing when none is waiting.
  std::optional<Incoming> receive_control(Instant now);
  std::optional<Incoming> receive_bulk(Instant now);

  /// Returns the request id; 0 when it could not be sent.
  std::uint64_t send_control(const wire::Message& message);
  std::uint64_t send_bulk(const wire::Message& message, const Blob* payload = nullptr);

  /// Sends the heartbeat that is due; gives up on a broker that does not answer.
  void tick(Instant now);
  [[nodiscard]] Instant next_due() const { return next_at_; }
  /// Attempts in a row that were not answered.
  [[nodiscard]] std::uint32_t failed_attempts() const { return failed_attempts_; }

 private:
  std::optional<Incoming> receive(io::Socket& socket, Instant now);
  std::uint64_t send(io::Socket& socket, const wire::Message& message, const Blob* payload);
  void answer_ping(io::Socket& socket, std::uint64_t request);
  void say_hello(io::Socket& socket, wire::Plane plane, std::vector<wire::HeldLease> leases);
  Millis backoff();

  io::Context* context_;
  LinkOptions options_;
  std::uint64_t instance_;
  Random* random_;
  io::Log log_;

  State state_ = State::away;
  std::uint64_t generation_ = 0;
  std::optional<io::Socket> control_;
  std::optional<io::Socket> bulk_;
  Token token_;
  Millis heartbeat_ = 500ms;
  /// When something is to be done: greet, give up, or send a heartbeat.
  Instant next_at_;
  Instant heard_at_;
  std::uint64_t last_request_ = 0;
  std::uint32_t failed_attempts_ = 0;
  std::vector<std::byte> frame_;
};

}  // namespace sublet::agent
