#pragma once

// What every device must do. A kind of device includes this in one test program and instantiates `DeviceSuite` with itself.

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpu-worker/device.hpp"
#include "tests/conformance/device_under_test.hpp"
#include "tests/conformance/packed.hpp"

namespace sublet::conformance {

class DeviceSuite : public ::testing::TestWithParam<DeviceUnderTest> {
 protected:
  void SetUp() override {
    device_ = GetParam().make();
    if (device_ == nullptr) {
      GTEST_SKIP() << "this host has no such device";
    }
    session_ = open();
  }

  std::unique_ptr<Session> open(SessionOptions options = {.slice = 1_MiB}) {
    auto opened = device_->open_session(options);
    EXPECT_TRUE(opened) << to_text(opened.error());
    return std::move(*opened);
  }
  static ModuleId load(Session& session) {
    const auto module = session.module_load(as_view(kSuiteModule));
    EXPECT_TRUE(module) << to_text(module.error());
    return *module;
  }
  static std::vector<std::uint32_t> read(Session& session, MemHandle buffer, std::size_t count) {
    std::vector<std::uint32_t> into(count);
    EXPECT_TRUE(session.mem_read({}, buffer, 0, std::as_writable_bytes(std::span(into))));
    const auto synced = session.sync({});
    EXPECT_TRUE(synced) << to_text(synced.error());
    return into;
  }

