// The main job through real processes: what it computes, and how the work spreads.

#include "tests/e2e/burst.hpp"

#include <cstring>

#include "tests/e2e/fault_pipeline.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/reference.hpp"

namespace sublet::test {
namespace {

constexpr std::size_t kMaxBytes = 4096;

void expect_video(const Collected& collected, std::uint64_t count) {
  EXPECT_TRUE(collected.errors.empty());
  ASSERT_EQ(collected.outputs.size(), count);
  for (const auto& [id, output] : collected.outputs) EXPECT_EQ(output, video_reference(payload_of(id, kMaxBytes), 0.1F)) << "chunk " << id;
}

TEST(Burst, J2_AHundredSegmentsMatchTheReferenceOnSeveralSessions) {
  Cluster cluster;
  cluster.add_worker({"--sessions", "4"});
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("video/video.yaml"), spec_of(kMaxBytes)).value();
  submit(job, 0, 100, kMaxBytes, 10);
  ASSERT_TRUE(job.close());
  expect_video(read_all(job), 100);
  const auto status = ended(job);
  EXPECT_EQ(status.state, JobState::done);
  EXPECT_EQ(status.done, 100U);
  EXPECT_GE(status.sessions, 1U);
}

TEST(Burst, O9_ScaleThenBiasThroughTheWholeQueue) {
  Cluster cluster;
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  std::vector<float> input(1024);
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i);
  auto job = client.open(shipped("transform/scale_bias.yaml"), spec_of(4096)).value();
  ASSERT_TRUE(job.submit(ChunkId{7}, std::as_bytes(std::span(input))));
  ASSERT_TRUE(job.close());
  const auto collected = read_all(job);
  ASSERT_EQ(collected.outputs.size(), 1U);
  std::vector<float> output(1024);
  ASSERT_EQ(collected.outputs.at(7).size(), 4096U);
  std::memcpy(output.data(), collected.outputs.at(7).data(), 4096);
  EXPECT_EQ(output[0], 10.0F);
  EXPECT_EQ(output[1], 12.0F);
  EXPECT_EQ(output[100], 210.0F);
}

TEST(Burst, OutputsInChunkOrderWhateverFinishedFirst) {
  Cluster cluster;
  cluster.add_worker({"--sessions", "2"});
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("echo/echo.yaml"), spec_of(kMaxBytes)).value();
  submit(job, 0, 500, kMaxBytes, 7);
  ASSERT_TRUE(job.close());
  auto outputs = job.outputs(Order::chunk_id);
  for (std::uint64_t id = 0; id < 500; ++id) {
    const auto next = outputs.next(60s);
    ASSERT_TRUE(next && *next);
    ASSERT_EQ((*next)->id.value, id);
  }
  const auto end = outputs.next(60s);
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
}

TEST(Burst, ChunksWaitUntilThereIsAWorker) {
  Cluster cluster;
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("video/video.yaml"), spec_of(kMaxBytes)).value();
  submit(job, 0, 20, kMaxBytes);
  ASSERT_TRUE(job.close());
  EXPECT_EQ(job.status().value().ready, 20U);
  cluster.add_worker();
  expect_video(read_all(job), 20);
}

TEST(Burst, AWorkerThatComesLaterTakesItsShare) {
  Cluster cluster;
  cluster.add_worker({"--sessions", "1", "--name", "first"});
  auto client = connect(cluster.endpoint());
  auto job = client.open(slow_pipeline(), spec_of(512)).value();
  // Everything waits when the second worker comes, however fast the first one is.
  ASSERT_TRUE(client.pause("default", true));
  submit(job, 0, 4'000, 512);
  ASSERT_TRUE(job.close());
  cluster.add_worker({"--sessions", "1", "--name", "second"});
  ASSERT_TRUE(client.pause("default", false));
  EXPECT_EQ(read_all(job).outputs.size(), 4'000U);
  EXPECT_EQ(ended(job).sessions, 2U);
  const auto workers = client.workers().value();
  for (const auto& worker : workers) EXPECT_GT(worker.done, 0U) << worker.name;
}

TEST(Burst, L4_RoomForThreeOfAHundredSessionsStillFinishesEveryChunk) {
  Cluster cluster;
  // A video lease for chunks of 64 KiB takes a lane of 10 bytes per byte of input and its modules, 704 KiB; with room for so few no more.
  cluster.add_worker({"--device", "cpu", "--sessions", "100", "--vram", "2400KiB", "--spares", "0"});
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("video/video.yaml"), spec_of(65536)).value();
  submit(job, 0, 100, kMaxBytes, 1);
  ASSERT_TRUE(job.close());
  expect_video(read_all(job), 100);
  const auto sessions = ended(job).sessions;
  EXPECT_GE(sessions, 1U);
  EXPECT_LE(sessions, 3U);
}

TEST(Burst, AggregatesCountEachChunkOnce) {
  Cluster cluster;
  cluster.add_worker({"--sessions", "2"});
  auto client = connect(cluster.endpoint());
  auto spec = spec_of(64);
  spec.aggregate = AggregateKind::sum;
  spec.element = ElementType::i64;
  auto job = client.open(shipped("echo/echo.yaml"), spec).value();
  for (std::int64_t value = 0; value < 1000; ++value) {
    ASSERT_TRUE(job.submit(ChunkId{static_cast<std::uint64_t>(value)}, std::as_bytes(std::span(&value, 1))));
  }
  ASSERT_TRUE(job.close());
  const auto status = ended(job);
  EXPECT_EQ(status.state, JobState::done);
  EXPECT_EQ(status.integer_value, 499'500U);
}

TEST(Burst, ManyThreadsSubmitToOneJob) {
  Cluster cluster;
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("echo/echo.yaml"), spec_of(64)).value();
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < 16; ++thread) {
      threads.emplace_back([&, thread] {
        for (std::uint64_t i = 0; i < 500; ++i) {
          const auto id = thread * 500 + i;
          EXPECT_TRUE(job.submit(ChunkId{id}, ByteView(payload_of(id, 64))));
        }
      });
    }
  }
  ASSERT_TRUE(job.close());
  const auto collected = read_all(job);
  ASSERT_EQ(collected.outputs.size(), 8000U);
  for (const auto& [id, output] : collected.outputs) EXPECT_EQ(output, payload_of(id, 64));
}

