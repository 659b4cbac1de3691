#include <algorithm>
#include <numeric>

#include "tests/gpu-worker/cpu/corpus.hpp"

namespace sublet::cpu {
namespace {

using CorpusOrder = Corpus;

TEST_P(CorpusOrder, ReductionWithShufflesAndAnAtomicSum) {
  const auto in = integers<int>(10'000, -100'000, 100'000);
  load("order");
  const MemHandle out = buffer(std::vector<std::int64_t>(1));
  run("reduce_sum", {7, 1, 1}, {256, 1, 1}, Packed().add(buffer(in).value).add(out.value).add(static_cast<int>(in.size())));
  EXPECT_EQ(read<std::int64_t>(out, 1)[0], std::accumulate(in.begin(), in.end(), std::int64_t{0}));
}

TEST_P(CorpusOrder, ScanOfABlock) {
  const auto in = integers<std::uint32_t>(1000, 0, 1 << 20);
  std::vector<std::uint32_t> wanted(in.size());
  for (std::size_t first = 0; first < in.size(); first += 256) {
    std::partial_sum(in.begin() + first, in.begin() + std::min(first + 256, in.size()), wanted.begin() + first);
  }
  load("order");
  const MemHandle out = buffer(std::vector<std::uint32_t>(in.size()));
  const MemHandle totals = buffer(std::vector<std::uint32_t>(4));
  run("scan", {4, 1, 1}, {256, 1, 1}, Packed().add(buffer(in).value).add(out.value).add(totals.value).add(1000));
  EXPECT_EQ(read<std::uint32_t>(out, in.size()), wanted);
  EXPECT_EQ(read<std::uint32_t>(totals, 4)[1], wanted[511]);
}

TEST_P(CorpusOrder, BitonicSort) {
  auto values = integers<int>(500, -1000, 1000);
  load("order");
  const MemHandle data = buffer(values);
  run("bitonic_sort", {1, 1, 1}, {512, 1, 1}, Packed().add(data.value).add(500), 512 * 4);
  std::ranges::sort(values);
  EXPECT_EQ(read<int>(data, values.size()), values);
}

TEST_P(CorpusOrder, RadixPassKeepsTheOrderOfEquals) {
  auto values = integers<std::uint32_t>(300, 0, 0xffffffff);
  load("order");
  MemHandle from = buffer(values);
  MemHandle to = buffer(values);
  for (int bit = 0; bit < 32; ++bit) {
    run("radix_pass", {1, 1, 1}, {320, 1, 1}, Packed().add(from.value).add(to.value).add(300).add(bit));
    std::swap(from, to);
  }
  std::ranges::sort(values);
  EXPECT_EQ(read<std::uint32_t>(from, values.size()), values);
}

TEST_P(CorpusOrder, HistogramWithSharedAtomics) {
  const auto in = integers<std::uint8_t>(20'000, 0, 200);
  std::vector<std::uint32_t> wanted(256);
  for (const std::uint8_t value : in) {
    ++wanted[value];
  }
  load("order");
  const MemHandle bins = buffer(std::vector<std::uint32_t>(256));
  run("histogram", {8, 1, 1}, {192, 1, 1}, Packed().add(buffer(in).value).add(bins.value).add(static_cast<int>(in.size())));
  EXPECT_EQ(read<std::uint32_t>(bins, 256), wanted);
}

TEST_P(CorpusOrder, CompactionByTheThreadsThatAreStillThere) {
  const auto in = integers<int>(3000, 0, 1 << 20);
  load("order");
  const MemHandle out = buffer(std::vector<int>(in.size()));
  const MemHandle count = buffer(std::vector<std::uint32_t>(1));
  run("compact", {12, 1, 1}, {256, 1, 1}, Packed().add(buffer(in).value).add(out.value).add(count.value).add(3000));
  std::vector<int> wanted;
  std::ranges::copy_if(in, std::back_inserter(wanted), [](int value) { return value % 3 == 0; });
  auto got = read<int>(out, in.size());
  got.resize(read<std::uint32_t>(count, 1)[0]);
  std::ranges::sort(got);
  std::ranges::sort(wanted);
  EXPECT_EQ(got, wanted);
}

TEST_P(CorpusOrder, TheLastBlockSeesWhatTheOthersWrote) {
  const std::vector<float> in(50'000, 0.5F);
  load("order");
  const MemHandle partial = buffer(std::vector<float>(16));
  const MemHandle done = buffer(std::vector<std::uint32_t>(1));
  const MemHandle out = buffer(std::vector<float>(1));
  for (int round = 0; round < 20; ++round) {
    run("last_block_sums", {16, 1, 1}, {128, 1, 1},
        Packed().add(buffer(in).value).add(partial.value).add(done.value).add(out.value).add(static_cast<int>(in.size())));
    ASSERT_EQ(read<float>(out, 1)[0], 25'000.0F);
  }
}

TEST_P(CorpusOrder, ALockIsTakenByOneThreadAfterTheOther) {
  load("order");
  const MemHandle lock = buffer(std::vector<std::uint32_t>(1));
  const MemHandle counter = buffer(std::vector<std::uint32_t>(1));
  run("spin_lock", {4, 1, 1}, {64, 1, 1}, Packed().add(lock.value).add(counter.value));
  EXPECT_EQ(read<std::uint32_t>(counter, 1)[0], 256U);
}

INSTANTIATE_TEST_SUITE_P(Compilers, CorpusOrder, ::testing::ValuesIn(kCorpusVariants), corpus_variant_name);

}  // namespace
}  // namespace sublet::cpu
