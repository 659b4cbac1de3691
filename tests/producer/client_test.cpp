#include "producer/client.hpp"

#include <atomic>
#include <numeric>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_broker.hpp"
#include "small_bundle.hpp"

namespace sublet {
namespace {

using producer::FakeBroker;
using testing::HasSubstr;

Client connect(const FakeBroker& broker) {
  return Client::connect({.brokers = {broker.endpoint()}, .name = "test", .reconnect_first = 1ms, .reconnect_max = 5ms}).value();
}

Job open(Client& client) {
  JobSpec spec;
  spec.name = "job";
  auto job = client.open(bundle(), spec);
  EXPECT_TRUE(job) << to_text(job.error());
  return job.value();
}

/// Ids of everything that comes until the end.
std::vector<std::uint64_t> read_all(Outputs& outputs) {
  std::vector<std::uint64_t> ids;
  while (true) {
    auto next = outputs.next();
    EXPECT_TRUE(next) << to_text(next.error());
    if (!next || !*next) return ids;
    ids.push_back((*next)->id.value);
  }
}

TEST(Client, SaysThatNoBrokerAnswersAndWhatToDo) {
  const auto client = Client::connect({.brokers = {"ipc:///tmp/sublet-test-nobody-listens-here"}, .name = {}, .connect_timeout = 20ms});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::disconnected);
  EXPECT_THAT(client.error().detail, HasSubstr("ipc:///tmp/sublet-test-nobody-listens-here"));
  EXPECT_THAT(client.error().detail, HasSubstr("sublet up"));
}

TEST(Client, RefusesAnEndpointThatIsNone) {
  const auto client = Client::connect({.brokers = {"nonsense"}, .name = {}});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::bad_argument);
}

TEST(Client, StreamsOutputsInOrderOfChunkId) {
  FakeBroker broker;
  auto client = connect(broker);
  auto job = open(client);
  auto outputs = job.outputs(Order::chunk_id);
  for (const std::uint64_t id : {3, 1, 0, 2}) {
    ASSERT_TRUE(job.submit({id}, as_view("payload")));
    ASSERT_TRUE(job.flush());
  }
  ASSERT_TRUE(job.close());
  EXPECT_EQ(read_all(outputs), (std::vector<std::uint64_t>{0, 1, 2, 3}));
}

TEST(Client, HandsOutWholeBatchesWithTheirBytes) {
  FakeBroker broker;
  auto client = connect(broker);
  auto job = open(client);
  std::vector<ChunkView> chunks;
  for (std::uint64_t id = 0; id < 1'000; ++id) chunks.push_back({.id = {id}, .payload = as_view("12345678")});
  ASSERT_TRUE(job.submit(std::span<const ChunkView>(chunks)));
  ASSERT_TRUE(job.close());
  auto outputs = job.outputs();
  std::uint64_t count = 0;
  while (true) {
    const auto batch = outputs.next_batch();
    ASSERT_TRUE(batch);
    if (batch->empty()) break;
    for (const ChunkOutput& output : *batch) EXPECT_EQ(as_text(output.output->view()), "12345678");
    count += batch->size();
  }
  EXPECT_EQ(count, 1'000U);
}

TEST(Client, TakesAnOutputOnlyWhenTheCallerComesBack) {
  FakeBroker broker;
  auto client = connect(broker);
  auto job = open(client);
  ASSERT_TRUE(job.submit({0}, as_view("a")));
  ASSERT_TRUE(job.flush());
  ASSERT_TRUE(job.submit({1}, as_view("b")));
  ASSERT_TRUE(job.close());
  {
    auto outputs = job.outputs();
    ASSERT_EQ((*outputs.next())->id, ChunkId{0});
    ASSERT_EQ((*outputs.next())->id, ChunkId{1});
  }
  auto again = job.outputs();
  EXPECT_EQ(read_all(again), (std::vector<std::uint64_t>{1})) << "chunk 1 was handed out, and nobody came back for the next";
  const auto taken = broker.received(wire::Taken::kType, 2);
  EXPECT_EQ(std::get<wire::Taken>(taken.front().message).cursor, Cursor{1});
  EXPECT_EQ(std::get<wire::Taken>(taken.back().message).cursor, Cursor{2});
}

TEST(Client, AcceptsChunksFromManyThreadsEachOnce) {
  FakeBroker broker;
  auto client = connect(broker);
  auto job = open(client);
  std::atomic<std::uint64_t> accepted = 0;
  job.on_accepted([&](const AcceptedChunks& chunks) { accepted += chunks.chunks; });
  constexpr std::uint64_t kThreads = 16;
  constexpr std::uint64_t kEach = 500;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&job, thread] {
        for (std::uint64_t index = 0; index < kEach; ++index) {
          EXPECT_TRUE(job.submit({index * kThreads + thread}, as_view("0123456789abcdef")));
        }
      });
    }
  }
  ASSERT_TRUE(job.close());
  auto outputs = job.outputs(Order::chunk_id);
  std::vector<std::uint64_t> expected(kThreads * kEach);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(read_all(outputs), expected);
  job.on_accepted({});
  EXPECT_EQ(accepted, kThreads * kEach);
}

