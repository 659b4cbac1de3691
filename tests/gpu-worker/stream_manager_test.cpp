// The stream manager, row by row of what it promises. Skipped where there is no CUDA card.

#include "gpu-worker/devices/cuda/stream_manager.hpp"

#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/conformance/packed.hpp"

namespace sublet::cuda {
namespace {

class StreamManagerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loaded = Driver::load();
    if (!loaded) {
      GTEST_SKIP() << loaded.error().detail;
    }
    driver_ = *loaded;
    ContextHandle context = nullptr;
    ASSERT_EQ(driver_->primary_context_retain(&context, 0), kSuccess);
    context_ = PrimaryContext(driver_, 0, context);
    ASSERT_EQ(driver_->context_set_current(context), kSuccess);
    ModuleHandle module = nullptr;
    const std::string ptx(conformance::kSuiteModule);
    ASSERT_EQ(driver_->module_load_data_ex(&module, ptx.c_str(), 0, nullptr, nullptr), kSuccess);
    module_ = OwnedModule(driver_, module);
    std::vector<FunctionHandle> functions(8);
    unsigned count = 0;
    driver_->module_get_function_count(&count, module);
    driver_->module_enumerate_functions(functions.data(), count, module);
    for (unsigned i = 0; i < count; ++i) {
      const char* name = nullptr;
      driver_->function_get_name(&name, functions[i]);
      (std::string_view(name) == "spin" ? spin_ : std::string_view(name) == "store" ? store_ : other_) = functions[i];
    }
    void* memory = nullptr;
    ASSERT_EQ(driver_->mem_host_alloc(&memory, 64, kHostAllocDeviceMap), kSuccess);
    words_memory_ = OwnedHostMemory(driver_, memory);
    words_ = static_cast<volatile std::uint32_t*>(memory);
    std::fill_n(static_cast<std::uint32_t*>(memory), 16, 0);
    ASSERT_EQ(driver_->mem_host_get_device_pointer(&words_on_card_, memory, 0), kSuccess);
    // The first launch of a kernel may load it, which a test that counts on its return must not see.
    driver_->function_load(spin_);
    driver_->function_load(store_);
  }

  /// A kernel that runs until `release(word)`.
  void spin(const StreamManager& manager, StreamRef stream, int word) {
    DeviceAddress flag = words_on_card_ + 4 * word;
    void* arguments[] = {&flag};
    ASSERT_EQ(driver_->launch_kernel(spin_, 1, 1, 1, 1, 1, 1, 0, manager.native(stream), arguments, nullptr), kSuccess);
  }
  void store(const StreamManager& manager, StreamRef stream, int word, std::uint64_t value) {
    DeviceAddress where = words_on_card_ + 4 * word;
    void* arguments[] = {&where, &value};
    ASSERT_EQ(driver_->launch_kernel(store_, 1, 1, 1, 1, 1, 1, 0, manager.native(stream), arguments, nullptr), kSuccess);
  }
  void release(int word) { words_[word] = 1; }
  [[nodiscard]] bool is_idle(const StreamManager& manager, StreamRef stream) const {
    return driver_->stream_query(manager.native(stream)) == kSuccess;
  }

  DriverRef driver_;
  PrimaryContext context_;
  OwnedModule module_;
  FunctionHandle spin_ = nullptr;
  FunctionHandle store_ = nullptr;
  FunctionHandle other_ = nullptr;
  OwnedHostMemory words_memory_;
  volatile std::uint32_t* words_ = nullptr;
  DeviceAddress words_on_card_ = 0;
};

TEST_F(StreamManagerTest, Q1_HasAComputeAndTwoCopyStreamsAndUserStreamsOnTop) {
  StreamManager manager;
  EXPECT_EQ(manager.active_streams(), 3U);
  EXPECT_NE(manager.get_compute_stream(), manager.get_copy_stream(0));
  EXPECT_NE(manager.get_copy_stream(0), manager.get_copy_stream(1));
  for (int i = 0; i < 8; ++i) {
    manager.create_stream();
  }
  EXPECT_EQ(manager.active_streams(), 11U);
}

TEST_F(StreamManagerTest, Q1_TakesALimitOfOneToSixteenUserStreams) {
  EXPECT_THROW(StreamManager(0), std::invalid_argument);
  EXPECT_THROW(StreamManager(17), std::invalid_argument);
  StreamManager most(16);
  for (int i = 0; i < 16; ++i) {
    most.create_stream();
  }
  EXPECT_THROW(most.create_stream(), std::runtime_error);
}