  std::unique_ptr<Device> device_;
  std::unique_ptr<Session> session_;
};

TEST_P(DeviceSuite, O1_AllocatesZeroedAlignedMemoryThatAKernelCanUse) {
  const auto buffer = session_->mem_alloc(32_B);
  ASSERT_TRUE(buffer);
  EXPECT_NE(buffer->value, 0U);
  EXPECT_EQ(buffer->value % 256, 0U);
  EXPECT_EQ(read(*session_, *buffer, 8), std::vector<std::uint32_t>(8, 0));
  ASSERT_TRUE(
      session_->launch({}, Packed().add(buffer->value).add(std::uint64_t{42}).launch(load(*session_), "store", {1, 1, 1}, {8, 1, 1})));
  EXPECT_EQ(read(*session_, *buffer, 8), std::vector<std::uint32_t>(8, 42));
}

TEST_P(DeviceSuite, O2_AFreedBufferReturnsToTheQuotaAndItsHandleIsInvalid) {
  const auto buffer = session_->mem_alloc(1_MiB);
  ASSERT_TRUE(buffer);
  EXPECT_EQ(session_->bytes_in_use(), 1_MiB);
  ASSERT_TRUE(session_->mem_free(*buffer));
  EXPECT_EQ(session_->bytes_in_use(), 0_B);
  EXPECT_EQ(session_->bytes_at_peak(), 1_MiB);
  EXPECT_EQ(session_->mem_free(*buffer).error().code, ErrorCode::invalid_handle);
  EXPECT_TRUE(session_->mem_alloc(1_MiB));
}

TEST_P(DeviceSuite, F3_MemoryThatWasUsedBeforeReadsZero) {
  const auto first = session_->mem_alloc(4_KiB);
  const std::vector<std::uint32_t> secret(1024, 0xdeadbeef);
  ASSERT_TRUE(session_->mem_write({}, *first, 0, std::as_bytes(std::span(secret))));
  ASSERT_TRUE(session_->sync({}));
  ASSERT_TRUE(session_->mem_free(*first));
  const auto second = session_->mem_alloc(4_KiB);
  EXPECT_EQ(read(*session_, *second, 1024), std::vector<std::uint32_t>(1024, 0));
}

TEST_P(DeviceSuite, O3_WritesExactBytesAndRefusesWhatGoesPastTheEnd) {
  const auto buffer = session_->mem_alloc(16_B);
  const std::array<std::byte, 4> bytes = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  ASSERT_TRUE(session_->mem_write({}, *buffer, 12, bytes));
  EXPECT_EQ(session_->mem_write({}, *buffer, 13, bytes).error().code, ErrorCode::out_of_range);
  EXPECT_EQ(session_->mem_write({}, *buffer, ~std::uint64_t{0}, bytes).error().code, ErrorCode::out_of_range);
  EXPECT_EQ(read(*session_, *buffer, 4), (std::vector<std::uint32_t>{0, 0, 0, 0x04030201}));
}

TEST_P(DeviceSuite, O4_ReadsAfterTheLaunchesBeforeItAndRefusesWhatGoesPastTheEnd) {
  const ModuleId module = load(*session_);
  const auto buffer = session_->mem_alloc(16_B);
  std::vector<std::uint32_t> before(4);
  std::vector<std::uint32_t> after(4);
  ASSERT_TRUE(session_->mem_read({}, *buffer, 0, std::as_writable_bytes(std::span(before))));
  ASSERT_TRUE(session_->launch({}, Packed().add(buffer->value).add(std::uint64_t{5}).launch(module, "store", {1, 1, 1}, {4, 1, 1})));
  ASSERT_TRUE(session_->mem_read({}, *buffer, 0, std::as_writable_bytes(std::span(after))));
  ASSERT_TRUE(session_->sync({}));
  EXPECT_EQ(before, std::vector<std::uint32_t>(4, 0));
  EXPECT_EQ(after, std::vector<std::uint32_t>(4, 5));
  EXPECT_EQ(session_->mem_read({}, *buffer, 4, std::as_writable_bytes(std::span(after))).error().code, ErrorCode::out_of_range);
}

TEST_P(DeviceSuite, O5_TheSameModuleLoadedTwiceIsOne) { EXPECT_EQ(load(*session_), load(*session_)); }

TEST_P(DeviceSuite, O5_CudaSourceIsTakenWhereNvrtcIs) {
  const auto module = session_->module_load(as_view(kSuiteSource));
  if (!module && module.error().detail.find("no NVRTC") != std::string::npos) {
    GTEST_SKIP() << module.error().detail;
  }
  ASSERT_TRUE(module) << to_text(module.error());
  const auto buffer = session_->mem_alloc(32_B);
  ASSERT_TRUE(session_->launch({}, Packed().add(buffer->value).add(std::uint64_t{42}).launch(*module, "store", {1, 1, 1}, {8, 1, 1})));
  EXPECT_EQ(read(*session_, *buffer, 8), std::vector<std::uint32_t>(8, 42));
  EXPECT_EQ(session_->module_load(as_view(kSuiteSource)), *module) << "the same bytes again";
}

TEST_P(DeviceSuite, O6_LaysPackedArgumentsOutAtTheKernelsOffsets) {
  const auto buffer = session_->mem_alloc(16_B);
  const Packed arguments = Packed().add(buffer->value).add(std::uint32_t{9}).add(std::uint64_t{3});
  ASSERT_TRUE(session_->launch({}, arguments.launch(load(*session_), "add", {1, 1, 1}, {4, 1, 1})));
  EXPECT_EQ(read(*session_, *buffer, 4), (std::vector<std::uint32_t>{9, 9, 9, 0}));
}

TEST_P(DeviceSuite, O7_SyncReportsTheFirstFailedLaunchByNameAndNumber) {
  const ModuleId module = load(*session_);
  const auto buffer = session_->mem_alloc(16_B);
  ASSERT_TRUE(session_->launch({}, Packed().add(buffer->value).add(std::uint64_t{5}).launch(module, "store", {1, 1, 1}, {4, 1, 1})));
  ASSERT_TRUE(session_->launch({}, Packed().add(std::uint64_t{16}).launch(module, "poke", {1, 1, 1}, {1, 1, 1})));
  const auto synced = session_->sync({});
  ASSERT_FALSE(synced);
  EXPECT_EQ(synced.error().code, ErrorCode::sync_failed);
  EXPECT_NE(synced.error().detail.find("\"poke\""), std::string::npos) << synced.error().detail;
  EXPECT_NE(synced.error().detail.find("launch 2"), std::string::npos) << synced.error().detail;
}

TEST_P(DeviceSuite, O9_LaunchesOfAStreamRunInOrder) {
  const ModuleId module = load(*session_);
  const auto buffer = session_->mem_alloc(4_KiB);
  for (std::uint32_t i = 1; i <= 10; ++i) {
    ASSERT_TRUE(
        session_->launch({}, Packed().add(buffer->value).add(i).add(std::uint64_t{1024}).launch(module, "add", {1, 1, 1}, {1024, 1, 1})));
  }
  EXPECT_EQ(read(*session_, *buffer, 1024), std::vector<std::uint32_t>(1024, 55));
}

TEST_P(DeviceSuite, O11_AHandleOfAnotherSessionIsInvalid) {
  const auto other = open();
  const auto theirs = other->mem_alloc(64_B);
  std::array<std::byte, 4> bytes{};
  EXPECT_EQ(session_->mem_write({}, *theirs, 0, bytes).error().code, ErrorCode::invalid_handle);
  EXPECT_EQ(session_->mem_free(*theirs).error().code, ErrorCode::invalid_handle);
}

TEST_P(DeviceSuite, O6_ABufferArgumentIsThePlaceInTheBufferThatItNames) {
  const auto buffer = session_->mem_alloc(16_B);
  const Packed arguments = Packed().add_buffer(*buffer, 8).add(std::uint32_t{9}).add(std::uint64_t{2});
  ASSERT_TRUE(session_->launch({}, arguments.launch(load(*session_), "add", {1, 1, 1}, {2, 1, 1})));
  EXPECT_EQ(read(*session_, *buffer, 4), (std::vector<std::uint32_t>{0, 0, 9, 9}));
}

TEST_P(DeviceSuite, O11_ABufferArgumentOfAnotherSessionIsAnInvalidHandle) {
  const auto other = open();
  const auto theirs = other->mem_alloc(64_B);
  const ModuleId module = load(*session_);
  const Packed forged = Packed().add_buffer(*theirs).add(std::uint64_t{7});
  const Launch launch = forged.launch(module, "store", {1, 1, 1}, {4, 1, 1});
  EXPECT_EQ(session_->launch({}, launch).error().code, ErrorCode::invalid_handle);
  std::array<std::byte, 16> into{};
  const auto ours = session_->mem_alloc(16_B);
  for (int again = 0; again < 3; ++again) {
    const auto passed = session_->pass({}, {.input = *ours, .from = into, .launches = {&launch, 1}, .output = *ours, .into = into});
    EXPECT_EQ(passed.error().code, ErrorCode::invalid_handle);
    EXPECT_TRUE(session_->sync({})) << "the session stays usable";
  }
  EXPECT_EQ(read(*other, *theirs, 16), std::vector<std::uint32_t>(16, 0)) << "their memory is as it was";
}

TEST_P(DeviceSuite, E6_ABufferArgumentThatIsNoLiveHandleIsInvalid) {
  const ModuleId module = load(*session_);
  const auto code = [&](MemHandle buffer, std::uint64_t offset) {
    const Packed arguments = Packed().add_buffer(buffer, offset).add(std::uint64_t{7});
    const auto launched = session_->launch({}, arguments.launch(module, "store", {1, 1, 1}, {4, 1, 1}));
    return launched ? ErrorCode::ok : launched.error().code;
  };
  const auto buffer = session_->mem_alloc(512_B);
  EXPECT_EQ(code({12345}, 0), ErrorCode::invalid_handle) << "never issued";
  EXPECT_EQ(code({0}, 0), ErrorCode::invalid_handle);
  EXPECT_EQ(code({buffer->value + 256}, 0), ErrorCode::invalid_handle) << "an address inside is not a handle";
  EXPECT_EQ(code(*buffer, 496), ErrorCode::ok);
  EXPECT_TRUE(session_->sync({}));
  ASSERT_TRUE(session_->mem_free(*buffer));
  EXPECT_EQ(code(*buffer, 0), ErrorCode::invalid_handle) << "freed";
  EXPECT_TRUE(session_->sync({})) << "the session stays usable";
}

TEST_P(DeviceSuite, E6_ABufferArgumentPastTheEndIsOutOfRange) {
  const ModuleId module = load(*session_);
  const auto buffer = session_->mem_alloc(512_B);
  const auto code = [&](std::uint64_t offset) {
    const Packed arguments = Packed().add_buffer(*buffer, offset).add(std::uint32_t{1}).add(std::uint64_t{0});
    const auto launched = session_->launch({}, arguments.launch(module, "add", {1, 1, 1}, {1, 1, 1}));
    return launched ? ErrorCode::ok : launched.error().code;
  };
  EXPECT_EQ(code(513), ErrorCode::out_of_range);
  EXPECT_EQ(code(~std::uint64_t{0}), ErrorCode::out_of_range);
  EXPECT_EQ(code(512), ErrorCode::ok) << "the end is a place where nothing is";
  EXPECT_TRUE(session_->sync({}));
}

TEST_P(DeviceSuite, E4_ABufferArgumentThatTheKernelHasNotIsRefused) {
  const ModuleId module = load(*session_);
  const auto buffer = session_->mem_alloc(64_B);
  const Packed arguments = Packed().add(buffer->value).add(std::uint32_t{1}).add(std::uint64_t{1});
  const auto code = [&](std::vector<std::uint32_t> which) {
    std::vector<BufferArgument> buffers;
    for (const std::uint32_t argument : which) {
      buffers.push_back({.argument = argument, .buffer = *buffer});
    }
    Launch launch = arguments.launch(module, "add", {1, 1, 1}, {1, 1, 1});
    launch.buffers = buffers;
    const auto launched = session_->launch({}, launch);
    return launched ? ErrorCode::ok : launched.error().code;
  };
  EXPECT_EQ(code({0, 2}), ErrorCode::ok);
  EXPECT_EQ(code({3}), ErrorCode::launch_failed) << "there are three";
  EXPECT_EQ(code({1}), ErrorCode::launch_failed) << "it has 4 bytes";
  EXPECT_EQ(code({0, 0}), ErrorCode::launch_failed) << "twice";
  EXPECT_EQ(code({2, 0}), ErrorCode::launch_failed) << "out of order";
  EXPECT_TRUE(session_->sync({})) << "the session stays usable";
}

TEST_P(DeviceSuite, PassagesThatDifferInAPlaceOfABufferAreTwo) {
  const ModuleId module = load(*session_);
  const auto buffer = session_->mem_alloc(16_B);
  std::vector<std::uint32_t> bytes(8);
  session_->pin_host(std::as_writable_bytes(std::span(bytes)));
  while (!session_->is_pinning_done()) {
  }
  const auto in = std::as_bytes(std::span(bytes).first(4));
  const auto out = std::as_writable_bytes(std::span(bytes).last(4));
  // Each often enough to be one call where a device makes one of a shape that comes again.
  for (const std::uint32_t word : {0U, 0U, 0U, 2U, 2U, 2U, 0U}) {
    const Packed arguments = Packed().add_buffer(*buffer, word * 4).add(std::uint64_t{5});
    const Launch launch = arguments.launch(module, "store", {1, 1, 1}, {1, 1, 1});
    ASSERT_TRUE(session_->pass({}, {.input = *buffer, .from = in, .launches = {&launch, 1}, .output = *buffer, .into = out}));
    ASSERT_TRUE(session_->sync({}));
    std::vector<std::uint32_t> expected(4);
    expected[word] = 5;
    EXPECT_EQ(std::vector(bytes.begin() + 4, bytes.end()), expected);
  }
}

TEST_P(DeviceSuite, E2_TheFirstByteBeyondTheSliceIsAQuotaError) {
  ASSERT_TRUE(session_->mem_alloc(1_MiB));
  const auto refused = session_->mem_alloc(1_B);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::alloc_failed_quota);
  EXPECT_EQ(session_->mem_alloc(0_B).error().code, ErrorCode::bad_size);
  EXPECT_TRUE(session_->sync({})) << "the session stays usable";
}