TEST(Client, RefusesAChunkLargerThanTheJobsLimitByName) {
  FakeBroker broker;
  auto client = connect(broker);
  JobSpec spec;
  spec.max_chunk_bytes = 4;
  auto job = client.open(bundle(), spec).value();
  const auto refused = job.submit({12}, as_view("12345"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::chunk_too_large);
  EXPECT_THAT(refused.error().detail, HasSubstr("chunk 12 has 5 bytes"));
}

TEST(Client, RefusesAnIdTwiceInOneBatchAndQueuesNothingOfIt) {
  FakeBroker broker;
  auto client = connect(broker);
  auto job = open(client);
  const std::vector<ChunkView> chunks = {{.id = {1}, .payload = {}}, {.id = {2}, .payload = {}}, {.id = {1}, .payload = {}}};
  EXPECT_EQ(job.submit(std::span<const ChunkView>(chunks)).error().code, ErrorCode::duplicate);
  ASSERT_TRUE(job.close());
  EXPECT_EQ(job.status()->accepted, 0U);
}

TEST(Client, ReportsARefusalToTheNextCall) {
  FakeBroker broker([](const FakeBroker::Request& request) -> std::optional<std::vector<FakeBroker::Reply>> {
    if (!std::holds_alternative<wire::Submit>(request.message)) return std::nullopt;
    return {{{.message = wire::ErrorReply{.code = ErrorCode::job_closed, .detail = "job 7 takes no more"}, .payload = {}}}};
  });
  auto client = connect(broker);
  auto job = open(client);
  ASSERT_TRUE(job.submit({1}, as_view("a")));
  EXPECT_EQ(job.flush().error().code, ErrorCode::job_closed);
  EXPECT_EQ(job.submit({2}, as_view("a")).error().code, ErrorCode::job_closed);
  EXPECT_EQ(job.close().error().code, ErrorCode::job_closed);
}

TEST(Client, BlocksOnCreditUntilInterrupted) {
  auto welcome = FakeBroker::default_welcome();
  welcome.credit_chunks = 1;
  FakeBroker broker(
      [](const FakeBroker::Request& request) -> std::optional<std::vector<FakeBroker::Reply>> {
        if (!std::holds_alternative<wire::Submit>(request.message)) return std::nullopt;
        return std::vector<FakeBroker::Reply>{};
      },
      welcome);
  auto client = connect(broker);
  auto job = open(client);
  ASSERT_TRUE(job.submit({1}, as_view("a")));
  Result<void> blocked;
  std::jthread submitter([&] { blocked = job.submit({2}, as_view("b")); });
  (void)broker.received(wire::Submit::kType, 1);
  client.interrupt();
  submitter.join();
  EXPECT_EQ(blocked.error().code, ErrorCode::interrupted);
  EXPECT_EQ(broker.received(wire::Submit::kType, 1).size(), 1U);
}

TEST(Client, RepeatsWhatWasNotAcceptedWhenTheBrokerAsksForHello) {
  std::atomic<bool> forgotten = false;
  FakeBroker broker([&](const FakeBroker::Request& request) -> std::optional<std::vector<FakeBroker::Reply>> {
    if (!std::holds_alternative<wire::Submit>(request.message) || forgotten.exchange(true)) return std::nullopt;
    return {{{.message = wire::ErrorReply{.code = ErrorCode::hello_required, .detail = "say HELLO"}, .payload = {}}}};
  });
  auto client = connect(broker);
  auto job = open(client);
  ASSERT_TRUE(job.submit({1}, as_view("a")));
  ASSERT_TRUE(job.close());
  EXPECT_EQ(broker.received(wire::Submit::kType, 2).size(), 2U);
  EXPECT_EQ(job.status()->accepted, 1U);
}

TEST(Client, TellsThatJobsAreLostWhenAnotherStoreComesUpAtTheEndpoint) {
  std::optional<FakeBroker> broker(std::in_place);
  const std::string endpoint = broker->endpoint();
  auto client = connect(*broker);
  auto job = open(client);
  auto outputs = job.outputs();
  broker.reset();
  auto welcome = FakeBroker::default_welcome();
  welcome.store = 2;
  std::atomic<bool> greeted = false;
  broker.emplace(
      [&](const FakeBroker::Request& request) -> std::optional<std::vector<FakeBroker::Reply>> {
        if (std::holds_alternative<wire::Hello>(request.message)) greeted = true;
        if (greeted) return std::nullopt;
        return {{{.message = wire::ErrorReply{.code = ErrorCode::hello_required, .detail = "say HELLO"}, .payload = {}}}};
      },
      welcome, endpoint);
  const auto lost = outputs.next();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::jobs_lost);
  EXPECT_THAT(lost.error().detail, HasSubstr("open the job again"));
  EXPECT_EQ(job.wait().error().code, ErrorCode::jobs_lost);
  EXPECT_TRUE(client.jobs());
}

