// Jobs by reference, whole: payloads and outputs stay in memory that producer and sessions share.

#include "tests/support/reference.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <sys/stat.h>

#include "tests/e2e/burst.hpp"
#include "tests/support/cluster.hpp"

namespace sublet::test {
namespace {

constexpr std::uint64_t kChunks = 3'000;
constexpr std::size_t kMaxBytes = 20'000;
/// Of some hundred chunks: places are used again and again.
constexpr ByReference kSmall{.memory = 8_MiB};

std::set<ino_t> mapped_files() {
  std::set<ino_t> files;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    std::string skipped;
    ino_t file = 0;
    fields >> skipped >> skipped >> skipped >> skipped >> file;
    files.insert(file);
  }
  return files;
}

/// The segments that this process has: others of the host have theirs beside them.
std::set<std::filesystem::path> segments() {
  const auto mapped = mapped_files();
  std::set<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    struct stat status{};
    if (!entry.path().filename().string().starts_with("sublet-segment-")) continue;
    if (::stat(entry.path().c_str(), &status) == 0 && mapped.contains(status.st_ino)) found.insert(entry.path());
  }
  return found;
}

/// A burst through the video pipeline, during which `fault` is called once, after 1,000 outputs.
void expect_whole_burst(Cluster& cluster, const std::function<void()>& fault = [] {}) {
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("video/video.yaml"), spec_of(kMaxBytes), kSmall).value();
  std::jthread submitter([&job] {
    submit(job, 0, kChunks, kMaxBytes);
    EXPECT_TRUE(job.close());
  });
  const auto collected = read_all(job, [&](std::size_t count) {
    if (count == 1'000) fault();
  });
  EXPECT_TRUE(collected.errors.empty());
  ASSERT_EQ(collected.outputs.size(), kChunks);
  for (const auto& [id, output] : collected.outputs) ASSERT_EQ(output, video_reference(payload_of(id, kMaxBytes), 0.1F)) << "chunk " << id;
  const auto status = ended(job);
  EXPECT_EQ(status.state, JobState::done);
  EXPECT_EQ(status.bytes_in, kChunks * 32) << "payloads have travelled";
}

TEST(Referred, EveryOutputIsRightAndNothingIsLeftBehind) {
  std::set<std::filesystem::path> used;
  {
    Cluster cluster;
    cluster.add_worker({"--sessions", "2"});
    expect_whole_burst(cluster, [&] { used = segments(); });
  }
  EXPECT_EQ(used.size(), 1U);
  for (const auto& segment : used) EXPECT_FALSE(std::filesystem::exists(segment)) << segment;
}

TEST(Referred, ADeadWorkerLosesAndDoublesNothing) {
  Cluster cluster({"--lease-ttl", "2s"});
  const auto first = cluster.add_worker({"--sessions", "2"});
  expect_whole_burst(cluster, [&] {
    cluster.kill_worker(first);
    cluster.add_worker({"--sessions", "2"});
  });
}

TEST(Referred, AStoppedWorkerThatGoesOnChangesNothing) {
  Cluster cluster({"--lease-ttl", "2s"});
  const auto first = cluster.add_worker({"--sessions", "1"});
  std::vector<pid_t> sessions;
  expect_whole_burst(cluster, [&] {
    sessions = cluster.session_pids(first);
    for (const auto pid : sessions) ::kill(pid, SIGSTOP);
    ::kill(cluster.worker_pid(first), SIGSTOP);
    cluster.add_worker({"--sessions", "1"});
  });
  for (const auto pid : sessions) ::kill(pid, SIGCONT);
  ::kill(cluster.worker_pid(first), SIGCONT);
}