TEST_P(DeviceSuite, E3_AnImageThatIsNoPtxIsLoadFailed) {
  for (const std::string_view image :
       {std::string_view(""),
        std::string_view("\x7f"
                         "ELF\x02\x01"),
        std::string_view(".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry k() { nonsense }")}) {
    const auto refused = session_->module_load(as_view(image));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::load_failed);
  }
  EXPECT_TRUE(session_->sync({}));
}

TEST_P(DeviceSuite, E4_ALaunchThatCannotBeIsRefusedBeforeItRuns) {
  const ModuleId module = load(*session_);
  const auto buffer = session_->mem_alloc(64_B);
  const Packed good = Packed().add(buffer->value).add(std::uint64_t{1});
  const auto code = [&](const Launch& launch) {
    const auto launched = session_->launch({}, launch);
    return launched ? ErrorCode::ok : launched.error().code;
  };
  EXPECT_EQ(code(good.launch(module, "absent", {1, 1, 1}, {1, 1, 1})), ErrorCode::launch_failed);
  EXPECT_EQ(code(good.launch(module, "store", {0, 1, 1}, {1, 1, 1})), ErrorCode::launch_failed);
  EXPECT_EQ(code(good.launch(module, "store", {1, 65536, 1}, {1, 1, 1})), ErrorCode::launch_failed);
  EXPECT_EQ(code(good.launch(module, "store", {1, 1, 1}, {1025, 1, 1})), ErrorCode::launch_failed);
  EXPECT_EQ(code(good.launch(module, "store", {1, 1, 1}, {32, 33, 1})), ErrorCode::launch_failed);
  EXPECT_EQ(code(good.launch(module, "store", {1, 1, 1}, {1, 1, 65})), ErrorCode::launch_failed);
  EXPECT_EQ(code(Packed().add(buffer->value).launch(module, "store", {1, 1, 1}, {1, 1, 1})), ErrorCode::launch_failed);
  EXPECT_EQ(code(Packed().add(buffer->value).add(std::uint32_t{1}).launch(module, "store", {1, 1, 1}, {1, 1, 1})),
            ErrorCode::launch_failed);
  Launch torn = good.launch(module, "store", {1, 1, 1}, {1, 1, 1});
  torn.args = torn.args.first(15);
  EXPECT_EQ(code(torn), ErrorCode::launch_failed);
  Launch greedy = good.launch(module, "store", {1, 1, 1}, {1, 1, 1});
  greedy.shared_bytes = 1U << 20U;
  EXPECT_EQ(code(greedy), ErrorCode::launch_failed);
  EXPECT_EQ(code(good.launch(module, "store", {1, 1, 1}, {16, 1, 1})), ErrorCode::ok);
  EXPECT_EQ(read(*session_, *buffer, 16), std::vector<std::uint32_t>(16, 1));
}

