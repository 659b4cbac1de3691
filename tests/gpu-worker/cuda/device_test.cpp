// What a CUDA card does beyond what every device does. Skipped where there is no card.

#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gpu-worker/devices/cuda/nvml.hpp"
#include "tests/conformance/packed.hpp"
#include "tests/gpu-worker/cuda/card.hpp"

namespace sublet::test {
namespace {

using conformance::kSuiteModule;
using conformance::Packed;

class CudaDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    device_ = first_card();
    if (device_ == nullptr) {
      GTEST_SKIP() << "this host has no CUDA card";
    }
  }
  std::unique_ptr<Session> open(Bytes slice = 64_MiB) {
    auto session = device_->open_session({.slice = slice});
    EXPECT_TRUE(session) << to_text(session.error());
    return std::move(*session);
  }

  std::unique_ptr<Device> device_;
};

TEST_F(CudaDevice, TellsWhatItsContextTakes) {
  const DeviceInfo& info = device_->info();
  EXPECT_EQ(info.kind, "cuda");
  EXPECT_GT(info.context_overhead, 64_MiB);
  EXPECT_LT(info.context_overhead, 4_GiB);
  EXPECT_GT(info.total, 1_GiB);
}

/// touch(u32* out): each thread fills so many bytes of its own and sums up what it finds there.
std::string local_module(std::uint32_t bytes) {
  return fmt::format(R"(
.version 7.0
.target sm_75
.address_size 64
.visible .entry touch(.param .u64 out) {{
  .local .align 16 .b8 frame[{}];
  .reg .pred %p<2>; .reg .b32 %r<6>; .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [out];
  mov.u64 %rd2, frame;
  mov.u32 %r1, 0;
FILL:
  cvt.u64.u32 %rd3, %r1;
  add.s64 %rd4, %rd2, %rd3;
  mov.u32 %r4, 1;
  st.local.u32 [%rd4], %r4;
  add.u32 %r1, %r1, 4;
  setp.lt.u32 %p1, %r1, {};
  @%p1 bra FILL;
  mov.u32 %r1, 0;
  mov.u32 %r2, 0;
SUM:
  cvt.u64.u32 %rd3, %r1;
  add.s64 %rd4, %rd2, %rd3;
  ld.local.u32 %r3, [%rd4];
  add.u32 %r2, %r2, %r3;
  add.u32 %r1, %r1, 4;
  setp.lt.u32 %p1, %r1, {};
  @%p1 bra SUM;
  st.global.u32 [%rd1], %r2;
  ret;
}}
)",
                     bytes, bytes, bytes);
}

TEST_F(CudaDevice, L9_LocalMemoryThatAModuleNeedsIsMeasuredWhenItIsLoaded) {
  const auto nvml = cuda::Nvml::load();
  ASSERT_TRUE(nvml);
  const auto used = [&] { return nvml->cards().value().front().used; };
  const auto session = open();
  const Bytes before = device_->overhead();
  const Bytes used_before = used();
  EXPECT_GE(before, device_->info().context_overhead);
  const auto module = session->module_load(as_view(local_module(8192)));
  ASSERT_TRUE(module) << to_text(module.error());
  const Bytes loaded = device_->overhead();
  // 7 KiB more than the first 1 KiB for each of the tens of thousands of threads that a card holds.
  EXPECT_GT(loaded, before + 100_MiB);
  EXPECT_GT(used(), used_before + 100_MiB) << "and the card has it less";
  EXPECT_LT(loaded - before, used() - used_before + 128_MiB);
  EXPECT_GT(loaded - before + 128_MiB, used() - used_before);
  const auto out = session->mem_alloc(4_B);
  ASSERT_TRUE(session->launch({}, Packed().add_buffer(*out).launch(*module, "touch", {64, 1, 1}, {256, 1, 1})));
  std::uint32_t sum = 0;
  ASSERT_TRUE(session->mem_read({}, *out, 0, std::as_writable_bytes(std::span(&sum, 1))));
  ASSERT_TRUE(session->sync({}));
  EXPECT_EQ(sum, 2048U);
  EXPECT_LT(device_->overhead(), loaded + 64_MiB) << "nothing is left to grow at the launch";
}

