#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/random.hpp"
#include "common/time.hpp"
#include "common/wire/messages.hpp"
#include "producer/core/requests.hpp"

namespace sublet::producer {

/// What the sockets' owner has to do, in this order.
struct Effects {
  bool close = false;                       ///< drop both sockets, with what they still hold
  bool connect = false;                     ///< open a new control socket
  std::optional<std::string> connect_bulk;  ///< open a new bulk socket to this endpoint
  std::vector<Outgoing> sends;
};

struct LinkOptions {
  std::string broker;
  std::string name;
  Millis reconnect_first = 100ms;
  Millis reconnect_max = 5s;
};

/// The life of one connection: HELLO on both planes, heartbeats, and a new attempt with backoff whenever it is lost.
class Link {
 public:
  Link(LinkOptions options, Random& random);

  void start(Instant now, Effects& effects);
  /// Anything has arrived.
  void heard(Instant now) { last_heard_ = now; }
  /// @return whether this completed the handshake
  bool welcome(wire::Plane plane, const wire::Welcome& welcome, Instant now, Effects& effects);
  /// The connection is of no use any more; the next attempt follows after the backoff.
  void lose(Error error, Instant now, Effects& effects);
  void tick(Instant now, Effects& effects);

  [[nodiscard]] bool up() const { return state_ == State::up; }
  [[nodiscard]] bool greeting() const { return state_ == State::hello_control || state_ == State::hello_bulk; }
  [[nodiscard]] Instant next_deadline() const { return deadline_; }
  /// Why the last attempt failed or the last connection was lost.
  [[nodiscard]] const std::optional<Error>& last_error() const { return last_error_; }

 private:
  enum class State : std::uint8_t { lost, hello_control, hello_bulk, up };
  [[nodiscard]] wire::Hello hello(wire::Plane plane, Token token) const;
  [[nodiscard]] Error silent() const;

  LinkOptions options_;
  Random* random_;
  std::uint64_t instance_;
  State state_ = State::lost;
  Instant deadline_{};  ///< of the next attempt, of this attempt, or of the next heartbeat
  Instant last_heard_{};
  Millis heartbeat_ = 1s;
  std::uint32_t failures_ = 0;
  std::optional<Error> last_error_;
};

}  // namespace sublet::producer
