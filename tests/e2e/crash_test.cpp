// kill -9 of every part in the middle of a burst: nothing lost, nothing doubled.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/e2e/burst.hpp"
#include "tests/e2e/fault_pipeline.hpp"
#include "tests/support/cluster.hpp"

namespace sublet::test {
namespace {

constexpr std::uint64_t kChunks = 10'000;
constexpr std::size_t kMaxBytes = 512;

void expect_every_output(const Collected& collected) {
  EXPECT_TRUE(collected.errors.empty());
  ASSERT_EQ(collected.outputs.size(), kChunks);
  for (const auto& [id, output] : collected.outputs) ASSERT_EQ(output, slow_reference(payload_of(id, kMaxBytes))) << "chunk " << id;
}

/// A burst during which `fault` is called once, after 1,000 outputs, while chunks are leased and most still wait.
Collected burst_with(Cluster& cluster, const std::function<void()>& fault, JobStatus& status) {
  auto client = connect(cluster.endpoint());
  auto job = client.open(slow_pipeline(), spec_of(kMaxBytes)).value();
  std::jthread submitter([&job] {
    submit(job, 0, kChunks, kMaxBytes);
    EXPECT_TRUE(job.close());
  });
  auto collected = read_all(job, [&](std::size_t count) {
    if (count != 1'000) return;
    EXPECT_GT(job.status().value().leased, 0U) << "the fault comes too late to hit a chunk";
    fault();
  });
  status = ended(job);
  return collected;
}

void expect_done(const JobStatus& status) {
  EXPECT_EQ(status.state, JobState::done);
  EXPECT_EQ(status.accepted, kChunks);
  EXPECT_EQ(status.done, kChunks);
  EXPECT_EQ(status.dead, 0U);
}

TEST(Crash, OfASessionProcessLosesAndDoublesNothing) {
  Cluster cluster;
  const auto worker = cluster.add_worker({"--sessions", "2"});
  JobStatus status;
  const auto collected = burst_with(
      cluster,
      [&] {
        for (const auto pid : cluster.session_pids(worker)) kill(pid, SIGKILL);
      },
      status);
  expect_every_output(collected);
  expect_done(status);
}

TEST(Crash, OfAWorkerLosesAndDoublesNothing) {
  Cluster cluster({"--lease-ttl", "2s"});
  const auto first = cluster.add_worker({"--sessions", "1"});
  cluster.add_worker({"--sessions", "1"});
  JobStatus status;
  const auto collected = burst_with(cluster, [&] { cluster.kill_worker(first); }, status);
  expect_every_output(collected);
  expect_done(status);
}

TEST(Crash, OfTheOnlyWorkerLeavesItsChunksToTheNext) {
  Cluster cluster({"--lease-ttl", "2s"});
  const auto first = cluster.add_worker();
  JobStatus status;
  const auto collected = burst_with(
      cluster,
      [&] {
        cluster.kill_worker(first);
        cluster.wait_for_worker(first);
        cluster.add_worker();
      },
      status);
  expect_every_output(collected);
  expect_done(status);
}

TEST(Crash, F4_OfAWorkerLeavesNoSessionProcess) {
  Cluster cluster({"--lease-ttl", "2s"});
  const auto worker = cluster.add_worker({"--sessions", "2"});
  std::vector<pid_t> sessions;
  JobStatus status;
  burst_with(
      cluster,
      [&] {
        sessions = cluster.session_pids(worker);
        cluster.kill_worker(worker);
        cluster.wait_for_worker(worker);
        cluster.add_worker();
      },
      status);
  ASSERT_FALSE(sessions.empty());
  for (const auto pid : sessions) EXPECT_TRUE(kill(pid, 0) != 0 && errno == ESRCH) << "process " << pid << " outlived its worker";
}

TEST(Crash, OfTheProducerIsHealedByTheSameKeyWithOtherBatchSizes) {
  Cluster cluster;
  cluster.add_worker();
  const auto folder = std::filesystem::temp_directory_path() / ("sublet-e2e-" + std::to_string(getpid()));
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const auto arguments = [&](std::size_t batch) {
    return std::vector<std::string>{cluster.endpoint(), folder.string(), std::to_string(kChunks), std::to_string(batch),
                                    std::to_string(kMaxBytes)};
  };
  auto first = start("e2e_producer", arguments(64));
  const auto written = [&] { return std::distance(std::filesystem::directory_iterator(folder), {}); };
  while (written() < 1'000 && !first.child.poll()) std::this_thread::yield();
  first.child.kill(SIGKILL);
  first.child.wait();
  ASSERT_LT(written(), static_cast<std::ptrdiff_t>(kChunks)) << "the producer had finished before it was killed";

  auto second = start("e2e_producer", arguments(37));
  EXPECT_EQ(second.ready.at("job"), first.ready.at("job"));
  EXPECT_TRUE(second.child.wait().clean());
  for (std::uint64_t id = 0; id < kChunks; ++id) {
    std::ifstream stream(folder / std::to_string(id), std::ios::binary);
    ASSERT_TRUE(stream) << "chunk " << id << " has no output";
    const std::string text(std::istreambuf_iterator<char>(stream), {});
    ASSERT_EQ(text, as_text(payload_of(id, kMaxBytes))) << "chunk " << id;
  }
  auto client = connect(cluster.endpoint());
  const auto jobs = client.jobs().value();
  ASSERT_EQ(jobs.size(), 1U);
  expect_done(jobs.front());
  std::filesystem::remove_all(folder);
}

TEST(Crash, OfTheBrokerIsToldToItsClients) {
  Cluster cluster;
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("echo/echo.yaml"), spec_of(kMaxBytes)).value();
  submit(job, 0, 100, kMaxBytes);
  ASSERT_TRUE(job.flush(30s));
  cluster.restart_broker();
  const auto status = job.wait(60s);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::jobs_lost) << to_text(status.error());

  cluster.add_worker();
  auto again = client.open(shipped("echo/echo.yaml"), spec_of(kMaxBytes)).value();
  submit(again, 0, 100, kMaxBytes);
  ASSERT_TRUE(again.close());
  EXPECT_EQ(read_all(again).outputs.size(), 100U);
}

TEST(Crash, OfTheBrokerLeavesTheWorkerReadyForTheNext) {
  Cluster cluster({"--heartbeat-ms", "200"});
  cluster.add_worker();
  JobSpec spec = spec_of(kMaxBytes);
  {
    auto client = connect(cluster.endpoint());
    auto job = client.open(shipped("echo/echo.yaml"), spec).value();
    submit(job, 0, 10, kMaxBytes);
    ASSERT_TRUE(job.close());
    EXPECT_EQ(read_all(job).outputs.size(), 10U);
  }
  cluster.restart_broker();
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("echo/echo.yaml"), spec).value();
  submit(job, 0, 10, kMaxBytes);
  ASSERT_TRUE(job.close());
  EXPECT_EQ(read_all(job).outputs.size(), 10U);
}

TEST(Crash, ARunThatIsLostOnItsWayIsHandedOutAgain) {
  Cluster cluster({"--drop-runs", "2", "--lease-ttl", "1500ms"});
  cluster.add_worker({"--sessions", "1"});
  JobStatus status;
  expect_every_output(burst_with(cluster, [] {}, status));
  expect_done(status);
}

TEST(Crash, AProducerThatNeverReturnsLeavesAJobThatEnds) {
  Cluster cluster;
  cluster.add_worker();
  JobId id;
  {
    auto client = connect(cluster.endpoint());
    auto spec = spec_of(kMaxBytes);
    spec.open_timeout = 300ms;
    auto job = client.open(shipped("echo/echo.yaml"), spec).value();
    submit(job, 0, 10, kMaxBytes);
    ASSERT_TRUE(job.flush(30s));
    id = job.id();
  }
  auto client = connect(cluster.endpoint());
  const auto status = client.wait(id, 60s);
  ASSERT_TRUE(status) << to_text(status.error());
  EXPECT_EQ(status->state, JobState::done);
  EXPECT_EQ(status->done, 10U);
}

}  // namespace
}  // namespace sublet::test