TEST_F(StreamManagerTest, Q1_MakesACardsContextCurrentWhereNoneIs) {
  ASSERT_EQ(driver_->context_set_current(nullptr), kSuccess);
  {
    StreamManager manager;
    EXPECT_NO_THROW(manager.sync_all_streams());
  }
  ContextHandle current = nullptr;
  driver_->context_get_current(&current);
  EXPECT_EQ(current, nullptr);
}

TEST_F(StreamManagerTest, Q2_ItsEndWaitsForWork) {
  std::optional<StreamManager> manager(std::in_place);
  spin(*manager, manager->get_compute_stream(), 0);
  store(*manager, manager->get_compute_stream(), 1, 9);
  const std::jthread releaser([this] { release(0); });
  manager.reset();
  EXPECT_EQ(words_[1], 9U);
}

TEST_F(StreamManagerTest, Q3_TheNinthUserStreamIsARuntimeError) {
  StreamManager manager;
  for (int i = 0; i < 8; ++i) {
    manager.create_stream();
  }
  EXPECT_THROW(manager.create_stream(), std::runtime_error);
  EXPECT_EQ(manager.active_streams(), 11U);
}

TEST_F(StreamManagerTest, Q3_ADriversRefusalIsACudaException) {
  StreamManager manager;
  // The driver does not record on a stream of a context that is not the event's.
  ASSERT_EQ(driver_->context_set_current(nullptr), kSuccess);
  EXPECT_THROW(manager.create_stream(), CudaException);
  ASSERT_EQ(driver_->context_set_current(context_.get()), kSuccess);
}

TEST_F(StreamManagerTest, Q4_ItsOwnStreamsStayTheSame) {
  StreamManager manager;
  EXPECT_EQ(manager.get_compute_stream(), manager.get_compute_stream());
  EXPECT_EQ(manager.get_copy_stream(), manager.get_copy_stream(0));
  EXPECT_THROW((void)manager.get_copy_stream(2), std::invalid_argument);
  EXPECT_THROW((void)manager.get_copy_stream(-1), std::invalid_argument);
}

TEST_F(StreamManagerTest, Q5_SyncReturnsWhenTheStreamsWorkIsDone) {
  StreamManager manager;
  const StreamRef stream = manager.create_stream();
  spin(manager, stream, 0);
  store(manager, stream, 1, 5);
  const std::jthread releaser([this] { release(0); });
  manager.sync_stream(stream);
  EXPECT_EQ(words_[1], 5U);
}

TEST_F(StreamManagerTest, Q5_SyncOfAllReturnsWhenAllWorkIsDone) {
  StreamManager manager;
  spin(manager, manager.get_copy_stream(1), 0);
  store(manager, manager.get_copy_stream(1), 1, 6);
  const std::jthread releaser([this] { release(0); });
  manager.sync_all_streams();
  EXPECT_EQ(words_[1], 6U);
}

