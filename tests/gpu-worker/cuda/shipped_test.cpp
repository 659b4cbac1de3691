// The ready pipelines on a card and on the cpu device: the same bytes. Skipped where there is no card.

#include <numeric>

#include "common/pipeline/bundle_file.hpp"
#include "gpu-worker/core/plan.hpp"
#include "gpu-worker/devices/cpu/device.hpp"
#include "gpu-worker/session/lane.hpp"
#include "tests/gpu-worker/cuda/card.hpp"
#include "tests/support/source.hpp"

namespace sublet::test {
namespace {

constexpr std::size_t kLargest = 1'000'000;

/// Passes chunks of a pipeline through one lane of a device, as a session process does.
class OneLane {
 public:
  OneLane(Device& device, const std::string& pipeline) {
    const auto bundle = load_bundle(source("kernels/" + pipeline));
    EXPECT_TRUE(bundle) << to_text(bundle.error());
    plan_ = std::move(*make_plan(*bundle, kLargest));
    session_ = std::move(*device.open_session({.slice = 64_MiB}));
    for (const ModuleImage& module : bundle->modules) {
      const auto loaded = session_->module_load(module.image);
      EXPECT_TRUE(loaded) << to_text(loaded.error());
      modules_.push_back(*loaded);
    }
    lane_.emplace(std::move(*session::Lane::open(*session_, {}, plan_)));
    session_->pin_host(memory_);
    while (!session_->is_pinning_done()) {
    }
  }

  std::vector<std::byte> run(ByteView input, bool traced = false) {
    std::ranges::copy(input, memory_.begin());
    const std::span<std::byte> memory(memory_);
    session::Traffic traffic;
    const auto begun = lane_->begin(*session_, plan_, modules_,
                                    {.input = memory.first(input.size()), .output = memory.subspan(memory.size() / 2)}, traced, traffic);
    EXPECT_TRUE(begun) << to_text(begun.error());
    const auto bytes = lane_->finish(*session_);
    EXPECT_TRUE(bytes) << to_text(bytes.error());
    const auto output = memory.subspan(memory.size() / 2, *bytes);
    return {output.begin(), output.end()};
  }

 private:
  std::vector<std::byte> memory_ = std::vector<std::byte>(16U << 20U);
  Plan plan_;
  std::unique_ptr<Session> session_;
  std::vector<ModuleId> modules_;
  std::optional<session::Lane> lane_;
};

std::vector<std::byte> bytes_of(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::uint32_t state = static_cast<std::uint32_t>(size) + 1;
  for (std::byte& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::byte>(state >> 24U);
  }
  return bytes;
}

class ShippedOnACard : public ::testing::TestWithParam<const char*> {};

TEST_P(ShippedOnACard, V5_GivesTheBytesThatTheCpuDeviceGives) {
  const auto card = first_card();
  if (card == nullptr) {
    GTEST_SKIP() << "this host has no CUDA card";
  }
  const auto cpu = make_cpu_device({.total = 64_MiB, .threads = 1});
  OneLane on_card(*card, GetParam());
  OneLane on_cpu(*cpu, GetParam());
  for (const std::size_t n : {std::size_t{0}, std::size_t{4}, std::size_t{256}, std::size_t{260}, std::size_t{4096}, kLargest}) {
    const auto input = bytes_of(n);
    const auto expected = on_cpu.run(input);
    EXPECT_EQ(on_card.run(input), expected) << n << " bytes";
    // Again: the same shape becomes a graph, and that one runs with other bytes.
    EXPECT_EQ(on_card.run(input), expected) << n << " bytes, second time";
    auto other = input;
    std::ranges::reverse(other);
    EXPECT_EQ(on_card.run(other), on_cpu.run(other)) << n << " bytes, by a graph";
    EXPECT_EQ(on_card.run(input, true), expected) << n << " bytes, traced";
  }
}

INSTANTIATE_TEST_SUITE_P(Pipelines, ShippedOnACard, ::testing::Values("echo/echo.yaml", "video/video.yaml", "transform/scale_bias.yaml"),
                         [](const auto& given) { return std::string(given.param).substr(0, std::string(given.param).find('/')); });

}  // namespace
}  // namespace sublet::test
