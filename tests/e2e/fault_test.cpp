// Chunks, pipelines and peers that misbehave: a typed error for them, nothing for the others.

#include "common/io/socket.hpp"
#include "tests/e2e/burst.hpp"
#include "tests/e2e/fault_pipeline.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/raw_tcp.hpp"

namespace sublet::test {
namespace {

/// Twenty chunks of which number 7 is the one that misbehaves.
Collected twenty_with_one_bad(Client& client, const Bundle& bundle, JobStatus& status) {
  auto spec = spec_of(64);
  spec.policy = PolicyKind::best_effort;
  auto job = client.open(bundle, spec).value();
  for (std::uint64_t id = 0; id < 20; ++id) {
    ByteVector payload(8, std::byte{id == 7 ? std::uint8_t{1} : std::uint8_t{0}});
    EXPECT_TRUE(job.submit(ChunkId{id}, ByteView(payload)));
  }
  EXPECT_TRUE(job.close());
  auto collected = read_all(job);
  status = ended(job);
  return collected;
}

TEST(Fault, F2_AnEndlessKernelEndsAsKernelTimeoutAndTheOthersFinish) {
  Cluster cluster;
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  JobStatus status;
  const auto collected = twenty_with_one_bad(client, fault_pipeline("endless"), status);
  EXPECT_EQ(collected.outputs.size(), 19U);
  ASSERT_TRUE(collected.errors.contains(7));
  EXPECT_EQ(collected.errors.at(7).code, ErrorCode::kernel_timeout) << to_text(collected.errors.at(7));
  EXPECT_EQ(status.dead, 1U);
}

TEST(Fault, E5_AWildStoreEndsAsSyncFailedAndTheOthersFinish) {
  Cluster cluster;
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  JobStatus status;
  const auto collected = twenty_with_one_bad(client, fault_pipeline("wild"), status);
  EXPECT_EQ(collected.outputs.size(), 19U);
  ASSERT_TRUE(collected.errors.contains(7));
  const auto& error = collected.errors.at(7);
  EXPECT_EQ(error.code, ErrorCode::sync_failed);
  EXPECT_NE(error.detail.find("wild"), std::string::npos) << error.detail;
}

TEST(Fault, E5_ANeighbourIsUnaffectedByAWildStore) {
  Cluster cluster;
  cluster.add_worker({"--sessions", "2"});
  auto client = connect(cluster.endpoint());
  auto neighbour = client.open(shipped("echo/echo.yaml"), spec_of(512)).value();
  submit(neighbour, 0, 2'000, 512);
  ASSERT_TRUE(neighbour.close());
  JobStatus status;
  twenty_with_one_bad(client, fault_pipeline("wild"), status);
  EXPECT_EQ(read_all(neighbour).outputs.size(), 2'000U);
  const auto end = ended(neighbour);
  EXPECT_EQ(end.retries, 0U);
  EXPECT_EQ(end.dead, 0U);
}

TEST(Fault, E4_AKernelThatIsNotInItsModuleFailsTheJobAndListsThoseThatAre) {
  Cluster cluster;
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  auto job = client.open(fault_pipeline("wilde"), spec_of(64)).value();
  ASSERT_TRUE(job.submit(ChunkId{1}, as_view("x")));
  ASSERT_TRUE(job.close());
  const auto status = ended(job);
  EXPECT_EQ(status.state, JobState::failed);
  EXPECT_EQ(status.error, ErrorCode::launch_failed) << status.error_detail;
  EXPECT_NE(status.error_detail.find("endless"), std::string::npos) << status.error_detail;
  EXPECT_NE(status.error_detail.find("wild"), std::string::npos) << status.error_detail;
}

TEST(Fault, E3_AModuleThatCannotBeLoadedFailsTheJob) {
  Cluster cluster;
  cluster.add_worker({"--device", "cpu"});
  auto client = connect(cluster.endpoint());
  auto bundle = fault_pipeline("wild");
  std::string text(as_text(bundle.modules[0].image));
  text.replace(text.find("st.volatile") != std::string::npos ? text.find("st.volatile") : text.find("st.global"), 2, "zz");
  const auto bytes = as_view(text);
  bundle.modules[0].image.assign(bytes.begin(), bytes.end());
  auto job = client.open(bundle, spec_of(64)).value();
  ASSERT_TRUE(job.submit(ChunkId{1}, as_view("x")));
  ASSERT_TRUE(job.close());
  const auto status = ended(job);
  EXPECT_EQ(status.state, JobState::failed);
  EXPECT_EQ(status.error, ErrorCode::load_failed) << status.error_detail;
  EXPECT_NE(status.error_detail.find("wild"), std::string::npos) << status.error_detail;
}

TEST(Fault, E2_APipelineLargerThanEveryCardFailsTheJob) {
  Cluster cluster;
  cluster.add_worker({"--device", "cpu", "--vram", "64MiB"});
  auto client = connect(cluster.endpoint());
  auto bundle = shipped("echo/echo.yaml");
  bundle.pipeline.buffers.push_back({.name = "huge", .bytes = "1024 * 1024 * 1024"});
  auto job = client.open(bundle, spec_of(64)).value();
  ASSERT_TRUE(job.submit(ChunkId{1}, as_view("x")));
  ASSERT_TRUE(job.close());
  const auto status = ended(job);
  EXPECT_EQ(status.state, JobState::failed);
  EXPECT_EQ(status.error, ErrorCode::no_capacity) << status.error_detail;
}

TEST(Fault, F1_AChunkOverTheJobsLargestSizeIsRefusedBeforeItIsSent) {
  Cluster cluster;
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("echo/echo.yaml"), spec_of(16)).value();
  const auto refused = job.submit(ChunkId{3}, as_view("seventeen letters"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::chunk_too_large);
  EXPECT_TRUE(job.submit(ChunkId{3}, as_view("sixteen letters!")));
}

TEST(Fault, F1_AnOutputLargerThanItsBufferIsAnErrorAndNeverCut) {
  Cluster cluster;
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  auto bundle = shipped("echo/echo.yaml");
  bundle.pipeline.outputs[0].bytes = "n + n / 8 * 1024";
  auto spec = spec_of(4096);
  spec.policy = PolicyKind::best_effort;
  auto job = client.open(bundle, spec).value();
  ASSERT_TRUE(job.submit(ChunkId{1}, as_view("short")));
  ASSERT_TRUE(job.submit(ChunkId{2}, ByteView(ByteVector(1000))));
  ASSERT_TRUE(job.close());
  const auto collected = read_all(job);
  EXPECT_EQ(collected.outputs.at(1), ByteVector(as_view("short").begin(), as_view("short").end()));
  ASSERT_TRUE(collected.errors.contains(2)) << to_text(Error{.code = ended(job).error, .detail = ended(job).error_detail});
  EXPECT_EQ(collected.errors.at(2).code, ErrorCode::output_too_large) << to_text(collected.errors.at(2));
}

TEST(Fault, EmptyInputsComeBackEmpty) {
  Cluster cluster;
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("video/video.yaml"), spec_of(1024)).value();
  for (std::uint64_t id = 0; id < 3; ++id) ASSERT_TRUE(job.submit(ChunkId{id}, ByteView()));
  ASSERT_TRUE(job.close());
  const auto collected = read_all(job);
  ASSERT_EQ(collected.outputs.size(), 3U);
  for (const auto& [id, output] : collected.outputs) EXPECT_TRUE(output.empty());
}

TEST(Fault, GarbageOnEveryPortDisturbsNoBurst) {
  Cluster cluster;
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("echo/echo.yaml"), spec_of(512)).value();
  submit(job, 0, 2'000, 512);
  SeededRandom random(42);
  for (const auto& endpoint : {cluster.endpoint(), cluster.bulk_endpoint()}) {
    for (int connection = 0; connection < 20; ++connection) {
      ByteVector noise(random.next() % 4096);
      for (auto& byte : noise) byte = static_cast<std::byte>(random.next());
      send_raw_tcp(endpoint, noise);
    }
    io::Context context;
    auto socket = io::Socket::dealer(context, endpoint).value();
    for (int message = 0; message < 200; ++message) {
      ByteVector noise(random.next() % 256);
      for (auto& byte : noise) byte = static_cast<std::byte>(random.next());
      const Blob payload;
      socket.send(noise, std::span(&payload, 1), message % 2 == 0);
    }
  }
  ASSERT_TRUE(job.close());
  EXPECT_EQ(read_all(job).outputs.size(), 2'000U);
}

TEST(Fault, AClientThatNeverReadsCostsBoundedMemory) {
  constexpr std::uint64_t kBudget = 8U << 20U;
  Cluster cluster({"--max-output-bytes", std::to_string(kBudget)});
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("echo/echo.yaml"), spec_of(65536)).value();
  // 100 MiB of outputs, of which nobody reads one.
  submit(job, 0, 3'200, 65536, 8);
  ASSERT_TRUE(job.flush(60s));
  auto reader = connect(cluster.endpoint());
  const auto full = [&] { return reader.queues().value().front().output_bytes >= kBudget / 2; };
  while (!full()) std::this_thread::yield();
  EXPECT_LT(reader.queues().value().front().output_bytes, 4 * kBudget);
  ASSERT_TRUE(job.close());
  EXPECT_EQ(read_all(job).outputs.size(), 3'200U);
}

}  // namespace
}  // namespace sublet::test
