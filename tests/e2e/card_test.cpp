// The whole queue over a CUDA card: what a job does there, and what its faults do to others. Skipped where there is no card.

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include <fmt/format.h>

#include "gpu-worker/devices/cuda/nvml.hpp"
#include "tests/e2e/burst.hpp"
#include "tests/e2e/fault_pipeline.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/reference.hpp"

namespace sublet::test {
namespace {

constexpr std::size_t kLargest = 4096;

class CardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loaded = cuda::Nvml::load();
    if (!loaded) {
      GTEST_SKIP() << loaded.error().detail;
    }
    nvml_.emplace(std::move(*loaded));
    if (nvml_->cards().value().empty()) {
      GTEST_SKIP() << "this host has no CUDA card";
    }
    before_ = used();
  }
  [[nodiscard]] Bytes used() const { return nvml_->cards().value().front().used; }

  /// Waits until the card has no more in use than before the test; false after `patience`.
  [[nodiscard]] bool is_given_back(Millis patience) const {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (used() > before_ + 16_MiB) {
      if (std::chrono::steady_clock::now() > deadline) return false;
    }
    return true;
  }

  std::optional<cuda::Nvml> nvml_;
  Bytes before_;
};

JobSpec apart(JobSpec spec) {
  spec.isolation = Isolation::process;
  return spec;
}

void expect_reference(const Collected& collected, std::uint64_t chunks, std::size_t max_bytes) {
  ASSERT_EQ(collected.outputs.size(), chunks);
  for (const auto& [id, output] : collected.outputs) {
    ASSERT_EQ(output, video_reference(payload_of(id, max_bytes), 0.1F)) << "chunk " << id;
  }
}

TEST_F(CardTest, J2_ABurstMatchesTheReference) {
  Cluster cluster;
  cluster.add_worker({"--device", "cuda", "--sessions", "4"});
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("video/video.yaml"), spec_of(kLargest)).value();
  submit(job, 0, 5'000, kLargest);
  ASSERT_TRUE(job.close());
  expect_reference(read_all(job), 5'000, kLargest);
}

TEST_F(CardTest, L8_TheCardsMemoryIsFreeOnceTheWorkerIsGone) {
  {
    Cluster cluster;
    cluster.add_worker({"--device", "cuda", "--sessions", "2"});
    auto client = connect(cluster.endpoint());
    auto job = client.open(shipped("video/video.yaml"), spec_of(16U << 20U)).value();
    submit(job, 0, 4, 16U << 20U);
    ASSERT_TRUE(job.close());
    EXPECT_EQ(read_all(job).outputs.size(), 4U);
    EXPECT_GT(used(), before_ + 256_MiB);
  }
  EXPECT_TRUE(is_given_back(1s));
}

/// A chunk takes as many nanoseconds as it says, and answers from when until when, by the card's clock.
Bundle interval_pipeline(const std::string& slice) {
  auto bundle = fault_pipeline("interval", "card_time.ptx");
  bundle.pipeline.buffers = {{.name = "data", .bytes = "n"}, {.name = "slice", .bytes = slice}};
  bundle.pipeline.lanes = 1;
  bundle.pipeline.time_limit_ms = 60'000;
  bundle.pipeline.stages.front().args = {{.type = ArgumentType::buffer, .value = "data"},
                                         {.type = ArgumentType::buffer, .value = "slice"},
                                         {.type = ArgumentType::u64, .value = slice}};
  return bundle;
}

TEST_F(CardTest, L9_SixLeasesOf7GibibytesRunAtTheSameTimeOnABudgetOf48) {
  if (nvml_->cards().value().front().total < 49_GiB) GTEST_SKIP() << "the card has less than 49 GiB";
  Cluster cluster;
  cluster.add_worker({"--device", "cuda", "--sessions", "6", "--vram", "48GiB"});
  auto client = connect(cluster.endpoint());
  auto job = client.open(interval_pipeline("7 * 1024 * 1024 * 1024"), spec_of(64)).value();
  const auto submit_long = [&](std::uint64_t first, std::uint64_t count, std::uint64_t nanoseconds) {
    const std::array<std::uint64_t, 2> payload = {nanoseconds, 0};
    std::vector<ChunkView> chunks(count, ChunkView{.id = {}, .payload = std::as_bytes(std::span(payload))});
    for (std::uint64_t i = 0; i < count; ++i) chunks[i].id = ChunkId{first + i};
    ASSERT_TRUE(job.submit(std::span<const ChunkView>(chunks)));
  };
  // Work enough that all sessions come up; then one chunk for each.
  submit_long(100, 200, 10'000'000);
  auto status = job.status().value();
  while (status.done < 200) status = job.status().value();
  ASSERT_EQ(status.sessions, 6U);
  submit_long(0, 6, 500'000'000);
  ASSERT_TRUE(job.close());
  auto collected = read_all(job);
  std::erase_if(collected.outputs, [](const auto& output) { return output.first >= 100; });
  ASSERT_EQ(collected.outputs.size(), 6U) << (collected.errors.empty() ? "" : to_text(collected.errors.begin()->second));
  std::uint64_t last_begin = 0;
  std::uint64_t first_end = ~std::uint64_t{0};
  for (const auto& [id, output] : collected.outputs) {
    std::array<std::uint64_t, 2> times{};
    ASSERT_EQ(output.size(), sizeof times);
    std::memcpy(times.data(), output.data(), sizeof times);
    last_begin = std::max(last_begin, times[0]);
    first_end = std::min(first_end, times[1]);
  }
  EXPECT_LT(last_begin, first_end);
}

/// Answers 2048 in the first four bytes of a chunk, by way of 8 KiB of local memory a thread.
constexpr std::string_view kLocalModule = R"(
.version 7.0
.target sm_75
.address_size 64
.visible .entry touch(.param .u64 data, .param .u32 n) {
  .local .align 16 .b8 frame[8192];
  .reg .pred %p<2>; .reg .b32 %r<6>; .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [data];
  mov.u64 %rd2, frame;
  mov.u32 %r1, 0;
FILL:
  cvt.u64.u32 %rd3, %r1;
  add.s64 %rd4, %rd2, %rd3;
  mov.u32 %r4, 1;
  st.local.u32 [%rd4], %r4;
  add.u32 %r1, %r1, 4;
  setp.lt.u32 %p1, %r1, 8192;
  @%p1 bra FILL;
  mov.u32 %r1, 0;
  mov.u32 %r2, 0;
SUM:
  cvt.u64.u32 %rd3, %r1;
  add.s64 %rd4, %rd2, %rd3;
  ld.local.u32 %r3, [%rd4];
  add.u32 %r2, %r2, %r3;
  add.u32 %r1, %r1, 4;
  setp.lt.u32 %p1, %r1, 8192;
  @%p1 bra SUM;
  st.global.u32 [%rd1], %r2;
  ret;
}
)";

