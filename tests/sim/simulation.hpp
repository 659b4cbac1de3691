#pragma once

#include <stdexcept>
#include <string>

#include "tests/sim/plan.hpp"
#include "tests/sim/timeline.hpp"
#include "tests/sim/trace.hpp"
#include "tests/support/dice.hpp"

namespace sublet::sim {

using test::Dice;

/// Something that was promised did not hold: the invariant in words.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What all parties of one simulation share.
struct Simulation {
  Simulation(std::uint64_t seed, Trace::Mode mode) : dice(seed), more_dice(~seed), plan(Plan::draw(dice, more_dice)), trace(mode) {}

  Dice dice;
  /// Decides about times and replays before the world begins, and nothing later.
  Dice more_dice;
  Plan plan;
  Timeline time;
  Trace trace;
  /// While false, nothing goes wrong any more.
  bool faulty = true;

  [[nodiscard]] bool mishap(double probability) { return faulty && probability > 0 && dice.chance(probability); }
  template <class... Args>
  void tell(std::string_view party, fmt::format_string<Args...> format, Args&&... args) {
    trace.line(time.now(), party, format, std::forward<Args>(args)...);
  }
  /// A clock of a host that was booted at some time before.
  PartyClock clock() { return {dice.between(Nanos(0), Nanos(2000s)), drift()}; }

 private:
  std::int64_t drift() {
    const auto most = plan.drift_ppm;
    return most == 0 ? 0 : static_cast<std::int64_t>(dice.between(0, 2 * static_cast<std::uint64_t>(most))) - most;
  }
};

}  // namespace sublet::sim
