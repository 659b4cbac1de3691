// An agent and several brokers: of one shard that changes hands, and of two shards that share a card.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/gpu-worker/agent/agent_fixture.hpp"

namespace sublet::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

wire::ErrorReply owned_by(const FakeBroker& broker) {
  return {.code = ErrorCode::not_owner, .detail = "another broker took the shard over", .owner = broker.endpoint()};
}

class Takeover : public AgentTest {
 protected:
  FakeBroker other_{context_};
};

TEST_F(Takeover, KeepsALeaseThatTheNewOwnerWelcomes) {
  start();
  const Bundle echo = shipped("echo/echo.yaml");
  lease(echo);
  broker_.expect<wire::Window>();
  broker_.send_control(owned_by(other_));
  const auto hello = other_.expect<wire::Hello>();
  ASSERT_EQ(hello.leases.size(), 1U);
  EXPECT_EQ(hello.leases[0].lease, kLease);
  EXPECT_GT(other_.expect<wire::Window>().chunks, 0U) << "its session goes on";
  const Blob payload = Blob::copy_of(as_view("after"));
  other_.send_bulk(run_of({"after"}, 5), &payload);
  Blob outputs;
  EXPECT_EQ(other_.expect<wire::Settle>(&outputs).grant, GrantId{5});
  EXPECT_EQ(as_text(outputs.view()), "after");
}

TEST_F(Takeover, SettlesWithTheNewOwnerWhatWasComputedMeanwhile) {
  start();
  broker_.settles = false;
  lease(shipped("echo/echo.yaml"));
  broker_.expect<wire::Window>();
  run({"kept"}, 1);
  const auto before = broker_.expect<wire::Settle>();
  broker_.send_control(owned_by(other_));
  EXPECT_THAT(other_.expect<wire::Hello>().leases.at(0).grants, ElementsAre(1));
  Blob outputs;
  const auto settle = other_.expect<wire::Settle>(&outputs);
  EXPECT_EQ(settle, before);
  EXPECT_EQ(as_text(outputs.view()), "kept");
}

TEST_F(Takeover, FindsTheNewOwnerAmongTheBrokersThatItKnows) {
  agent_.emplace(std::vector{broker_.endpoint(), other_.endpoint()}, agent::AgentOptions{});
  broker_.expect<wire::Offer>();
  broker_.send_control(wire::Bye{});
  other_.expect<wire::Offer>();
}

/// Two brokers with a shard each; the agent knows the first.
class TwoShards : public testing::Test {
 protected:
  TwoShards() {
    for (FakeBroker* broker : {&first_, &second_}) {
      broker->shards = 2;
      // A broker that the test does not look at for a while is not gone.
      broker->heartbeat_ms = 60'000;
    }
    first_.elsewhere[1] = second_.endpoint();
    agent_.emplace(std::vector{first_.endpoint()}, agent::AgentOptions{.sessions = 2});
    first_hello_ = first_.expect<wire::Hello>();
    // A fake broker answers only while it is looked at.
    while (first_.expect<wire::Hello>().shard != 1) {
    }
    second_hello_ = second_.expect<wire::Hello>();
    for (FakeBroker* broker : {&first_, &second_}) {
      broker->expect_card([](const wire::Card& card) { return card.free_sessions == 0 && card.free_bytes == 0; });
      broker->forget();
    }
  }

  static void expect_offer(FakeBroker& broker, std::uint32_t sessions, std::uint64_t bytes) {
    broker.expect_card([&](const wire::Card& card) { return card.free_sessions == sessions && card.free_bytes == bytes; });
  }

  static void grant(FakeBroker& broker, LeaseId id, std::uint64_t bytes) {
    const Bundle echo = shipped("echo/echo.yaml");
    wire::Lease lease = lease_for(echo, 4096);
    broker.add(echo);
    lease.lease = id;
    lease.bytes = bytes;
    lease.ttl_ms = 60'000;
    broker.send_control(lease);
  }

