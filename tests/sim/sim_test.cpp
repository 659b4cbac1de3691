#include <gtest/gtest.h>

#include "tests/sim/world.hpp"

namespace sublet::sim {
namespace {

TEST(Simulation, GivesEachSeedOneHistory) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto first = World(seed, Trace::Mode::off).run();
    const auto again = World(seed, Trace::Mode::keep_last).run();
    EXPECT_EQ(first.digest, again.digest) << "seed " << seed;
    EXPECT_EQ(first.events, again.events) << "seed " << seed;
  }
}

/// Each of these failed once, and what it showed was mended.
TEST(Simulation, KeepsItsPromisesUnderTheSeedsThatOnceFailed) {
  for (const std::uint64_t seed :
       {27, 663, 1'470, 13'283, 13'530, 19'270, 35'768, 52'957, 84'736, 34'119, 74'469, 83'676, 95'945, 1'032'376}) {
    const auto outcome = World(seed, Trace::Mode::keep_last).run();
    EXPECT_FALSE(outcome.violation) << "seed " << seed << ": " << *outcome.violation;
  }
}

TEST(Simulation, TracesWhatHappenedLast) {
  const auto outcome = World(1, Trace::Mode::keep_last).run();
  EXPECT_FALSE(outcome.violation);
  EXPECT_EQ(outcome.last_lines.size(), 40U);
}

TEST(PartyClock, ShowsALocalTimeFirstAtItsGlobalMoment) {
  for (const std::int64_t ppm : {-5'000, 0, 5'000}) {
    const PartyClock clock(17s, ppm);
    const Instant local = clock.local(Instant(12'345'678us));
    EXPECT_GE(clock.local(clock.global(local)), local);
    EXPECT_LT(clock.local(clock.global(local) - 1us), local);
  }
}

}  // namespace
}  // namespace sublet::sim