/// Chunks of 12 MiB in lanes enough that more of them are out at a time than fit a frame.
TEST(Burst, LargeChunksNeverMakeAFrameThatIsTooLarge) {
  constexpr std::size_t kBytes = 12U << 20U;
  Cluster cluster;
  auto client = connect(cluster.endpoint());
  auto echo = shipped("echo/echo.yaml");
  echo.pipeline.lanes = 8;
  auto job = client.open(echo, spec_of(kBytes)).value();
  for (std::uint64_t id = 0; id < 12; ++id) {
    ASSERT_TRUE(job.submit(ChunkId{id}, ByteView(ByteVector(kBytes, static_cast<std::byte>(id)))));
  }
  ASSERT_TRUE(job.close());
  // All of them wait by then.
  cluster.add_worker({"--sessions", "1"});
  const auto collected = read_all(job);
  ASSERT_EQ(collected.outputs.size(), 12U);
  for (const auto& [id, output] : collected.outputs) {
    EXPECT_EQ(output.size(), kBytes);
    EXPECT_EQ(output.back(), static_cast<std::byte>(id));
  }
  EXPECT_EQ(ended(job).retries, 0U);
}

/// A thousandfold: after many small ones the broker expects small outputs, and the worker has to send back what does not fit.
TEST(Burst, OutputsThatAreLargerThanAFrameTogetherComeInSeveral) {
  constexpr std::size_t kFold = 1'024;
  constexpr std::uint64_t kSmall = 2'000;
  constexpr std::uint64_t kLarge = 150;
  Cluster cluster;
  cluster.add_worker({"--sessions", "1"});
  auto client = connect(cluster.endpoint());
  auto bundle = slow_pipeline(1);
  for (auto& buffer : bundle.pipeline.buffers) buffer.bytes = "n * 1024";
  bundle.pipeline.outputs[0].bytes = "n * 1024";
  bundle.pipeline.lanes = 4;
  auto job = client.open(bundle, spec_of(1'024)).value();
  const ByteVector payload(1'024);
  const auto size_of = [](std::uint64_t id) { return id < kSmall ? std::size_t{1} : std::size_t{1'024}; };
  for (std::uint64_t id = 0; id < kSmall + kLarge; ++id) {
    ASSERT_TRUE(job.submit(ChunkId{id}, ByteView(payload).first(size_of(id))));
  }
  ASSERT_TRUE(job.close());
  auto outputs = job.outputs(Order::arrival);
  std::size_t bytes = 0;
  while (true) {
    const auto output = outputs.next(120s).value();
    if (!output) break;
    EXPECT_EQ(output->output.value().size(), size_of(output->id.value) * kFold);
    bytes += output->output.value().size();
  }
  EXPECT_EQ(bytes, (kSmall + kLarge * 1'024) * kFold);
}

TEST(Burst, ASecondReaderGetsEverythingThatTheFirstHadNotHandled) {
  Cluster cluster;
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  for (int round = 0; round < 10; ++round) {
    auto job = client.open(shipped("echo/echo.yaml"), spec_of(1'000)).value();
    submit(job, 0, 10, 1'000);
    ASSERT_TRUE(job.close());
    {
      auto outputs = job.outputs();
      ASSERT_TRUE(outputs.next().value());
    }
    EXPECT_EQ(read_all(job).outputs.size(), 10U);
  }
}

}  // namespace
}  // namespace sublet::test