TEST(Referred, PayloadsOfADeadProducerAreLostAndItsJobEnds) {
  Cluster cluster;
  auto client = connect(cluster.endpoint());
  JobId id;
  {
    auto owner = connect(cluster.endpoint());
    auto job = owner.open(shipped("echo/echo.yaml"), spec_of(1'000), kSmall).value();
    submit(job, 0, 10, 1'000);
    ASSERT_TRUE(job.close());
    id = job.id();
  }
  cluster.add_worker();
  const auto status = client.wait(id, 60s);
  ASSERT_TRUE(status) << to_text(status.error());
  EXPECT_EQ(status->state, JobState::failed);
  EXPECT_EQ(status->error, ErrorCode::payload_lost);
}

TEST(Referred, OutputsThatAreHeldHoldTheirPlaces) {
  Cluster cluster;
  cluster.add_worker();
  auto client = Client::connect({.brokers = {cluster.endpoint()}, .call_timeout = 200ms}).value();
  auto job = client.open(shipped("echo/echo.yaml"), spec_of(1'000), {.memory = {.count = 20'000}}).value();
  auto outputs = job.outputs();
  std::vector<Blob> held;
  Result<void> submitted;
  while (submitted = job.submit(ChunkId{held.size()}, ByteView(payload_of(held.size(), 1'000))), submitted) {
    held.push_back(outputs.next().value()->output.value());
  }
  EXPECT_EQ(submitted.error().code, ErrorCode::resource_exhausted);
  EXPECT_GT(held.size(), 3U);
  for (std::uint64_t id = 0; id < held.size(); ++id) {
    EXPECT_TRUE(std::ranges::equal(held[id].view(), payload_of(id, 1'000))) << "an output changed while it was held";
  }
  held.pop_back();
  EXPECT_TRUE(job.submit(ChunkId{1'000'000}, ByteView(payload_of(7, 1'000))));
}

TEST(Referred, AnOutputThatASecondReaderIsSentAgainIsNotSomebodyElses) {
  Cluster cluster;
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("echo/echo.yaml"), spec_of(1'000), kSmall).value();
  submit(job, 0, 10, 1'000);
  ASSERT_TRUE(job.close());
  std::uint64_t first = 0;
  {
    auto outputs = job.outputs();
    first = outputs.next().value()->id.value;
  }
  std::size_t others = 0;
  auto outputs = job.outputs();
  while (const auto output = outputs.next().value()) {
    if (output->id.value == first) {
      EXPECT_EQ(output->output.error().code, ErrorCode::payload_lost);
      continue;
    }
    EXPECT_TRUE(std::ranges::equal(output->output.value().view(), payload_of(output->id.value, 1'000)));
    ++others;
  }
  EXPECT_EQ(others, 9U);
}

TEST(Referred, OutputsAreNotReadInAnotherProcessNorTakenFromTheirReader) {
  Cluster cluster;
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("echo/echo.yaml"), spec_of(1'000), kSmall).value();
  submit(job, 0, 10, 1'000);
  ASSERT_TRUE(job.close());
  auto outputs = job.outputs();
  ASSERT_TRUE(outputs.next());

  auto other = connect(cluster.endpoint()).attach(job.id()).value();
  EXPECT_TRUE(other.status()->by_reference);
  const auto elsewhere = other.outputs().next();
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().code, ErrorCode::bad_argument);
  std::size_t others = 0;
  while (outputs.next().value()) ++others;
  EXPECT_EQ(others, 9U);
}

TEST(Referred, APayloadIsFilledInItsPlace) {
  Cluster cluster;
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("echo/echo.yaml"), spec_of(1'000), kSmall).value();
  EXPECT_EQ(job.place(1'001).error().code, ErrorCode::chunk_too_large);
  auto placed = job.place(3).value();
  std::ranges::copy(as_view("abc"), placed.bytes().begin());
  ASSERT_TRUE(job.submit(ChunkId{5}, std::move(placed)));
  auto outputs = job.outputs();
  EXPECT_EQ(as_text(outputs.next().value()->output.value().view()), "abc");
  auto travelling = client.open(shipped("echo/echo.yaml"), spec_of(1'000)).value();
  EXPECT_EQ(travelling.place(3).error().code, ErrorCode::bad_argument);
}

TEST(Referred, WhatCannotBeIsSaidWhenTheJobIsOpened) {
  Cluster cluster;
  auto client = connect(cluster.endpoint());
  const auto refusal = [&](JobSpec spec, ByReference how) {
    const auto job = client.open(shipped("echo/echo.yaml"), std::move(spec), how);
    return job ? ErrorCode::ok : job.error().code;
  };
  auto keyed = spec_of(1'000);
  keyed.idempotency_key = "again";
  EXPECT_EQ(refusal(keyed, kSmall), ErrorCode::bad_argument);
  EXPECT_EQ(refusal(spec_of(1'000), {.memory = {.count = 1'500}}), ErrorCode::bad_argument);
  EXPECT_EQ(refusal(spec_of(1'000), {.memory = {.count = std::uint64_t{1} << 40U}}), ErrorCode::resource_exhausted);
  auto summed = spec_of(1'000);
  summed.aggregate = AggregateKind::sum;
  EXPECT_EQ(refusal(summed, kSmall), ErrorCode::bad_argument);
  EXPECT_EQ(refusal(spec_of(31), kSmall), ErrorCode::bad_argument);
}

}  // namespace
}  // namespace sublet::test
