#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/broker_choice.hpp"
#include "common/io/log.hpp"
#include "common/io/socket.hpp"
#include "common/random.hpp"
#include "common/shard.hpp"
#include "common/time.hpp"
#include "common/wire/codec.hpp"
#include "common/wire/messages.hpp"

namespace sublet::agent {

struct LinkOptions {
  ShardNumber shard = 0;
  std::string name;
  std::uint64_t instance = 0;  ///< the same on all links of a process
  Token host;                  ///< whose payloads by reference are taken; zero: none are
  bool insecure_network = false;
};

/// A message for the agent.
struct Incoming {
  wire::Header header;
  wire::Message message;
  Blob payload;
};

/// The pair of connections to whichever broker serves one shard: says HELLO on both planes, answers and sends heartbeats, and starts anew,
/// with new sockets, when that broker is silent, has forgotten us or serves the shard no longer.
class BrokerLink {
 public:
  enum class State : std::uint8_t { away, greeting_control, greeting_bulk, up };

  /// @param brokers  where to look for the shard's; lasts longer, as what else is referred to
  BrokerLink(io::Context& context, LinkOptions options, BrokerList& brokers, Random& random, io::Log log);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool up() const { return state_ == State::up; }
  /// Of the control plane, as it is or will be next.
  [[nodiscard]] const std::string& endpoint() const { return choice_.current(); }
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
  /// Gives the sockets up and greets another broker, where one is known: at once, or after a pause when this one had not welcomed us.
  void lose(std::string_view why, Instant now);
  /// The same, and greets the same broker again: it does not know these connections.
  void start_anew(std::string_view why, Instant now);
  /// The same, and greets the broker that serves the shard instead.
  void redirected(const wire::ErrorReply& not_owner, Instant now);

  /// The next message that is the agent's to handle, WELCOME included; heartbeats are answered on the way. Nothing when none is waiting.
  std::optional<Incoming> receive_control(Instant now);
  std::optional<Incoming> receive_bulk(Instant now);

  /// Returns the request id; 0 when it could not be sent.
  std::uint64_t send_control(const wire::Message& message);
  std::uint64_t send_bulk(const wire::Message& message, const Blob* payload = nullptr);

  /// Sends the heartbeat that is due; gives up on a broker that does not answer.
  void tick(Instant now);
  [[nodiscard]] Instant next_due() const { return next_at_; }
  /// No broker that is known serves the shard, as far as was heard since it was last served.
  [[nodiscard]] bool nobody_answers() const { return !choice_.untried(); }

 private:
  std::optional<Incoming> receive(io::Socket& socket, Instant now);
  std::uint64_t send(io::Socket& socket, const wire::Message& message, const Blob* payload);
  void answer_ping(io::Socket& socket, std::uint64_t request);
  void say_hello(io::Socket& socket, wire::Plane plane, std::vector<wire::HeldLease> leases);
  void give_up(std::string_view why, Millis pause, Instant now);
  Millis backoff();
  Millis spread(Millis pause);

  io::Context* context_;
  LinkOptions options_;
  BrokerChoice choice_;
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
