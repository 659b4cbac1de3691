// Kernels as nvcc 13 writes them, for its two code generators, against the same in plain C++.

#include <array>
#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>
#include <span>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gpu-worker/devices/cpu/device.hpp"
#include "paths.hpp"
#include "tests/conformance/packed.hpp"

namespace sublet::cpu {
namespace {

using conformance::Packed;
using ::testing::HasSubstr;

std::string text_of(const std::string& name) {
  std::ifstream file(SUBLET_SOURCE_DIR "/tests/gpu-worker/cpu/ptx/" + name);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

class NvccKernels : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { session_ = *device_->open_session({.slice = 64_MiB, .kernel_time_limit = 60s}); }

  ModuleId load(const std::string& module) {
    const auto loaded = session_->module_load(as_view(text_of(module + "." + GetParam() + ".ptx")));
    EXPECT_TRUE(loaded) << to_text(loaded.error());
    return loaded.value_or(ModuleId{});
  }
  template <class T>
  MemHandle buffer(const std::vector<T>& values) {
    const MemHandle made = *session_->mem_alloc({std::max<std::size_t>(1, values.size() * sizeof(T))});
    if (!values.empty()) {
      EXPECT_TRUE(session_->mem_write({}, made, 0, std::as_bytes(std::span(values))));
      EXPECT_TRUE(session_->sync({}));
    }
    return made;
  }
  template <class T>
  std::vector<T> read(MemHandle from, std::size_t count) {
    std::vector<T> into(count);
    EXPECT_TRUE(session_->mem_read({}, from, 0, std::as_writable_bytes(std::span(into))));
    const auto synced = session_->sync({});
    EXPECT_TRUE(synced) << to_text(synced.error());
    return into;
  }
  void run(ModuleId module, std::string_view kernel, std::size_t count, const Packed& arguments) {
    const auto launched = session_->launch(
        {}, arguments.launch(module, kernel, {static_cast<std::uint32_t>((count + 255) / 256 + (count == 0 ? 1 : 0)), 1, 1}, {256, 1, 1}));
    EXPECT_TRUE(launched) << to_text(launched.error());
  }

  std::unique_ptr<Device> device_ = make_cpu_device({.total = 64_MiB, .threads = 2});
  std::unique_ptr<Session> session_;
};

TEST_P(NvccKernels, O10_DecodeDenoiseEncodeMatchesTheHost) {
  const ModuleId module = load("seed");
  for (const std::uint32_t n : {0U, 1U, 255U, 256U, 257U, 1'000'000U}) {
    std::vector<std::uint8_t> raw(n);
    std::vector<std::uint8_t> wanted(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      raw[i] = static_cast<std::uint8_t>(i * 2654435761U >> 24U);
      const float decoded = static_cast<float>(raw[i]) / 255.0F;
      wanted[i] = static_cast<std::uint8_t>((decoded > 0.1F ? decoded : 0.0F) * 255.0F);
    }
    const MemHandle in = buffer(raw);
    const MemHandle a = *session_->mem_alloc({n * 4ULL + 1});
    const MemHandle b = *session_->mem_alloc({n * 4ULL + 1});
    run(module, "decode", n, Packed().add(in.value).add(a.value).add(n));
    run(module, "denoise", n, Packed().add(a.value).add(b.value).add(n).add(0.1F));
    run(module, "encode", n, Packed().add(b.value).add(in.value).add(n));
    EXPECT_EQ(read<std::uint8_t>(in, n), wanted) << n;
    for (const MemHandle used : {in, a, b}) {
      ASSERT_TRUE(session_->mem_free(used));
    }
  }
}

TEST_P(NvccKernels, O9_ScaleThenBiasRunInOrder) {
  std::vector<float> values(1024);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(i);
  }
  const ModuleId module = load("seed");
  const MemHandle data = buffer(values);
  run(module, "scale", 1024, Packed().add(data.value).add(1024).add(2.0F));
  run(module, "bias", 1024, Packed().add(data.value).add(1024).add(10.0F));
  const auto made = read<float>(data, 1024);
  EXPECT_EQ(made[0], 10.0F);
  EXPECT_EQ(made[1], 12.0F);
  EXPECT_EQ(made[100], 210.0F);
}

TEST_P(NvccKernels, LoopsWhoseThreadsPartCountAsOneThreadWould) {
  constexpr std::uint32_t kCount = 3000;
  std::vector<std::uint32_t> in(kCount);
  std::vector<std::uint32_t> wanted(kCount);
  for (std::uint32_t i = 0; i < kCount; ++i) {
    in[i] = i * 7;
    for (std::uint32_t v = in[i]; v > 1; v = (v & 1U) != 0 ? 3 * v + 1 : v / 2) {
      if (++wanted[i] > 1000) {
        break;
      }
    }
  }
  const MemHandle from = buffer(in);
  const MemHandle to = buffer(wanted);
  run(load("seed"), "collatz", kCount, Packed().add(from.value).add(to.value).add(kCount));
  EXPECT_EQ(read<std::uint32_t>(to, kCount), wanted);
}

TEST_P(NvccKernels, NestedLoopsWithContinueBreakAndReturn) {
  constexpr int kCount = 777;
  std::vector<int> in(kCount);
  std::vector<int> wanted(kCount);
  for (int i = 0; i < kCount; ++i) {
    in[i] = i * 31 % 50;
    int sum = 0;
    for (int a = 0; a < in[i] % 7 && sum <= 40; ++a) {
      if (a == 3) {
        continue;
      }
      for (int b = a; b < 5; ++b) {
        if ((i + b) % 5 == 0) {
          break;
        }
        sum += a * b + 1;
      }
    }
    wanted[i] = sum > 40 ? -sum : sum;
  }
  const MemHandle from = buffer(in);
  const MemHandle to = buffer(std::vector<int>(kCount));
  run(load("seed"), "nested", kCount, Packed().add(from.value).add(to.value).add(kCount));
  EXPECT_EQ(read<int>(to, kCount), wanted);
}

TEST_P(NvccKernels, ThreadsKnowWhereTheyAre) {
  const ModuleId module = load("seed");
  const Dim3 grid = {3, 2, 2};
  const Dim3 block = {5, 3, 2};
  const MemHandle out = *session_->mem_alloc({12 * 30 * 4});
  ASSERT_TRUE(session_->launch({}, Packed().add(out.value).launch(module, "where_am_i", grid, block)));
  const auto made = read<std::uint32_t>(out, 12 * 30);
  for (std::uint32_t b = 0; b < 12; ++b) {
    for (std::uint32_t t = 0; t < 30; ++t) {
      const std::uint32_t wanted = (b % 3 << 24U) + (b / 3 % 2 << 20U) + (b / 6 << 16U) + (t % 5 << 8U) + (t / 5 % 3 << 4U) + t / 15;
      ASSERT_EQ(made[b * 30 + t], wanted) << b << " " << t;
    }
  }
}

__extension__ using Int128 = __int128;

struct Mixed {
  float a[4];
  std::int32_t b[2];
  double c;
  std::int16_t s;
  std::int8_t k;
  std::uint8_t unused[13];
};

TEST_P(NvccKernels, StructuresTravelInArgumentsAndMemory) {
  std::vector<Mixed> in;
  std::vector<Mixed> wanted;
  const Mixed by = {.a = {1, 2.5F, 3, 4}, .b = {3, 4}, .c = 0.25, .s = 5, .k = 6, .unused = {}};
  for (int i = 0; i < 300; ++i) {
    const auto f = static_cast<float>(i);
    Mixed p = {.a = {f, f + 1, f + 2, f / 3},
               .b = {i, i * 100 - 5000},
               .c = f,
               .s = static_cast<std::int16_t>(i * 100 - 15000),
               .k = static_cast<std::int8_t>(i),
               .unused = {}};
    in.push_back(p);
    p.a[0] += by.a[1];
    p.a[3] *= 0.7F;
    p.b[1] /= by.b[0];
    p.c = std::sqrt(p.c) + by.c;
    p.s = static_cast<std::int16_t>(p.s % 7);
    p.k = static_cast<std::int8_t>(p.k + by.k);
    wanted.push_back(p);
  }
  static_assert(sizeof(Mixed) == 48, "as the kernel has it with its 16-byte alignment");
  const MemHandle from = buffer(in);
  const MemHandle to = buffer(in);
  run(load("numbers"), "structures", in.size(), Packed().add(from.value).add(to.value).add(static_cast<int>(in.size())).add(by).add(0.7F));
  const auto made = read<Mixed>(to, in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    ASSERT_EQ(std::memcmp(&made[i], &wanted[i], offsetof(Mixed, unused)), 0) << i;
  }
}

TEST_P(NvccKernels, SixtyFourBitIntegers) {
  std::vector<std::int64_t> a;
  std::vector<std::int64_t> b;
  std::vector<std::int64_t> wanted;
  using U = std::uint64_t;
  for (std::int64_t i = 1; i <= 600; ++i) {
    a.push_back(static_cast<std::int64_t>(static_cast<U>(i) * 0x9e3779b97f4a7c15U));
    b.push_back(i % 3 == 0 ? i : static_cast<std::int64_t>(static_cast<U>(i) * 0xbf58476d1ce4e5b9U | 1U));
    const std::int64_t x = a.back();
    const std::int64_t y = b.back();
    U reversed = 0;
    for (int bit = 0; bit < 64; ++bit) {
      reversed |= (static_cast<U>(x) >> bit & 1U) << (63 - bit);
    }
    const U sum = static_cast<U>(x / y) + static_cast<U>(x % y) + static_cast<U>(x) / static_cast<U>(y) +
                  static_cast<U>(static_cast<std::int64_t>((static_cast<Int128>(x) * y) >> 64)) +
                  static_cast<U>(std::popcount(static_cast<U>(x))) + static_cast<U>(std::countl_zero(static_cast<U>(y))) +
                  static_cast<U>(x >> (y & 63)) + reversed + static_cast<U>(std::countr_zero(static_cast<U>(y)) + 1);
    wanted.push_back(static_cast<std::int64_t>(sum));
  }
  const MemHandle out = buffer(wanted);
  run(load("numbers"), "integers", a.size(),
      Packed().add(buffer(a).value).add(buffer(b).value).add(out.value).add(static_cast<int>(a.size())));
  EXPECT_EQ(read<std::int64_t>(out, a.size()), wanted);
}

TEST_P(NvccKernels, SwitchesAndTables) {
  const ModuleId numbers = load("numbers");
  std::vector<int> in;
  std::vector<int> wanted;
  std::vector<float> looked_up;
  constexpr float kTable[] = {1.5F, -2.0F, 0.25F, 1e9F};
  for (int i = 0; i < 500; ++i) {
    in.push_back(i % 9);
    const int cases[] = {4, 7, in[0] * 3, 99, i, i * i};
    wanted.push_back(in[i] < 6 ? cases[in[i]] : -1);
    looked_up.push_back(kTable[in[i] & 3] + static_cast<float>(10 + 10 * (in[i] % 3)));
  }
  const MemHandle from = buffer(in);
  const MemHandle out = buffer(wanted);
  run(numbers, "choose", in.size(), Packed().add(from.value).add(out.value).add(500));
  EXPECT_EQ(read<int>(out, in.size()), wanted);
  run(numbers, "tables", in.size(), Packed().add(from.value).add(out.value).add(500));
  EXPECT_EQ(read<float>(out, in.size()), looked_up);
}

TEST_P(NvccKernels, E5_NamesKernelThreadAndAddressOfAWildWrite) {
  const ModuleId module = load("seed");
  const MemHandle data = *session_->mem_alloc(64_B);
  ASSERT_TRUE(session_->launch({}, Packed().add(data.value).add(std::int64_t{16}).launch(module, "poke", {3, 1, 1}, {32, 1, 1})));
  const auto synced = session_->sync({});
  ASSERT_FALSE(synced);
  EXPECT_EQ(synced.error().code, ErrorCode::sync_failed);
  EXPECT_THAT(synced.error().detail,
              HasSubstr("kernel \"poke\" (launch 1 since the last sync) failed: thread (0,0,0) of block (0,0,0) writes 4 bytes"));
  EXPECT_THAT(synced.error().detail, HasSubstr(fmt::format("{:#x}", data.value + 64)));
}

TEST_P(NvccKernels, E5_AMisalignedAccessIsAnErrorAsOnTheCard) {
  const MemHandle data = *session_->mem_alloc(64_B);
  ASSERT_TRUE(session_->launch({}, Packed().add(data.value + 2).add(std::int64_t{1}).launch(load("seed"), "poke", {1, 1, 1}, {1, 1, 1})));
  EXPECT_THAT(session_->sync({}).error().detail, HasSubstr("not aligned"));
}

TEST_P(NvccKernels, E4_LaunchBoundsHold) {
  const ModuleId module = load("seed");
  const MemHandle data = *session_->mem_alloc(1_KiB);
  EXPECT_TRUE(session_->launch({}, Packed().add(data.value).launch(module, "bounded", {1, 1, 1}, {64, 1, 1})));
  EXPECT_THAT(session_->launch({}, Packed().add(data.value).launch(module, "bounded", {1, 1, 1}, {65, 1, 1})).error().detail,
              HasSubstr(".maxntid"));
}

INSTANTIATE_TEST_SUITE_P(Generators, NvccKernels, ::testing::Values("sm_75", "sm_120"), [](const auto& given) { return given.param; });

/// A kernel k(u64 out): %o is `out`, %x, %y and %z are the block.
std::string of_blocks(std::string_view body) {
  return fmt::format(
      ".version 8.0\n.target sm_75\n.address_size 64\n.visible .entry k(.param .u64 out)\n{{\n.reg .b64 %o;\n.reg .b32 %x, %y, %z, %n;\n"
      ".reg .pred %p;\nld.param.u64 %o, [out];\nmov.u32 %x, %ctaid.x;\nmov.u32 %y, %ctaid.y;\nmov.u32 %z, %ctaid.z;\n{}\nret;\n}}\n",
      body);
}

const std::string kCountBlocks = of_blocks(
    "red.global.add.u32 [%o], 1;\nred.global.max.u32 [%o+4], %x;\nred.global.max.u32 [%o+8], %y;\nred.global.max.u32 [%o+12], %z;");

TEST(CpuDevice, RunsEveryBlockOfAGridThatIsLongInAnyDimension) {
  const auto device = make_cpu_device({.total = 1_MiB, .threads = 2});
  for (const Dim3 grid : {Dim3{70'001, 1, 1}, {1, 65'535, 1}, {1, 1, 65'535}, {3, 5, 7}}) {
    const auto session = *device->open_session({.slice = 1_MiB});
    const ModuleId module = *session->module_load(as_view(kCountBlocks));
    const MemHandle out = *session->mem_alloc(16_B);
    ASSERT_TRUE(session->launch({}, Packed().add(out.value).launch(module, "k", grid, {1, 1, 1})));
    std::array<std::uint32_t, 4> seen{};
    ASSERT_TRUE(session->mem_read({}, out, 0, std::as_writable_bytes(std::span(seen))));
    ASSERT_TRUE(session->sync({}));
    EXPECT_EQ(seen, (std::array<std::uint32_t, 4>{grid[0] * grid[1] * grid[2], grid[0] - 1, grid[1] - 1, grid[2] - 1}));
  }
}

TEST(CpuDevice, TakesTheLargestGridThatPtxHasAndNoLargerOne) {
  const auto device = make_cpu_device({.total = 1_MiB, .threads = 2});
  const auto session = *device->open_session({.slice = 1_MiB, .kernel_time_limit = 20ms});
  const ModuleId module = *session->module_load(as_view(kCountBlocks));
  const MemHandle out = *session->mem_alloc(16_B);
  for (const Dim3 grid : {Dim3{0x8000'0000, 1, 1}, {1, 65'536, 1}, {1, 1, 65'536}}) {
    EXPECT_FALSE(session->launch({}, Packed().add(out.value).launch(module, "k", grid, {1, 1, 1})));
  }
  ASSERT_TRUE(session->launch({}, Packed().add(out.value).launch(module, "k", {0x7fff'ffff, 65'535, 65'535}, {1, 1, 1})));
  EXPECT_EQ(session->sync({}).error().code, ErrorCode::kernel_timeout) << "it runs, for as long as it may";
}

TEST(CpuDevice, BlocksThatWaitForMoreBlocksThanRunAtATimeEndAtTheTimeLimit) {
  const auto device = make_cpu_device({.total = 1_MiB, .threads = 2});
  const auto session = *device->open_session({.slice = 4_KiB, .kernel_time_limit = 50ms});
  const auto neighbour = *device->open_session({.slice = 4_KiB});
  // All of the grid is waited for by each of its blocks.
  const std::string text =
      of_blocks("red.global.add.u32 [%o], 1;\nWAIT:\nld.volatile.global.u32 %n, [%o];\nsetp.lt.u32 %p, %n, 64;\n@%p bra WAIT;");
  const ModuleId module = *session->module_load(as_view(text));
  const MemHandle out = *session->mem_alloc(16_B);
  ASSERT_TRUE(session->launch({}, Packed().add(out.value).launch(module, "k", {64, 1, 1}, {32, 1, 1})));
  EXPECT_EQ(session->sync({}).error().code, ErrorCode::kernel_timeout);
  EXPECT_TRUE(neighbour->module_load(as_view(kCountBlocks)));
  EXPECT_TRUE(neighbour->sync({}));
}

TEST(CpuDevice, E3_NamesOpcodeKernelAndLineOfWhatItLacks) {
  const auto device = make_cpu_device({.total = 1_MiB, .threads = 1});
  const auto session = *device->open_session({.slice = 1_MiB});
  const auto refused = session->module_load(
      as_view(".version 8.0\n.target sm_90a\n.address_size 64\n.visible .entry gemm()\n{\nwgmma.fence.sync.aligned;\nret;\n}\n"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(to_text(refused.error()),
            "load_failed: opcode wgmma.fence.sync.aligned is not supported by the cpu device (kernel \"gemm\", line 6); PTX 8.0 for "
            "sm_90a; run it on a "
            "CUDA device or leave it out");
}

TEST(CpuDevice, E2_ACardThatIsFullSaysSo) {
  const auto device = make_cpu_device({.total = 1_MiB, .threads = 1});
  const auto first = *device->open_session({.slice = 1_MiB});
  const auto second = *device->open_session({.slice = 1_MiB});
  ASSERT_TRUE(first->mem_alloc(1_MiB));
  EXPECT_EQ(second->mem_alloc(1_B).error().code, ErrorCode::alloc_failed_device);
  EXPECT_EQ(device->open_session({.slice = 2_MiB}).error().code, ErrorCode::alloc_failed_device);
}

TEST(CpuDevice, F5_ASessionCannotReachAnothersAddresses) {
  const auto device = make_cpu_device({.total = 1_MiB, .threads = 1});
  const auto mine = *device->open_session({.slice = 1_KiB});
  const auto other = *device->open_session({.slice = 1_KiB});
  const MemHandle theirs = *other->mem_alloc(64_B);
  const ModuleId module = *mine->module_load(as_view(conformance::kSuiteModule));
  ASSERT_TRUE(mine->launch({}, Packed().add(theirs.value).launch(module, "poke", {1, 1, 1}, {1, 1, 1})));
  EXPECT_EQ(mine->sync({}).error().code, ErrorCode::sync_failed);
  std::array<std::byte, 64> bytes{};
  ASSERT_TRUE(other->mem_read({}, theirs, 0, bytes));
  ASSERT_TRUE(other->sync({}));
  EXPECT_EQ(bytes, (std::array<std::byte, 64>{}));
}

}  // namespace
}  // namespace sublet::cpu