TEST_P(DeviceSuite, E4_AnUnknownKernelIsAnsweredWithTheModulesKernels) {
  const auto refused = session_->launch({}, Packed().launch(load(*session_), "absent", {1, 1, 1}, {1, 1, 1}));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("store"), std::string::npos) << refused.error().detail;
}

TEST_P(DeviceSuite, E5_AWildWriteFailsTheSyncAndEndsTheSessionAlone) {
  const auto other = open();
  const auto theirs = other->mem_alloc(64_B);
  const ModuleId module = load(*session_);
  ASSERT_TRUE(session_->launch({}, Packed().add(std::uint64_t{64}).launch(module, "poke", {1, 1, 1}, {1, 1, 1})));
  EXPECT_EQ(session_->sync({}).error().code, ErrorCode::sync_failed);
  EXPECT_EQ(session_->sync({}).error().code, ErrorCode::session_lost);
  EXPECT_EQ(session_->mem_alloc(1_B).error().code, ErrorCode::session_lost);
  EXPECT_EQ(session_->module_load(as_view(kSuiteModule)).error().code, ErrorCode::session_lost);
  EXPECT_EQ(session_->stream_create().error().code, ErrorCode::session_lost);
  if (GetParam().sessions_fail_alone) {
    EXPECT_EQ(read(*other, *theirs, 16), std::vector<std::uint32_t>(16, 0)) << "the neighbour goes on";
  } else {
    EXPECT_EQ(other->sync({}).error().code, ErrorCode::session_lost) << "the neighbour is told that it has to move";
  }
}