TEST_F(CudaDevice, L9_BuffersAreNotCountedAsOverhead) {
  const auto session = open(2_GiB);
  const Bytes before = device_->overhead();
  ASSERT_TRUE(session->mem_alloc(1_GiB));
  EXPECT_LT(device_->overhead(), before + 64_MiB);
}

TEST_F(CudaDevice, E2_LocalMemoryThatTheCardHasNotIsADeviceErrorWhenTheModuleIsLoaded) {
  const auto session = open(device_->info().total);
  // All but what 400 KiB for each thread would take.
  std::vector<MemHandle> held;
  while (const auto block = session->mem_alloc(1_GiB)) {
    held.push_back(*block);
  }
  const auto module = session->module_load(as_view(local_module(400U << 10U)));
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error().code, ErrorCode::alloc_failed_device) << to_text(module.error());
  EXPECT_TRUE(session->sync({})) << "the session stays usable";
}

TEST_F(CudaDevice, O6_ALaunchReturnsLongBeforeItsKernelEnds) {
  const auto session = open();
  const auto flag = session->mem_alloc(4_B);
  const auto module = session->module_load(as_view(kSuiteModule));
  ASSERT_TRUE(module);
  const auto second = session->stream_create();
  ASSERT_TRUE(session->launch({}, Packed().add(flag->value).launch(*module, "spin", {1, 1, 1}, {1, 1, 1})));
  // Only because the launch above has returned can its kernel be released here.
  ASSERT_TRUE(session->launch(*second, Packed().add(flag->value).add(std::uint64_t{1}).launch(*module, "store", {1, 1, 1}, {1, 1, 1})));
  EXPECT_TRUE(session->sync({}));
}

TEST_F(CudaDevice, E2_ACardThatIsFullIsADeviceErrorAndTheSessionGoesOn) {
  const auto session = open(device_->info().total);
  const auto refused = session->mem_alloc(device_->info().total);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::alloc_failed_device) << to_text(refused.error());
  EXPECT_TRUE(session->mem_alloc(1_MiB));
}

TEST_F(CudaDevice, L8_ASessionThatEndsGivesItsMemoryBack) {
  const auto nvml = cuda::Nvml::load();
  ASSERT_TRUE(nvml);
  const auto used = [&] { return nvml->cards().value().front().used; };
  auto session = open(2_GiB);
  const Bytes before = used();
  ASSERT_TRUE(session->mem_alloc(1_GiB));
  EXPECT_GE(used(), before + 1_GiB);
  session.reset();
  EXPECT_LE(used(), before + 64_MiB);
}

TEST_F(CudaDevice, L9_SixSessionsOfOneProcessRunTheirKernelsAtTheSameTime) {
  struct Tenant {
    std::unique_ptr<Session> session;
    MemHandle flag;
    ModuleId module;
    StreamId second;
  };
  // Everything is made first: the driver loads no module while kernels run.
  std::vector<Tenant> tenants;
  for (int i = 0; i < 6; ++i) {
    auto session = open();
    const auto flag = session->mem_alloc(4_B).value();
    const auto module = session->module_load(as_view(kSuiteModule)).value();
    const auto second = session->stream_create().value();
    tenants.push_back({std::move(session), flag, module, second});
  }
  for (const auto& [session, flag, module, second] : tenants) {
    ASSERT_TRUE(session->launch({}, Packed().add(flag.value).launch(module, "spin", {1, 1, 1}, {1, 1, 1})));
  }
  // Each spins until it is told, the last one first: if one had to wait for another, this would never end.
  for (int i = 5; i >= 0; --i) {
    const auto& [session, flag, module, second] = tenants[i];
    ASSERT_TRUE(session->launch(second, Packed().add(flag.value).add(std::uint64_t{1}).launch(module, "store", {1, 1, 1}, {1, 1, 1})));
    EXPECT_TRUE(session->sync({}));
  }
}

