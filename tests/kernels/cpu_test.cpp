// The pipelines of kernels/, run by a plan on the CPU device, against plain C++.

#include <cstring>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pipeline/bundle_file.hpp"
#include "common/random.hpp"
#include "gpu-worker/core/plan.hpp"
#include "gpu-worker/device.hpp"
#include "gpu-worker/devices/cpu/device.hpp"
#include "paths.hpp"
#include "tests/support/reference.hpp"

namespace sublet {
namespace {

using Output = std::vector<std::byte>;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(to_text(result.error()));
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// One lane of one session: buffers and modules once, then a chunk at a time.
class LoneLane {
 public:
  LoneLane(const char* file, std::uint64_t max_chunk_bytes)
      : bundle_(must(load_bundle(std::string(SUBLET_SOURCE_DIR "/kernels/") + file))),
        plan_(must(make_plan(bundle_, max_chunk_bytes))),
        device_(make_cpu_device({})),
        session_(
            must(device_->open_session({.slice = must(lease_bytes(bundle_, max_chunk_bytes)), .kernel_time_limit = plan_.time_limit()}))) {
    for (const ModuleImage& module : bundle_.modules) modules_.push_back(must(session_->module_load(module.image)));
    for (const PlannedBuffer& buffer : plan_.buffers()) handles_.push_back(must(session_->mem_alloc(buffer.capacity)));
  }

  Output run(ByteView input) {
    const ChunkPlan& chunk = *must(plan_.chunk(input.size()));
    if (!input.empty()) must(session_->mem_write(StreamId{0}, handles_[plan_.input_buffer()], 0, input));
    std::vector<std::byte> scratch;
    for (const PlannedLaunch& launch : chunk.launches) {
      must(session_->launch(StreamId{0}, {.module = modules_[launch.module],
                                          .kernel = launch.kernel,
                                          .grid = launch.grid,
                                          .block = launch.block,
                                          .shared_bytes = launch.shared_bytes,
                                          .args = bind_handles(launch, handles_, scratch),
                                          .arg_sizes = launch.arg_sizes}));
    }
    Output output(chunk.output_bytes);
    if (!output.empty()) must(session_->mem_read(StreamId{0}, handles_[plan_.output_buffer()], 0, output));
    must(session_->sync(StreamId{0}));
    return output;
  }

 private:
  Bundle bundle_;
  Plan plan_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<Session> session_;
  std::vector<ModuleId> modules_;
  std::vector<MemHandle> handles_;
};

Output random_bytes(std::size_t count) {
  SeededRandom random(count);
  Output bytes(count);
  for (std::byte& each : bytes) each = static_cast<std::byte>(random.next());
  return bytes;
}

Output bytes_of(const std::vector<float>& values) {
  const auto view = std::as_bytes(std::span(values));
  return {view.begin(), view.end()};
}

TEST(Pipeline, O9_ScaleThenBiasOver1024Floats) {
  std::vector<float> values(1024);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  LoneLane lane("transform/scale_bias.yaml", values.size() * sizeof(float));
  const Output output = lane.run(bytes_of(values));
  EXPECT_EQ(output, test::scale_bias_reference(bytes_of(values)));
  std::vector<float> results(values.size());
  ASSERT_EQ(output.size(), results.size() * sizeof(float));
  std::memcpy(results.data(), output.data(), output.size());
  EXPECT_EQ(results[0], 10.0F);
  EXPECT_EQ(results[1], 12.0F);
  EXPECT_EQ(results[100], 210.0F);
}

TEST(Pipeline, ScaleAndBiasTakeAnyBitsAndLeaveBytesAfterTheLastWholeFloat) {
  // Random bits hold NaNs and denormal numbers too.
  const Output input = random_bytes(4 * 30'000 + 3);
  EXPECT_TRUE(LoneLane("transform/scale_bias.yaml", input.size()).run(input) == test::scale_bias_reference(input));
}

TEST(Pipeline, O10_VideoMatchesTheReference) {
  LoneLane lane("video/video.yaml", 1'000'000);
  for (const std::size_t n : {0, 1, 255, 256, 257, 1'000'000}) {
    const Output input = random_bytes(n);
    EXPECT_TRUE(lane.run(input) == test::video_reference(input, 0.1F)) << "n = " << n;
  }
}

TEST(Pipeline, VideoMatchesTheReferenceForEveryByte) {
  Output input(256);
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::byte>(i);
  EXPECT_EQ(LoneLane("video/video.yaml", input.size()).run(input), test::video_reference(input, 0.1F));
}

TEST(Pipeline, ALongChunkLeavesNothingBehindInAShortOne) {
  LoneLane lane("video/video.yaml", 10'000);
  (void)lane.run(Output(10'000, std::byte{255}));
  const Output input = random_bytes(100);
  EXPECT_EQ(lane.run(input), test::video_reference(input, 0.1F));
}

TEST(Pipeline, EchoAnswersWhatItGot) {
  LoneLane lane("echo/echo.yaml", 1000);
  for (const std::size_t n : {0, 1, 1000}) EXPECT_EQ(lane.run(random_bytes(n)), random_bytes(n));
}

}  // namespace
}  // namespace sublet