TEST_P(DeviceSuite, E6_WhatWasNeverIssuedIsAnInvalidHandle) {
  std::array<std::byte, 4> bytes{};
  EXPECT_EQ(session_->mem_free({12345}).error().code, ErrorCode::invalid_handle);
  EXPECT_EQ(session_->mem_read({}, {0}, 0, bytes).error().code, ErrorCode::invalid_handle);
  EXPECT_EQ(session_->sync({7}).error().code, ErrorCode::invalid_handle);
  EXPECT_EQ(session_->launch({}, Packed().launch({9}, "store", {1, 1, 1}, {1, 1, 1})).error().code, ErrorCode::invalid_handle);
  const auto buffer = session_->mem_alloc(512_B);
  EXPECT_EQ(session_->mem_free({buffer->value + 256}).error().code, ErrorCode::invalid_handle) << "an address inside is not a handle";
}

TEST_P(DeviceSuite, F2_EndlessKernelEndsAsKernelTimeout) {
  const auto session = open({.slice = 1_MiB, .kernel_time_limit = 50ms});
  const auto flag = session->mem_alloc(4_B);
  ASSERT_TRUE(session->launch({}, Packed().add(flag->value).launch(load(*session), "spin", {4, 1, 1}, {64, 1, 1})));
  const auto synced = session->sync({});
  ASSERT_FALSE(synced);
  EXPECT_EQ(synced.error().code, ErrorCode::kernel_timeout);
  EXPECT_EQ(session->sync({}).error().code, ErrorCode::session_lost);
}