/// Reads or writes all of a number over a pipe between the two processes of a test.
std::uint64_t take(int fd) {
  std::uint64_t number = 0;
  EXPECT_EQ(::read(fd, &number, sizeof(number)), ssize_t{sizeof(number)});
  return number;
}
void give(int fd, std::uint64_t number) { EXPECT_EQ(::write(fd, &number, sizeof(number)), ssize_t{sizeof(number)}); }

/// Holds a buffer of sevens until it is told, and answers whether it still does.
int victim(int told, int tells) {
  const auto device = first_card();
  if (device == nullptr) {
    give(tells, 0);
    return 1;
  }
  const auto session = device->open_session({.slice = 1_MiB}).value();
  const auto buffer = session->mem_alloc(4_KiB).value();
  std::vector<std::uint64_t> sevens(512, 7);
  std::vector<std::uint64_t> seen(512);
  const bool written = session->mem_write({}, buffer, 0, std::as_bytes(std::span(sevens))) && session->sync({});
  give(tells, buffer.value);
  take(told);
  const bool read = session->mem_read({}, buffer, 0, std::as_writable_bytes(std::span(seen))) && session->sync({});
  return written && read && seen == sevens ? 0 : 1;
}

TEST(CudaProcesses, F5_AForgedPointerReachesNoOtherProcess) {
  std::array<int, 2> to_victim{};
  std::array<int, 2> from_victim{};
  ASSERT_EQ(::pipe(to_victim.data()), 0);
  ASSERT_EQ(::pipe(from_victim.data()), 0);
  // Before this process has touched the driver, which does not survive a fork.
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(victim(to_victim[0], from_victim[1]));
  }
  const std::uint64_t address = take(from_victim[0]);
  const auto device = first_card();
  if (device == nullptr) {
    ::waitpid(child, nullptr, 0);
    GTEST_SKIP() << "this host has no CUDA card";
  }
  const auto session = device->open_session({.slice = 1_MiB}).value();
  const auto module = session->module_load(as_view(kSuiteModule)).value();
  ASSERT_TRUE(session->launch({}, Packed().add(address).launch(module, "poke", {1, 1, 1}, {1, 1, 1})));
  // Here, too, something may lie at that address: whether it fails is not the point.
  [[maybe_unused]] const auto synced = session->sync({});
  give(to_victim[1], 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "the other process's memory is as it was";
}

TEST_F(CudaDevice, F2_AHangingKernelIsFoundAtItsLimitAndNamed) {
  auto session = device_->open_session({.slice = 1_MiB, .kernel_time_limit = 200ms}).value();
  const auto flag = session->mem_alloc(4_B);
  const auto module = session->module_load(as_view(kSuiteModule));
  ASSERT_TRUE(session->launch({}, Packed().add(flag->value).add(std::uint64_t{0}).launch(*module, "store", {1, 1, 1}, {1, 1, 1})));
  ASSERT_TRUE(session->launch({}, Packed().add(flag->value).launch(*module, "spin", {1, 1, 1}, {1, 1, 1})));
  const auto synced = session->sync({});
  ASSERT_FALSE(synced);
  EXPECT_EQ(synced.error().code, ErrorCode::kernel_timeout);
  EXPECT_NE(synced.error().detail.find("\"spin\" (launch 2"), std::string::npos) << synced.error().detail;
}

TEST_F(CudaDevice, F2_AReadBehindAHangingKernelDoesNotHang) {
  auto session = device_->open_session({.slice = 16_MiB, .kernel_time_limit = 200ms}).value();
  const auto buffer = session->mem_alloc(8_MiB);
  const auto module = session->module_load(as_view(kSuiteModule));
  ASSERT_TRUE(session->launch({}, Packed().add(buffer->value).launch(*module, "spin", {1, 1, 1}, {1, 1, 1})));
  std::vector<std::byte> large(8U << 20U);
  EXPECT_EQ(session->mem_read({}, *buffer, 0, large).error().code, ErrorCode::kernel_timeout);
}

}  // namespace
}  // namespace sublet::test
