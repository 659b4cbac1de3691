// A client and two brokers with a shard each, of which it knows the first.

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/shard.hpp"
#include "fake_broker.hpp"
#include "producer/client.hpp"
#include "small_bundle.hpp"

namespace sublet {
namespace {

using producer::FakeBroker;
using Replies = std::optional<std::vector<FakeBroker::Reply>>;

FakeBroker::Reply reply(wire::Message message) { return {.message = std::move(message), .payload = {}}; }

wire::Welcome two_shards() {
  auto welcome = FakeBroker::default_welcome();
  welcome.shards = 2;
  return welcome;
}

/// A queue of that shard.
JobSpec spec_in(ShardNumber shard) {
  JobSpec spec;
  for (int number = 0; shards_of({.shards = 2}, spec.queue).front() != shard; ++number) spec.queue = "queue" + std::to_string(number);
  return spec;
}

class TwoShards : public testing::Test {
 protected:
  TwoShards()
      : second_([this](const FakeBroker::Request& request) { return answer(1, request); }, two_shards()),
        first_([this](const FakeBroker::Request& request) { return answer(0, request); }, two_shards()),
        client_(Client::connect({.brokers = {first_.endpoint()}, .name = "test", .reconnect_first = 1ms, .reconnect_max = 5ms}).value()) {}

  Replies answer(ShardNumber shard, const FakeBroker::Request& request) {
    if (const auto* hello = std::get_if<wire::Hello>(&request.message); hello != nullptr && hello->shard != shard) {
      return {{reply(wire::ErrorReply{.code = ErrorCode::not_owner, .detail = "the other has it", .owner = second_.endpoint()})}};
    }
    if (std::holds_alternative<wire::Open>(request.message)) {
      if (shard == 1 && second_is_dumb_) return std::vector<FakeBroker::Reply>{};
      return {{reply(wire::Opened{.job = {0x700U + shard}, .resumed = false, .accepted = 0, .taken = {}})}};
    }
    if (std::holds_alternative<wire::List>(request.message)) {
      wire::Listed listed;
      listed.queues = {{.name = "both", .ready = 10}};
      if (shard == 1) listed.queues.push_back({.name = "one"});
      return {{reply(listed)}};
    }
    if (const auto* pause = std::get_if<wire::Pause>(&request.message)) {
      if (shard == 0) return {{reply(wire::ErrorReply{.code = ErrorCode::not_found, .detail = "no such queue"})}};
      return {{reply(wire::Listed{.jobs = {}, .queues = {{.name = pause->queue, .paused = pause->paused}}, .workers = {}})}};
    }
    return std::nullopt;
  }

  std::atomic<bool> second_is_dumb_ = false;
  FakeBroker second_;
  FakeBroker first_;
  Client client_;
};

TEST_F(TwoShards, OpensAJobWhereItsQueueIsAndFindsItThere) {
  auto job = client_.open(bundle(), spec_in(1));
  ASSERT_TRUE(job) << to_text(job.error());
  EXPECT_EQ(shard_of(job->id()), 1);
  ASSERT_TRUE(job->submit({0}, as_view("a")));
  ASSERT_TRUE(job->close());
  EXPECT_EQ(second_.received(wire::Submit::kType, 1).size(), 1U);
  EXPECT_EQ(client_.attach(job->id())->id(), job->id());
  EXPECT_EQ(client_.status(job->id())->accepted, 1U);
}

TEST_F(TwoShards, ListsTheQueuesOfBothAsOne) {
  const auto queues = client_.queues();
  ASSERT_TRUE(queues) << to_text(queues.error());
  ASSERT_EQ(queues->size(), 2U);
  EXPECT_EQ(queues->front().name, "both");
  EXPECT_EQ(queues->front().ready, 20U);
}

TEST_F(TwoShards, PausesAQueueWhereverItIs) {
  const auto paused = client_.pause("q", true);
  ASSERT_TRUE(paused) << to_text(paused.error());
  EXPECT_TRUE(paused->paused);
}

TEST_F(TwoShards, AnswersAboutOneWhileTheOtherDoesNotAnswer) {
  second_is_dumb_ = true;
  std::jthread waits([&] { EXPECT_EQ(client_.open(bundle(), spec_in(1)).error().code, ErrorCode::interrupted); });
  (void)second_.received(wire::Open::kType, 1);
  auto job = client_.open(bundle(), spec_in(0));
  ASSERT_TRUE(job);
  ASSERT_TRUE(job->submit({0}, as_view("a")));
  ASSERT_TRUE(job->close());
  EXPECT_EQ(job->wait()->accepted, 1U);
  client_.interrupt();
}

TEST_F(TwoShards, SaysThatAJobOfAThirdShardIsNotThere) { EXPECT_EQ(client_.status({0x702}).error().code, ErrorCode::not_found); }

TEST(SeveralBrokers, RepeatsWithAnotherWhatABrokerThatDiedHasNotAnswered) {
  auto welcome = FakeBroker::default_welcome();
  welcome.heartbeat_ms = 20;
  FakeBroker other({}, welcome);
  std::optional<FakeBroker> dies(
      std::in_place,
      [](const FakeBroker::Request& request) -> Replies {
        if (!std::holds_alternative<wire::Submit>(request.message)) return std::nullopt;
        return std::vector<FakeBroker::Reply>{};
      },
      welcome);
  auto client =
      Client::connect({.brokers = {dies->endpoint(), other.endpoint()}, .name = "test", .reconnect_first = 1ms, .reconnect_max = 5ms});
  ASSERT_TRUE(client);
  auto job = client->open(bundle(), {}).value();
  ASSERT_TRUE(job.submit({1}, as_view("a")));
  (void)dies->received(wire::Submit::kType, 1);
  dies.reset();
  ASSERT_TRUE(job.close());
  EXPECT_EQ(other.received(wire::Submit::kType, 1).size(), 1U);
}

}  // namespace
}  // namespace sublet
