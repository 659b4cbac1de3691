// Which leases share a process, and what one of them does to the others there.

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "paths.hpp"
#include "tests/gpu-worker/agent/agent_fixture.hpp"

namespace sublet::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// Returns when every thread of the process stands still.
void freeze(pid_t pid) {
  ::kill(pid, SIGSTOP);
  std::string stat;
  do {
    stat = read_text("/proc/" + std::to_string(pid) + "/stat");
  } while (stat.find(") T") == std::string::npos);
}

/// Without spares, every session process has a lease.
class Isolating : public AgentTest {
 protected:
  Isolating() { start({.spares = 0}); }

  wire::Window up(LeaseId lease) {
    while (true) {
      const auto window = broker_.expect_of<wire::Window>(lease);
      if (window.chunks > 0) {
        return window;
      }
    }
  }

  /// Two leases of one tenant that are up.
  void share(const Bundle& first, const Bundle& second) {
    lease(first);
    up(kLease);
    other_lease(second);
    up(kOther);
  }

  void expect_works(LeaseId lease, std::uint64_t grant) {
    run({"it works"}, grant, lease);
    Blob outputs;
    EXPECT_THAT(broker_.expect_of<wire::Settle>(lease, &outputs).codes.values, IsEmpty());
    EXPECT_EQ(as_text(outputs.view()), "it works");
  }
};

TEST_F(Isolating, TwoLeasesOfOneTenantShareAProcess) {
  lease(shipped("echo/echo.yaml"));
  EXPECT_EQ(up(kLease).isolation, Isolation::tenant);
  other_lease(shipped("echo/echo.yaml"));
  EXPECT_EQ(up(kOther).isolation, Isolation::tenant);
  EXPECT_THAT(session_pids(), SizeIs(1));
  expect_works(kLease, 1);
  expect_works(kOther, 2);
}

TEST_F(Isolating, TwoTenantsNeverShareAProcess) {
  lease(shipped("echo/echo.yaml"));
  up(kLease);
  other_lease(shipped("echo/echo.yaml"), "somebody");
  EXPECT_EQ(up(kOther).isolation, Isolation::tenant);
  EXPECT_THAT(session_pids(), SizeIs(2));
}

TEST_F(Isolating, ALeaseOfClassProcessHasAProcessOfItsOwn) {
  lease(shipped("echo/echo.yaml"));
  up(kLease);
  other_lease(shipped("echo/echo.yaml"), "tenant", Isolation::process);
  EXPECT_EQ(up(kOther).isolation, Isolation::process);
  EXPECT_THAT(session_pids(), SizeIs(2));
}

TEST_F(Isolating, NobodyJoinsALeaseOfClassProcess) {
  other_lease(shipped("echo/echo.yaml"), "tenant", Isolation::process);
  up(kOther);
  lease(shipped("echo/echo.yaml"));
  up(kLease);
  EXPECT_THAT(session_pids(), SizeIs(2));
}