TEST(Client, CallsBackWithTheJobsEnd) {
  FakeBroker broker;
  auto client = connect(broker);
  auto job = open(client);
  std::atomic<bool> ended = false;
  Result<void> from_callback;
  ASSERT_TRUE(job.watch([&, copy = &job](const JobStatus& status) {
    if (!has_ended(status.state)) return;
    from_callback = copy->flush();
    if (from_callback) from_callback = copy->close();
    ended = true;
    ended.notify_all();
  }));
  ASSERT_TRUE(job.close());
  ended.wait(false);
  ASSERT_FALSE(from_callback) << "a callback must not wait";
  EXPECT_EQ(from_callback.error().code, ErrorCode::bad_argument);
  std::vector<JobState> seen;
  EXPECT_EQ(job.wait(kForever, [&](const JobStatus& status) { seen.push_back(status.state); })->state, JobState::done);
  EXPECT_EQ(seen.back(), JobState::done);
  ASSERT_TRUE(job.watch({}));
}

TEST(Client, TimesOutWhileTheJobGoesOn) {
  FakeBroker broker;
  auto client = connect(broker);
  auto job = open(client);
  auto outputs = job.outputs();
  EXPECT_EQ(outputs.next(1ms).error().code, ErrorCode::timeout);
  EXPECT_EQ(job.wait(1ms).error().code, ErrorCode::timeout);
}

TEST(Client, EndsTheOlderReaderOfAJobInTheSameProgram) {
  FakeBroker broker;
  auto client = connect(broker);
  auto job = open(client);
  auto older = job.outputs();
  auto newer = job.outputs();
  EXPECT_EQ(older.next().error().code, ErrorCode::stale);
  ASSERT_TRUE(job.close());
  EXPECT_TRUE(newer.next());
}

}  // namespace
}  // namespace sublet
