#pragma once

#include <optional>
#include <utility>

#include "broker/attempt.hpp"
#include "broker/http/inquiries.hpp"
#include "broker/planes.hpp"
#include "common/error.hpp"
#include "common/io/socket.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// Answers for a broker whose stores are not open yet: operators hear why, and peers are told to come again. Until there is a reason, what
/// peers send waits for the server, which takes the same planes.
class Lobby {
 public:
  /// Everything referred to lasts longer.
  Lobby(Planes& planes, Inquiries& inquiries, int stop_fd) : planes_(planes), inquiries_(inquiries), stop_fd_(stop_fd) {}

  /// Why the stores cannot be opened, from now on.
  void tell(Error trouble) { trouble_ = std::move(trouble); }

  /// Answers until the attempt is through: true. False when the process was asked to stop before.
  bool wait_for(const Attempt& attempt) { return answer_until(attempt.fd(), std::nullopt); }
  /// Answers for so long: true, or false as above.
  bool wait(Millis delay) { return answer_until(std::nullopt, delay); }

 private:
  bool answer_until(std::optional<int> done, std::optional<Millis> delay);
  void answer_operators();
  void answer_peers(wire::Plane plane);

  Planes& planes_;
  Inquiries& inquiries_;
  int stop_fd_;
  std::optional<Error> trouble_;
};

}  // namespace sublet::broker
