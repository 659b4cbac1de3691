#include "gpu-worker/session/gate.hpp"

#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "gpu-worker/session/blame.hpp"

namespace sublet::session {
namespace {

TEST(Gate, LetsLeasesInBesideEachOther) {
  Gate gate;
  const Gate::Pass first = gate.enter(false);
  const Gate::Pass second = gate.enter(false);
  EXPECT_EQ(gate.inside(), 2U);
}

TEST(Gate, LetsASuspectInOnlyWhenNobodyElseIsInside) {
  Gate gate;
  std::optional<Gate::Pass> other = gate.enter(false);
  std::atomic<unsigned> seen = 0;
  std::jthread suspect([&] {
    const Gate::Pass pass = gate.enter(true);
    seen = gate.inside();
  });
  // Whoever is inside sees that it has to leave.
  while (!gate.is_wanted_alone()) {
    std::this_thread::yield();
  }
  EXPECT_EQ(seen, 0U);
  other.reset();
  suspect.join();
  EXPECT_EQ(seen, 1U);
  EXPECT_FALSE(gate.is_wanted_alone());
}

TEST(Gate, KeepsOthersOutWhileASuspectIsInside) {
  Gate gate;
  std::optional<Gate::Pass> suspect = gate.enter(true);
  std::atomic<bool> is_in = false;
  std::jthread other([&] {
    const Gate::Pass pass = gate.enter(false);
    is_in = true;
  });
  EXPECT_EQ(gate.inside(), 1U);
  EXPECT_FALSE(is_in);
  suspect.reset();
  other.join();
  EXPECT_TRUE(is_in);
}

TEST(Gate, APassThatIsMovedIsGivenBackOnce) {
  Gate gate;
  {
    Gate::Pass pass = gate.enter(false);
    const Gate::Pass moved = std::move(pass);
    EXPECT_EQ(gate.inside(), 1U);
  }
  EXPECT_EQ(gate.inside(), 0U);
}

TEST(Blame, AChunkIsGuiltyForCertainWhereFaultsDoNotSpread) { EXPECT_TRUE(is_guilty_for_certain({}, false, ErrorCode::sync_failed)); }

TEST(Blame, WhereFaultsSpreadAChunkIsGuiltyForCertainWhenItWasAlone) {
  const DeviceInfo card{.faults_spread = true};
  EXPECT_TRUE(is_guilty_for_certain(card, true, ErrorCode::sync_failed));
  EXPECT_FALSE(is_guilty_for_certain(card, false, ErrorCode::sync_failed));
}

TEST(Blame, WhereAnotherProcessMayHaveDoneItOnlyItsOwnTimeIsAChunksGuilt) {
  const DeviceInfo through_mps{.faults_spread = true, .faults_cross = true};
  EXPECT_FALSE(is_guilty_for_certain(through_mps, true, ErrorCode::sync_failed));
  EXPECT_FALSE(is_guilty_for_certain(through_mps, true, ErrorCode::session_lost));
  EXPECT_TRUE(is_guilty_for_certain(through_mps, true, ErrorCode::kernel_timeout));
  EXPECT_FALSE(is_guilty_for_certain(through_mps, false, ErrorCode::kernel_timeout));
}

}  // namespace
}  // namespace sublet::session
