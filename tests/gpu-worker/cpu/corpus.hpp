#pragma once

// Whole kernels of tests/gpu-worker/cpu/corpus, as nvcc 13 and clang 19 write them, run beside the same in plain C++.

#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpu-worker/devices/cpu/device.hpp"
#include "paths.hpp"
#include "tests/conformance/packed.hpp"

namespace sublet::cpu {

using conformance::Packed;

/// The parameter is the variant: both code generators of nvcc at -O3, -O0 -G, and clang at -O3.
class Corpus : public ::testing::TestWithParam<std::string> {
 protected:
  void load(const std::string& name) {
    std::ifstream file(SUBLET_SOURCE_DIR "/tests/gpu-worker/cpu/corpus/" + name + "." + GetParam() + ".ptx");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto loaded = session_->module_load(as_view(text));
    ASSERT_TRUE(loaded) << to_text(loaded.error());
    module_ = *loaded;
  }
  template <class T>
  MemHandle buffer(const std::vector<T>& values) {
    const MemHandle made = *session_->mem_alloc({values.size() * sizeof(T)});
    EXPECT_TRUE(session_->mem_write({}, made, 0, std::as_bytes(std::span(values))));
    EXPECT_TRUE(session_->sync({}));
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
  void run(std::string_view kernel, Dim3 grid, Dim3 block, const Packed& arguments, std::uint32_t shared = 0) {
    Launch launch = arguments.launch(module_, kernel, grid, block);
    launch.shared_bytes = shared;
    const auto launched = session_->launch({}, launch);
    EXPECT_TRUE(launched) << to_text(launched.error());
  }
  std::vector<float> floats(std::size_t count, float low, float high) {
    std::vector<float> made(count);
    std::uniform_real_distribution<float> next(low, high);
    for (float& value : made) {
      value = next(random_);
    }
    return made;
  }
  template <class T>
  std::vector<T> integers(std::size_t count, std::int64_t low, std::int64_t high) {
    std::vector<T> made(count);
    std::uniform_int_distribution<std::int64_t> next(low, high);
    for (T& value : made) {
      value = static_cast<T>(next(random_));
    }
    return made;
  }

  std::mt19937 random_{20260101};
  std::unique_ptr<Device> device_ = make_cpu_device({.total = 64_MiB, .threads = 2, .native = NativeUse::always});
  std::unique_ptr<Session> session_ = *device_->open_session({.slice = 64_MiB, .kernel_time_limit = 60s});
  ModuleId module_;
};

inline const std::string kCorpusVariants[] = {"sm_75", "sm_120", "debug", "clang"};
inline std::string corpus_variant_name(const ::testing::TestParamInfo<std::string>& info) { return info.param; }

}  // namespace sublet::cpu