TEST_F(CardTest, L9_LocalMemoryOfKernelsIsNotOfferedToOthers) {
  Cluster cluster;
  cluster.add_worker({"--device", "cuda", "--sessions", "2"});
  auto client = connect(cluster.endpoint());
  const auto at_first = client.workers().value().front().free_bytes;
  auto bundle = fault_pipeline("touch");
  bundle.modules = {{.name = "faults", .image = {as_view(kLocalModule).begin(), as_view(kLocalModule).end()}}};
  auto job = client.open(bundle, spec_of(64)).value();
  submit(job, 0, 8, 64);
  auto status = job.status().value();
  while (status.done + status.dead < 8) status = job.status().value();
  EXPECT_EQ(status.dead, 0U) << status.error_detail;
  // Its session is still there. 7 KiB more than at first for each of tens of thousands of threads.
  EXPECT_LT(client.workers().value().front().free_bytes + (100_MiB).count, at_first);
  ASSERT_TRUE(job.close());
}

TEST_F(CardTest, MpsTenantsRunThroughTheOperatorsDaemonAndOthersDoNot) {
  Cluster cluster;
  cluster.add_worker({"--device", "cuda", "--sessions", "4"});
  auto client = connect(cluster.endpoint());
  if (!client.workers().value().front().mps) GTEST_SKIP() << "no MPS daemon: start nvidia-cuda-mps-control -d";
  std::vector<Job> jobs;
  for (const auto& [tenant, isolation] :
       {std::pair("first", Isolation::mps), std::pair("second", Isolation::mps), std::pair("third", Isolation::tenant)}) {
    auto spec = spec_of(kLargest);
    spec.tenant = tenant;
    spec.isolation = isolation;
    jobs.push_back(client.open(shipped("video/video.yaml"), spec).value());
    submit(jobs.back(), 0, 3'000, kLargest);
  }
  auto worker = client.workers().value().front();
  while (worker.mps_leases < 2) worker = client.workers().value().front();
  EXPECT_LE(worker.mps_leases, worker.leases);
  for (Job& job : jobs) {
    ASSERT_TRUE(job.close());
    expect_reference(read_all(job), 3'000, kLargest);
  }
}

TEST_F(CardTest, ABurstRunsOnEveryCard) {
  const auto before = nvml_->cards().value();
  if (before.size() < 2) GTEST_SKIP() << "this host has one CUDA card";
  Cluster cluster;
  cluster.add_worker({"--device", "cuda", "--sessions", std::to_string(before.size())});
  auto client = connect(cluster.endpoint());
  auto spec = spec_of(16U << 20U);
  auto job = client.open(shipped("video/video.yaml"), spec).value();
  submit(job, 0, 400, 1U << 20U);
  ASSERT_TRUE(job.close());
  std::vector<Bytes> most(before.size());
  const auto collected = read_all(job, [&](std::size_t) {
    const auto now = nvml_->cards().value();
    for (std::size_t card = 0; card < now.size(); ++card) most[card] = std::max(most[card], now[card].used);
  });
  expect_reference(collected, 400, 1U << 20U);
  EXPECT_EQ(ended(job).sessions, before.size());
  // A context with its lanes' buffers takes more than half a gigabyte.
  for (std::size_t card = 0; card < before.size(); ++card) EXPECT_GT(most[card], before[card].used + 512_MiB) << "card " << card;
}

TEST_F(CardTest, F4_AKilledWorkerLeavesNoMemoryOfTheCardInUse) {
  Cluster cluster;
  const auto worker = cluster.add_worker({"--device", "cuda", "--sessions", "2"});
  auto client = connect(cluster.endpoint());
  auto job = client.open(fault_pipeline("endless"), spec_of(64)).value();
  ASSERT_TRUE(job.submit(ChunkId{1}, as_view(std::string(8, '\1'))));
  ASSERT_TRUE(job.close());
  cluster.kill_worker(worker, SIGKILL);
  EXPECT_TRUE(is_given_back(2s));
}

/// One chunk of twenty misbehaves, beside a neighbour in a process of its own.
class CardFault : public CardTest, public ::testing::WithParamInterface<std::tuple<const char*, const char*, ErrorCode>> {};

TEST_P(CardFault, E5_TakesItsOwnChunkAndNothingElse) {
  const auto [kernel, file, code] = GetParam();
  constexpr std::uint64_t kNeighbours = 3'000;
  Cluster cluster;
  cluster.add_worker({"--device", "cuda", "--sessions", "2", "--spares", "2"});
  auto client = connect(cluster.endpoint());
  auto neighbour = client.open(shipped("video/video.yaml"), apart(spec_of(kLargest))).value();
  submit(neighbour, 0, kNeighbours, kLargest);
  ASSERT_TRUE(neighbour.close());

  auto spec = apart(spec_of(64));
  spec.policy = PolicyKind::best_effort;
  auto bundle = fault_pipeline(kernel, file);
  // A card's driver may take longer than that to tell of a fault.
  if (code != ErrorCode::kernel_timeout) bundle.pipeline.time_limit_ms = 60'000;
  auto job = client.open(bundle, spec).value();
  for (std::uint64_t id = 0; id < 20; ++id) {
    const ByteVector payload(8, std::byte{id == 7 ? std::uint8_t{1} : std::uint8_t{0}});
    ASSERT_TRUE(job.submit(ChunkId{id}, ByteView(payload)));
  }
  ASSERT_TRUE(job.close());
  const auto collected = read_all(job);
  EXPECT_EQ(collected.outputs.size(), 19U);
  ASSERT_TRUE(collected.errors.contains(7));
  EXPECT_EQ(collected.errors.at(7).code, code) << to_text(collected.errors.at(7));
  EXPECT_NE(collected.errors.at(7).detail.find(kernel), std::string::npos) << collected.errors.at(7).detail;

  expect_reference(read_all(neighbour), kNeighbours, kLargest);
  const auto status = ended(neighbour);
  EXPECT_EQ(status.retries, 0U);
  EXPECT_EQ(status.dead, 0U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, CardFault,
                         ::testing::Values(std::tuple{"wild", "faults.ptx", ErrorCode::sync_failed},
                                           std::tuple{"misaligned", "card_faults.ptx", ErrorCode::sync_failed},
                                           std::tuple{"trap", "card_faults.ptx", ErrorCode::sync_failed},
                                           std::tuple{"overflow", "card_faults.ptx", ErrorCode::sync_failed},
                                           std::tuple{"endless", "faults.ptx", ErrorCode::kernel_timeout}),
                         [](const auto& given) { return std::get<0>(given.param); });

}  // namespace
}  // namespace sublet::test
