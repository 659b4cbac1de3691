#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "paths.hpp"
#include "tests/gpu-worker/agent/agent_fixture.hpp"

namespace sublet::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(AgentTest, RunsWhatItIsLeasedForAndSettlesIt) {
  start();
  lease(shipped("echo/echo.yaml"));
  const auto window = broker_.expect<wire::Window>();
  EXPECT_EQ(window.lease, kLease);
  EXPECT_GE(window.chunks, 2U);
  run({"one", "", "three"}, 1);
  Blob outputs;
  const auto settle = broker_.expect<wire::Settle>(&outputs);
  EXPECT_EQ(settle.token, (Token{.high = 3, .low = 4}));
  EXPECT_THAT(settle.codes.values, IsEmpty());
  EXPECT_THAT(settle.lengths.values, ElementsAre(3, 0, 5));
  EXPECT_EQ(as_text(outputs.view()), "onethree");
}

TEST_F(AgentTest, AnswersReleaseWithThePeakAndOffersTheSliceAgain) {
  start();
  const auto leased = lease(shipped("echo/echo.yaml"));
  broker_.expect<wire::Window>();
  broker_.send_control(wire::Release{.lease = kLease, .code = ErrorCode::ok, .detail = {}});
  const auto release = broker_.expect<wire::Release>();
  EXPECT_EQ(release.lease, kLease);
  EXPECT_EQ(release.code, ErrorCode::ok);
  EXPECT_GT(release.peak_bytes, 0U);
  EXPECT_LE(release.peak_bytes, leased.bytes);
  const auto card = broker_.expect_card([](const wire::Card& offered) { return offered.free_sessions == 2; });
  EXPECT_EQ(card.free_bytes, card.total_bytes);
}

TEST_F(AgentTest, GivesASessionAsManyLanesAsItsSliceHolds) {
  start();
  // One lane of echo is the chunk itself.
  lease(shipped("echo/echo.yaml"), [](wire::Lease& lease) { lease.bytes = 3 * 4096 + 100; });
  broker_.expect_of<wire::Window>(kLease);
  broker_.send_control(wire::Release{.lease = kLease, .code = ErrorCode::ok, .detail = {}});
  EXPECT_EQ(broker_.expect_of<wire::Release>(kLease).peak_bytes, 3 * 4096U);
}

TEST_F(AgentTest, ReleasesALeaseThatItsDeviceCannotLoad) {
  start();
  lease(with_module(wild().pipeline, "no PTX at all"));
  const auto release = broker_.expect<wire::Release>();
  EXPECT_EQ(release.code, ErrorCode::load_failed);
  EXPECT_THAT(release.detail, HasSubstr("module"));
}

TEST_F(AgentTest, ReleasesALeaseLargerThanItsOffer) {
  start();
  auto large = lease_for(shipped("echo/echo.yaml"), 4096);
  large.bytes = 1ULL << 40U;
  broker_.send_control(large);
  EXPECT_EQ(broker_.expect<wire::Release>().code, ErrorCode::no_capacity);
}