TEST_F(StreamManagerTest, Q5_RefusesAStreamThatItNeverGaveOut) {
  StreamManager manager;
  EXPECT_THROW(manager.sync_stream({12'345}), std::invalid_argument);
}

TEST_F(StreamManagerTest, Q6_MarkingAnEventDoesNotWaitForABusyStream) {
  StreamManager manager;
  const StreamRef stream = manager.create_stream();
  const EventRef event = manager.create_event();
  spin(manager, stream, 0);
  manager.insert_event(stream, event);
  // Had it waited, this line would not be reached: only now is the kernel released.
  EXPECT_EQ(driver_->event_query(manager.native(event)), kNotReady);
  release(0);
  manager.sync_stream(stream);
  EXPECT_EQ(driver_->event_query(manager.native(event)), kSuccess);
}

TEST_F(StreamManagerTest, Q7_LaterWorkBeginsAfterTheEventAndTheHostGoesOn) {
  StreamManager manager;
  const StreamRef first = manager.create_stream();
  const StreamRef second = manager.create_stream();
  const EventRef event = manager.create_event();
  spin(manager, first, 0);
  store(manager, first, 1, 11);
  manager.insert_event(first, event);
  manager.wait_event(second, event);
  store(manager, second, 2, 12);
  EXPECT_FALSE(is_idle(manager, second));
  EXPECT_EQ(words_[2], 0U);
  release(0);
  manager.sync_stream(second);
  EXPECT_EQ(words_[1], 11U);
  EXPECT_EQ(words_[2], 12U);
}

TEST_F(StreamManagerTest, Q7_AnEventWithoutAMarkHoldsNothingUp) {
  StreamManager manager;
  const StreamRef stream = manager.create_stream();
  manager.wait_event(stream, manager.create_event());
  store(manager, stream, 1, 3);
  manager.sync_stream(stream);
  EXPECT_EQ(words_[1], 3U);
}

TEST_F(StreamManagerTest, Q7_RefusesEventsThatAreUnknownOrGone) {
  StreamManager manager;
  const EventRef event = manager.create_event();
  manager.destroy_event(event);
  EXPECT_THROW(manager.insert_event(manager.get_compute_stream(), event), std::invalid_argument);
  EXPECT_THROW(manager.wait_event(manager.get_compute_stream(), {99'999}), std::invalid_argument);
  EXPECT_THROW(manager.destroy_event(event), std::invalid_argument);
}

TEST_F(StreamManagerTest, Q8_ActiveFallsWithADestroyAndTheTotalNeverDoes) {
  StreamManager manager;
  const StreamRef stream = manager.create_stream();
  EXPECT_EQ(manager.active_streams(), 4U);
  EXPECT_EQ(manager.total_streams_created(), 4U);
  manager.destroy_stream(stream);
  EXPECT_EQ(manager.active_streams(), 3U);
  EXPECT_EQ(manager.total_streams_created(), 4U);
}

TEST_F(StreamManagerTest, Q9_DestroyingTwiceAndTheOwnStreamsIsRefused) {
  StreamManager manager;
  const StreamRef stream = manager.create_stream();
  manager.destroy_stream(stream);
  EXPECT_THROW(manager.destroy_stream(stream), std::invalid_argument);
  EXPECT_THROW(manager.sync_stream(stream), std::invalid_argument);
  EXPECT_THROW(manager.destroy_stream(manager.get_compute_stream()), std::invalid_argument);
  EXPECT_THROW(manager.destroy_stream(manager.get_copy_stream(0)), std::invalid_argument);
  EXPECT_THROW(manager.destroy_stream(manager.get_copy_stream(1)), std::invalid_argument);
}

TEST_F(StreamManagerTest, Q10_PrioritiesSpanTheDriversRange) {
  StreamManager manager;
  int least = 0;
  int greatest = 0;
  ASSERT_EQ(driver_->context_get_stream_priority_range(&least, &greatest), kSuccess);
  const auto priority_of = [&](StreamPriority asked) {
    int priority = 99;
    driver_->stream_get_priority(manager.native(manager.create_stream(asked)), &priority);
    return priority;
  };
  EXPECT_EQ(priority_of(StreamPriority::HIGH), greatest);
  EXPECT_EQ(priority_of(StreamPriority::LOW), least);
  EXPECT_EQ(priority_of(StreamPriority::NORMAL), (least + greatest) / 2);
}

TEST_F(StreamManagerTest, Q12_StreamsRunBesideEachOther) {
  StreamManager manager;
  std::vector<StreamRef> streams;
  for (int i = 0; i < 8; ++i) {
    streams.push_back(manager.create_stream());
    spin(manager, streams.back(), i);
  }
  // In an order in which streams that waited for each other would never end.
  for (int i = 7; i >= 0; --i) {
    release(i);
    manager.sync_stream(streams[i]);
  }
}

TEST_F(StreamManagerTest, Q12_ManyThreadsMayUseIt) {
  StreamManager manager(16);
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([this, &manager] {
      driver_->context_set_current(context_.get());
      for (int i = 0; i < 200; ++i) {
        const StreamRef stream = manager.create_stream();
        const EventRef event = manager.create_event();
        manager.insert_event(stream, event);
        manager.wait_event(manager.get_compute_stream(), event);
        manager.sync_stream(stream);
        manager.destroy_event(event);
        manager.destroy_stream(stream);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(manager.active_streams(), 3U);
  EXPECT_EQ(manager.total_streams_created(), 3U + 1'600U);
}

TEST_F(StreamManagerTest, Q12_AHundredThousandStreamsComeAndGoAtTheLimitWithoutALeak) {
  StreamManager manager;
  std::vector<StreamRef> streams;
  for (int i = 0; i < 8; ++i) {
    streams.push_back(manager.create_stream());
  }
  std::size_t before = 0;
  std::size_t total = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (i == 1'000) {
      ASSERT_EQ(driver_->mem_get_info(&before, &total), kSuccess);
    }
    StreamRef& stream = streams[static_cast<std::size_t>(i) % streams.size()];
    manager.destroy_stream(stream);
    stream = manager.create_stream();
  }
  std::size_t after = 0;
  ASSERT_EQ(driver_->mem_get_info(&after, &total), kSuccess);
  EXPECT_EQ(before, after) << "of the card's memory is free";
  EXPECT_EQ(manager.active_streams(), 11U);
  EXPECT_EQ(manager.total_streams_created(), 100'011U);
}

}  // namespace
}  // namespace sublet::cuda