TEST_F(Isolating, ReleasingALeaseLeavesTheOthersWorkAlone) {
  share(endless(600'000), shipped("echo/echo.yaml"));
  const auto pids = session_pids();
  run({"\x01"}, 1);
  expect_works(kOther, 2);
  broker_.send_control(wire::Release{.lease = kOther, .code = ErrorCode::ok, .detail = {}});
  EXPECT_EQ(broker_.expect_of<wire::Release>(kOther).code, ErrorCode::ok);
  broker_.expect_card([](const wire::Card& card) { return card.free_sessions == 1; });
  EXPECT_EQ(session_pids(), pids);
  other_lease(shipped("echo/echo.yaml"));
  up(kOther);
  EXPECT_EQ(session_pids(), pids);
}

TEST_F(Isolating, ReleasingALeaseUnderAnEndlessKernelMovesTheOthersFree) {
  share(endless(600'000), endless(600'000));
  const auto pids = session_pids();
  run({"\x01"}, 1);
  // The planes overtake each other: this one's settle says that the agent has both runs.
  expect_works(kOther, 4);
  run({"\x01", "left"}, 2, kOther);
  broker_.send_control(wire::Release{.lease = kLease, .code = ErrorCode::ok, .detail = {}});
  EXPECT_THAT(broker_.expect_of<wire::Settle>(kOther).codes.values, Each(number(ErrorCode::returned)));
  up(kOther);
  EXPECT_EQ(broker_.expect_of<wire::Release>(kLease).code, ErrorCode::ok);
  EXPECT_THAT(session_pids(), SizeIs(1));
  EXPECT_NE(session_pids(), pids);
  expect_works(kOther, 3);
}

TEST_F(Isolating, AKernelPastItsTimeLimitIsChargedAndItsNeighboursMoveFree) {
  share(endless(300), endless(600'000));
  const auto pids = session_pids();
  run({"\x01", "left"}, 2, kOther);
  run({"\x01"}, 1);
  EXPECT_THAT(broker_.expect_of<wire::Settle>(kLease).codes.values, ElementsAre(number(ErrorCode::kernel_timeout)));
  EXPECT_EQ(broker_.expect_of<wire::Release>(kLease).code, ErrorCode::session_lost);
  const auto settle = broker_.expect_of<wire::Settle>(kOther);
  EXPECT_THAT(settle.codes.values, ElementsAre(number(ErrorCode::returned), number(ErrorCode::returned)));
  EXPECT_THAT(settle.details, IsEmpty());
  up(kOther);
  EXPECT_THAT(session_pids(), SizeIs(1));
  EXPECT_NE(session_pids(), pids);
  expect_works(kOther, 3);
}

TEST_F(Isolating, AProcessThatHangsIsKilledAndTheNeighboursOfTheStuckChunkMoveFree) {
  share(endless(300), endless(600'000));
  const auto pids = session_pids();
  for (const pid_t pid : pids) {
    freeze(pid);
  }
  run({"left"}, 2, kOther);
  run({"stuck"}, 1);
  EXPECT_THAT(broker_.expect_of<wire::Settle>(kOther).codes.values, ElementsAre(number(ErrorCode::returned)));
  EXPECT_EQ(broker_.expect_of<wire::Release>(kLease).code, ErrorCode::session_lost);
  up(kOther);
  EXPECT_NE(session_pids(), pids);
  expect_works(kOther, 3);
}

TEST_F(Isolating, E5_AFaultIsChargedToItsOwnChunkAndTheNeighboursMoveFree) {
  share(wild(), endless(600'000));
  run({"\x01", "left"}, 2, kOther);
  run({"\x01"}, 1);
  EXPECT_THAT(broker_.expect_of<wire::Settle>(kLease).codes.values, ElementsAre(number(ErrorCode::sync_failed)));
  EXPECT_THAT(broker_.expect_of<wire::Settle>(kOther).codes.values, Each(number(ErrorCode::returned)));
  up(kOther);
  expect_works(kOther, 3);
}

TEST_F(Isolating, AKilledProcessIsNotedOnWhatEachOfItsLeasesRan) {
  share(endless(600'000), endless(600'000));
  run({"\x01"}, 1);
  run({"\x01"}, 2, kOther);
  for (const pid_t pid : session_pids()) {
    ::kill(pid, SIGKILL);
  }
  EXPECT_EQ(broker_.expect_of<wire::Release>(kLease).code, ErrorCode::session_lost);
  EXPECT_EQ(broker_.expect_of<wire::Release>(kOther).code, ErrorCode::session_lost);
  const auto card = broker_.expect_card([](const wire::Card& offered) { return offered.free_sessions == 2; });
  EXPECT_EQ(card.free_bytes, card.total_bytes);
}

TEST_F(Isolating, ALeaseThatEndsByTheBrokersAccountLeavesTheOther) {
  broker_.ttl_ms = 3000;
  share(shipped("echo/echo.yaml"), shipped("echo/echo.yaml"));
  const auto pids = session_pids();
  broker_.forgets = {kOther};
  broker_.expect<wire::Renew>();
  broker_.expect_card([](const wire::Card& card) { return card.free_sessions == 1; });
  expect_works(kLease, 1);
  EXPECT_EQ(session_pids(), pids);
}

TEST_F(Isolating, ALeaseThatCannotStartLeavesTheOther) {
  lease(shipped("echo/echo.yaml"));
  up(kLease);
  const auto pids = session_pids();
  other_lease(with_module(wild().pipeline, "no PTX at all"));
  EXPECT_EQ(broker_.expect_of<wire::Release>(kOther).code, ErrorCode::load_failed);
  expect_works(kLease, 1);
  EXPECT_EQ(session_pids(), pids);
}

TEST_F(Isolating, GoingDownHandsBackTheWorkOfEveryLease) {
  share(endless(600'000), endless(600'000));
  run({"\x01"}, 1);
  run({"\x01"}, 2, kOther);
  // What comes back for a lease that is not there says that the agent has the two before.
  constexpr LeaseId kNobody{999};
  run({"\x01"}, 3, kNobody);
  broker_.expect_of<wire::Settle>(kNobody);
  agent_->stop();
  EXPECT_THAT(broker_.expect_of<wire::Settle>(kLease).codes.values, ElementsAre(number(ErrorCode::returned)));
  EXPECT_THAT(broker_.expect_of<wire::Settle>(kOther).codes.values, ElementsAre(number(ErrorCode::returned)));
  broker_.expect<wire::Bye>();
  agent_->join();
  EXPECT_THAT(session_pids(), IsEmpty());
}

/// With a spare that is ready.
class Keeping : public AgentTest {
 protected:
  Keeping() { start({.spares = 1}); }

  /// Leases, and gives back.
  void use_once(const std::string& tenant) {
    other_lease(shipped("echo/echo.yaml"), tenant);
    broker_.expect_of<wire::Window>(kOther);
    broker_.send_control(wire::Release{.lease = kOther, .code = ErrorCode::ok, .detail = {}});
    broker_.expect_of<wire::Release>(kOther);
  }
};

TEST_F(Keeping, AnEmptyProcessServesItsTenantAgain) {
  use_once("tenant");
  const auto pids = session_pids();
  use_once("tenant");
  EXPECT_EQ(session_pids(), pids);
}

TEST_F(Keeping, AnEmptyProcessServesNoOtherTenant) {
  use_once("tenant");
  const auto pids = session_pids();
  other_lease(shipped("echo/echo.yaml"), "somebody");
  broker_.expect_of<wire::Window>(kOther);
  // The spare was taken, and another one started beside the process that is kept.
  EXPECT_THAT(session_pids(), SizeIs(pids.size() + 1));
  EXPECT_THAT(session_pids(), testing::IsSupersetOf(pids));
}

class HostileNeighbour : public AgentTest {
 protected:
  HostileNeighbour() { start({.spares = 0, .session_program = std::string(SUBLET_BIN_DIR) + "/hostile_session"}); }
};

TEST_F(HostileNeighbour, TheContextIsChargedOncePerProcess) {
  const auto first = lease(shipped("echo/echo.yaml"));
  broker_.expect_of<wire::Window>(kLease);
  const auto second = other_lease(shipped("echo/echo.yaml"));
  broker_.expect_of<wire::Window>(kOther);
  const auto card = broker_.expect_card([](const wire::Card& offered) { return offered.free_sessions == 0; });
  EXPECT_EQ(card.total_bytes - card.free_bytes, first.bytes + second.bytes + (1_MiB).count);
}

TEST_F(HostileNeighbour, L9_WhatAProcessComesToTakeIsChargedUntilItEnds) {
  const auto granted = lease(shipped("echo/echo.yaml"));
  broker_.expect_of<wire::Window>(kLease);
  run({"o"}, 1);
  broker_.expect_of<wire::Settle>(kLease);
  const Bytes taken = Bytes{granted.bytes} + 16_MiB;
  broker_.expect_card([&](const wire::Card& card) { return card.total_bytes - card.free_bytes == taken.count; });
  broker_.send_control(wire::Release{.lease = kLease, .code = ErrorCode::ok, .detail = {}});
  broker_.expect_card([](const wire::Card& card) { return card.total_bytes == card.free_bytes; });
}

TEST_F(HostileNeighbour, E2_MoreThanTheCardHasEndsTheLeaseWithADeviceErrorAndTheOthersMoveFree) {
  lease(shipped("echo/echo.yaml"));
  broker_.expect_of<wire::Window>(kLease);
  other_lease(shipped("echo/echo.yaml"));
  broker_.expect_of<wire::Window>(kOther);
  run({"O"}, 1);
  const auto release = broker_.expect_of<wire::Release>(kLease);
  EXPECT_EQ(release.code, ErrorCode::alloc_failed_device);
  EXPECT_THAT(release.detail, testing::HasSubstr("let kernels use less local memory"));
  EXPECT_EQ(broker_.expect_of<wire::Window>(kOther).chunks, 0U);
  EXPECT_GT(broker_.expect_of<wire::Window>(kOther).chunks, 0U);
  const auto card = broker_.expect_card([](const wire::Card& offered) { return offered.free_sessions == 1; });
  EXPECT_GE(card.free_bytes, (60_MiB).count) << "what it said is not counted any more";
}

TEST_F(HostileNeighbour, AReplyForAForeignLeaseKillsTheProcessAndTheOthersMoveFree) {
  lease(shipped("echo/echo.yaml"));
  broker_.expect_of<wire::Window>(kLease);
  other_lease(shipped("echo/echo.yaml"));
  broker_.expect_of<wire::Window>(kOther);
  run({"foreign"}, 1);
  EXPECT_EQ(broker_.expect_of<wire::Release>(kLease).code, ErrorCode::session_lost);
  EXPECT_EQ(broker_.expect_of<wire::Window>(kOther).chunks, 0U);
  EXPECT_GT(broker_.expect_of<wire::Window>(kOther).chunks, 0U);
}

}  // namespace
}  // namespace sublet::test