TEST_F(AgentTest, SettlesAndReleasesWhatAKilledSessionHeldAndStartsAnother) {
  start();
  // The one that is warm now; the next one is not touched, since the lease after this takes it.
  const auto warm = session_pids();
  lease(endless(600'000));
  broker_.expect<wire::Window>();
  run({"\x01", "left"}, 1);
  wait_until_taken();
  for (const pid_t pid : warm) {
    ::kill(pid, SIGKILL);
  }
  const auto settle = broker_.expect<wire::Settle>();
  EXPECT_THAT(settle.codes.values, Each(testing::AnyOf(number(ErrorCode::session_lost), number(ErrorCode::returned))));
  EXPECT_EQ(settle.codes.values.size(), 2U);
  EXPECT_EQ(broker_.expect<wire::Release>().code, ErrorCode::session_lost);
  const auto card = broker_.expect_card([](const wire::Card& offered) { return offered.free_sessions == 2; });
  EXPECT_EQ(card.free_bytes, card.total_bytes);
  EXPECT_EQ(broker_.expect<wire::Window>().chunks, 0U);
  lease(shipped("echo/echo.yaml"));
  EXPECT_GT(broker_.expect<wire::Window>().chunks, 0U);
  run({"again"}, 2);
  EXPECT_THAT(broker_.expect<wire::Settle>().codes.values, IsEmpty());
}

TEST_F(AgentTest, E5_ReleasesALeaseWhoseSessionAKernelHasBroken) {
  start();
  lease(wild());
  broker_.expect<wire::Window>();
  run({"good", "\x01"}, 1);
  const auto settle = broker_.expect<wire::Settle>();
  EXPECT_THAT(settle.codes.values, ElementsAre(0, number(ErrorCode::sync_failed)));
  EXPECT_EQ(broker_.expect<wire::Release>().code, ErrorCode::session_lost);
}

TEST_F(AgentTest, HandsBackARunOfALeaseThatItDoesNotHold) {
  start();
  run({"a", "b"}, 9);
  const auto settle = broker_.expect<wire::Settle>();
  EXPECT_EQ(settle.grant, GrantId{9});
  EXPECT_THAT(settle.codes.values, ElementsAre(number(ErrorCode::returned), number(ErrorCode::returned)));
}

TEST_F(AgentTest, RepeatsItsSettleAfterAReconnectUntilItIsSettled) {
  start();
  broker_.settles = false;
  lease(shipped("echo/echo.yaml"));
  broker_.expect<wire::Window>();
  run({"kept"}, 1);
  broker_.expect<wire::Settle>();
  broker_.send_control(wire::ErrorReply{.code = ErrorCode::hello_required, .detail = "who are you"});
  const auto hello = broker_.expect<wire::Hello>();
  ASSERT_EQ(hello.leases.size(), 1U);
  EXPECT_EQ(hello.leases[0], (wire::HeldLease{.lease = kLease, .token = {.high = 1, .low = 2}, .grants = {1}}));
  broker_.settles = true;
  Blob outputs;
  EXPECT_EQ(broker_.expect<wire::Settle>(&outputs).grant, GrantId{1});
  EXPECT_EQ(as_text(outputs.view()), "kept");
  EXPECT_EQ(broker_.expect<wire::Window>().lease, kLease);
  run({"next"}, 2);
  EXPECT_EQ(broker_.expect<wire::Settle>().grant, GrantId{2});
}

TEST_F(AgentTest, SpeaksOnBothPlanesSoThatAConnectionThatBrokeAloneIsNoticed) {
  broker_.heartbeat_ms = 20;
  start();
  for (int heartbeats = 0; heartbeats < 50 && broker_.bulk_pings == 0; ++heartbeats) broker_.expect<wire::Ping>();
  EXPECT_GT(broker_.bulk_pings, 0);
}

TEST_F(AgentTest, StartsCleanWithAnotherStore) {
  start();
  lease(shipped("echo/echo.yaml"));
  broker_.expect<wire::Window>();
  broker_.store = 2;
  broker_.send_control(wire::ErrorReply{.code = ErrorCode::hello_required, .detail = "who are you"});
  EXPECT_EQ(broker_.expect<wire::Hello>().leases.size(), 1U);
  const auto card = broker_.expect_card([](const wire::Card& offered) { return offered.free_sessions == 2; });
  EXPECT_EQ(card.free_bytes, card.total_bytes);
}

TEST_F(AgentTest, L14_EndsASessionWhoseLeaseExpiresUnderAnEndlessKernel) {
  start();
  broker_.renews = false;
  broker_.ttl_ms = 2000;
  lease(endless(600'000));
  broker_.expect<wire::Window>();
  run({"\x01"}, 1);
  EXPECT_EQ(broker_.expect<wire::Renew>().leases.at(0).lease, kLease);
  EXPECT_EQ(broker_.expect<wire::Release>().code, ErrorCode::lease_expired);
  broker_.expect_card([](const wire::Card& offered) { return offered.free_sessions == 2; });
}

TEST_F(AgentTest, EndsALeaseThatRenewedDoesNotName) {
  start();
  broker_.ttl_ms = 3000;
  lease(shipped("echo/echo.yaml"));
  broker_.expect<wire::Window>();
  broker_.forgets = {kLease};
  broker_.expect<wire::Renew>();
  broker_.expect_card([](const wire::Card& offered) { return offered.free_sessions == 2; });
}

TEST_F(AgentTest, HandsEverythingBackWhenItIsStopped) {
  RunningAgent& agent = start();
  lease(endless(600'000));
  broker_.expect<wire::Window>();
  run({"\x01", "left"}, 1);
  wait_until_taken();
  agent.stop();
  EXPECT_EQ(broker_.expect<wire::Window>().chunks, 0U);
  EXPECT_THAT(broker_.expect<wire::Settle>().codes.values, ElementsAre(number(ErrorCode::returned), number(ErrorCode::returned)));
  EXPECT_EQ(broker_.expect<wire::Release>().code, ErrorCode::draining);
  broker_.expect<wire::Bye>();
  agent.join();
  EXPECT_TRUE(agent.result.has_value());
  EXPECT_THAT(session_pids(), IsEmpty());
}

class HostileSession : public AgentTest, public testing::WithParamInterface<const char*> {};

TEST_P(HostileSession, LosesItsOwnLeaseAndNothingElse) {
  start({.session_program = std::string(SUBLET_BIN_DIR) + "/hostile_session"});
  lease(shipped("echo/echo.yaml"));
  broker_.expect<wire::Window>();
  run({GetParam()}, 1);
  const auto settle = broker_.expect<wire::Settle>();
  ASSERT_EQ(settle.codes.values.size(), 1U);
  EXPECT_THAT(settle.codes.values, Each(testing::AnyOf(number(ErrorCode::session_lost), number(ErrorCode::returned))));
  EXPECT_EQ(broker_.expect<wire::Release>().code, ErrorCode::session_lost);
  broker_.expect_card([](const wire::Card& offered) { return offered.free_sessions == 2; });
  lease(shipped("echo/echo.yaml"));
  EXPECT_EQ(broker_.expect<wire::Window>().lease, kLease);
}

INSTANTIATE_TEST_SUITE_P(Agent, HostileSession,
                         testing::Values("lengths", "codes", "details", "number", "kind", "foreign", "ring", "hello again"));

}  // namespace
}  // namespace sublet::test