TEST_P(DeviceSuite, StreamsAreQueuesOfTheirOwn) {
  const ModuleId module = load(*session_);
  const auto buffer = session_->mem_alloc(16_B);
  const auto second = session_->stream_create();
  ASSERT_TRUE(second);
  EXPECT_NE(*second, StreamId{});
  ASSERT_TRUE(session_->launch(*second, Packed().add(buffer->value).add(std::uint64_t{3}).launch(module, "store", {1, 1, 1}, {4, 1, 1})));
  ASSERT_TRUE(session_->sync(*second));
  EXPECT_EQ(read(*session_, *buffer, 4), std::vector<std::uint32_t>(4, 3));
}

TEST_P(DeviceSuite, CopiesGoThroughPinnedMemoryAndAnyOther) {
  constexpr std::size_t kWords = 1U << 16U;
  std::vector<std::uint32_t> pinned(kWords);
  std::vector<std::uint32_t> other(kWords);
  for (std::size_t i = 0; i < kWords; ++i) {
    pinned[i] = static_cast<std::uint32_t>(i * 2654435761U);
  }
  const auto session = open({.slice = 1_MiB});
  session->pin_host(std::as_writable_bytes(std::span(pinned)));
  while (!session->is_pinning_done()) {
  }
  const auto buffer = session->mem_alloc({kWords * 4});
  ASSERT_TRUE(session->mem_write({}, *buffer, 0, std::as_bytes(std::span(pinned))));
  ASSERT_TRUE(session->mem_read({}, *buffer, 0, std::as_writable_bytes(std::span(other))));
  ASSERT_TRUE(session->sync({}));
  EXPECT_EQ(other, pinned);
}

TEST_P(DeviceSuite, ACopyLargerThanAnyStagingIsWhole) {
  constexpr std::size_t kWords = 3U << 20U;
  std::vector<std::uint32_t> there(kWords);
  std::vector<std::uint32_t> back(kWords);
  for (std::size_t i = 0; i < kWords; ++i) {
    there[i] = static_cast<std::uint32_t>(i * 2654435761U);
  }
  const auto session = open({.slice = 16_MiB});
  const auto buffer = session->mem_alloc({kWords * 4});
  ASSERT_TRUE(session->mem_write({}, *buffer, 0, std::as_bytes(std::span(there))));
  ASSERT_TRUE(session->mem_read({}, *buffer, 0, std::as_writable_bytes(std::span(back))));
  ASSERT_TRUE(session->sync({}));
  EXPECT_EQ(back, there);
}

TEST_P(DeviceSuite, FreeingABufferWaitsForWhatUsesIt) {
  const ModuleId module = load(*session_);
  const auto from = session_->mem_alloc(16_B);
  std::vector<std::uint32_t> seen(4);
  ASSERT_TRUE(session_->launch({}, Packed().add(from->value).add(std::uint64_t{8}).launch(module, "store", {1, 1, 1}, {4, 1, 1})));
  ASSERT_TRUE(session_->mem_read({}, *from, 0, std::as_writable_bytes(std::span(seen))));
  ASSERT_TRUE(session_->mem_free(*from));
  ASSERT_TRUE(session_->sync({}));
  EXPECT_EQ(seen, std::vector<std::uint32_t>(4, 8));
}

}  // namespace sublet::conformance
