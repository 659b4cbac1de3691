#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/broker_choice.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/random.hpp"
#include "common/shard.hpp"
#include "common/time.hpp"
#include "common/wire/messages.hpp"
#include "producer/core/requests.hpp"

namespace sublet::producer {

/// What the sockets' owner has to do, in this order.
struct Effects {
  bool close = false;                       ///< drop both sockets, with what they still hold
  std::optional<std::string> connect;       ///< open a new control socket to this endpoint
  std::optional<std::string> connect_bulk;  ///< open a new bulk socket to this endpoint
  std::vector<Outgoing> sends;
};

struct LinkOptions {
  ShardNumber shard = 0;
  std::string name;
  std::uint64_t instance = 0;  ///< random; the same for all shards of a process
  Millis reconnect_first = 100ms;
  Millis reconnect_max = 5s;
};

/// The life of the connection to one shard, at whichever broker serves it: HELLO on both planes, heartbeats, and a new attempt with backoff
/// whenever it is lost, in turn with every broker that is known.
class Link {
 public:
  /// @param brokers  lasts longer, as `random`
  Link(LinkOptions options, BrokerList& brokers, Random& random);

  void start(Instant now, Effects& effects);
  /// Anything has arrived.
  void heard(Instant now) { last_heard_ = now; }
  /// @return whether this completed the handshake
  bool welcome(wire::Plane plane, const wire::Welcome& welcome, Instant now, Effects& effects);
  /// The connection is of no use any more; the next attempt follows after the backoff, with another broker if one is known.
  void lose(Error error, Instant now, Effects& effects);
  /// The broker does not know the connection; the next attempt is with the same one.
  void start_anew(Error error, Instant now, Effects& effects);
  /// The broker does not serve the shard; the next attempt is with the one that does.
  void redirect(const wire::ErrorReply& not_owner, Instant now, Effects& effects);
  void tick(Instant now, Effects& effects);

  [[nodiscard]] bool up() const { return state_ == State::up; }
  [[nodiscard]] bool greeting() const { return state_ == State::hello_control || state_ == State::hello_bulk; }
  [[nodiscard]] Instant next_deadline() const { return deadline_; }
  /// Of the control plane, as it is or will be next.
  [[nodiscard]] const std::string& broker() const { return choice_.current(); }
  /// Every known broker was tried since the shard was last served.
  [[nodiscard]] bool nobody_answers() const { return !choice_.untried(); }
  /// Why the last attempt failed or the last connection was lost.
  [[nodiscard]] const std::optional<Error>& last_error() const { return last_error_; }

 private:
  enum class State : std::uint8_t { lost, hello_control, hello_bulk, up };
  [[nodiscard]] wire::Hello hello(wire::Plane plane, Token token) const;
  void give_up(Error error, Nanos pause, Instant now, Effects& effects);
  Nanos backoff();
  Nanos spread(Millis pause);
  [[nodiscard]] Error silent() const;

  LinkOptions options_;
  BrokerChoice choice_;
  Random* random_;
  State state_ = State::lost;
  Instant deadline_{};  ///< of the next attempt, of this attempt, or of the next heartbeat
  Instant last_heard_{};
  Millis heartbeat_ = 1s;
  std::uint32_t failures_ = 0;
  std::optional<Error> last_error_;
};

}  // namespace sublet::producer