  static void run(FakeBroker& broker, LeaseId lease, std::uint64_t grant) {
    const Blob payload = Blob::copy_of(as_view("chunk"));
    wire::Run run = run_of({"chunk"}, grant);
    run.lease = lease;
    broker.send_bulk(run, &payload);
  }

  io::Context context_;
  FakeBroker first_{context_};
  FakeBroker second_{context_};
  std::optional<RunningAgent> agent_;
  wire::Hello first_hello_;
  wire::Hello second_hello_;
};

constexpr std::uint64_t kMost = (40_MiB).count;

TEST_F(TwoShards, GreetsTheOwnerOfEachUnderOneInstance) {
  EXPECT_EQ(first_hello_.shard, 0);
  EXPECT_EQ(second_hello_.shard, 1);
  EXPECT_EQ(second_hello_.instance, first_hello_.instance);
}

TEST_F(TwoShards, NeverOffersAByteOfACardToBoth) {
  first_.send_control(wire::Want{.sessions = 1, .bytes = kMost, .least_bytes = kMost});
  expect_offer(first_, 1, kMost);
  second_.send_control(wire::Want{.sessions = 1, .bytes = kMost, .least_bytes = kMost});
  grant(second_, kOther, kMost);
  EXPECT_EQ(second_.expect<wire::Release>().code, ErrorCode::no_capacity);
  grant(first_, kLease, kMost);
  EXPECT_EQ(first_.expect<wire::Window>().lease, kLease);
}

TEST_F(TwoShards, OffersTheCardToAStarvingShardWhenTheOtherIsIdle) {
  first_.send_control(wire::Want{.sessions = 1, .bytes = kMost, .least_bytes = kMost});
  expect_offer(first_, 1, kMost);
  second_.send_control(wire::Want{.sessions = 1, .bytes = kMost, .least_bytes = kMost});
  first_.send_control(wire::Want{});
  expect_offer(first_, 0, 0);
  expect_offer(second_, 1, kMost);
  grant(second_, kOther, kMost);
  EXPECT_EQ(second_.expect<wire::Window>().lease, kOther);
}

TEST_F(TwoShards, LosesNoLeaseOfOneWithTheBrokerOfTheOther) {
  for (FakeBroker* broker : {&first_, &second_}) {
    broker->send_control(wire::Want{.sessions = 1, .bytes = (8_MiB).count, .least_bytes = (8_MiB).count});
    expect_offer(*broker, 1, (8_MiB).count);
  }
  grant(first_, kLease, (8_MiB).count);
  grant(second_, kOther, (8_MiB).count);
  first_.expect<wire::Window>();
  second_.expect<wire::Window>();
  first_.store = 2;
  first_.send_control(wire::ErrorReply{.code = ErrorCode::hello_required, .detail = "who are you"});
  EXPECT_EQ(first_.expect<wire::Hello>().leases.size(), 1U);
  // On bulk: until it has come, a RUN would go to the connection that was given up.
  first_.expect<wire::Hello>();
  run(first_, kLease, 1);
  EXPECT_THAT(first_.expect<wire::Settle>().codes.values, ElementsAre(number(ErrorCode::returned))) << "another store: its lease is void";
  run(second_, kOther, 2);
  EXPECT_THAT(second_.expect<wire::Settle>().codes.values, IsEmpty());
}

TEST_F(TwoShards, HandsBackARunOfALeaseThatTheOtherGranted) {
  first_.send_control(wire::Want{.sessions = 1, .bytes = (8_MiB).count, .least_bytes = (8_MiB).count});
  expect_offer(first_, 1, (8_MiB).count);
  grant(first_, kLease, (8_MiB).count);
  first_.expect<wire::Window>();
  run(second_, kLease, 9);
  EXPECT_THAT(second_.expect<wire::Settle>().codes.values, ElementsAre(number(ErrorCode::returned)));
}

}  // namespace
}  // namespace sublet::test
