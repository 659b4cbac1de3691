// The forms in which a card takes modules. Skipped where there is no card.

#include <filesystem>

#include "gpu-worker/devices/cuda/compiler.hpp"
#include "tests/conformance/packed.hpp"
#include "tests/gpu-worker/cuda/card.hpp"
#include "tests/support/folder.hpp"

namespace sublet::test {
namespace {

using conformance::kSuiteModule;
using conformance::Packed;

class CudaModule : public ::testing::Test {
 protected:
  void SetUp() override {
    device_ = first_card(cache_);
    if (device_ == nullptr) {
      GTEST_SKIP() << "this host has no CUDA card";
    }
    session_ = device_->open_session({.slice = 1_MiB}).value();
  }
  /// Stores 42 with the module's kernel `store`.
  std::uint32_t stored_by(ModuleId module) {
    const auto buffer = session_->mem_alloc(4_B).value();
    std::uint32_t value = 0;
    EXPECT_TRUE(session_->launch({}, Packed().add(buffer.value).add(std::uint64_t{42}).launch(module, "store", {1, 1, 1}, {1, 1, 1})));
    EXPECT_TRUE(session_->mem_read({}, buffer, 0, std::as_writable_bytes(std::span(&value, 1))));
    EXPECT_TRUE(session_->sync({}));
    return value;
  }
  std::vector<std::byte> cubin() {
    const auto driver = cuda::Driver::load().value();
    auto code = cuda::link_ptx(driver, kSuiteModule);
    EXPECT_TRUE(code) << to_text(code.error());
    return std::move(*code);
  }

  Folder folder_;
  std::string cache_ = (folder_.path() / "cache").string();
  std::unique_ptr<Device> device_;
  std::unique_ptr<Session> session_;
};

TEST_F(CudaModule, O5_IsTakenAsACubin) {
  const auto module = session_->module_load(cubin());
  ASSERT_TRUE(module) << to_text(module.error());
  EXPECT_EQ(stored_by(*module), 42U);
}

TEST_F(CudaModule, O5_IsCompiledOncePerHost) {
  ASSERT_TRUE(session_->module_load(as_view(kSuiteModule)));
  const auto kept = [&] { return *std::filesystem::directory_iterator(cache_); };
  const auto first = kept().last_write_time();
  const auto other = device_->open_session({.slice = 1_MiB}).value();
  ASSERT_TRUE(other->module_load(as_view(kSuiteModule)));
  EXPECT_EQ(kept().last_write_time(), first) << "made anew";
}

TEST_F(CudaModule, E3_ABadLineIsNamedByTheCompilersLog) {
  const auto refused = session_->module_load(as_view(".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry k() { nonsense; }\n"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::load_failed);
  EXPECT_NE(refused.error().detail.find("line 4"), std::string::npos) << refused.error().detail;
  EXPECT_NE(refused.error().detail.find("sm_75"), std::string::npos) << refused.error().detail;
}

TEST_F(CudaModule, E3_APtxVersionThatTheDriverDoesNotReadIsAnsweredWithTheOneThatItDoes) {
  const auto refused = session_->module_load(as_view(".version 99.0\n.target sm_75\n.address_size 64\n.visible .entry k() { ret; }\n"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::load_failed);
  EXPECT_NE(refused.error().detail.find("99.0"), std::string::npos) << refused.error().detail;
  EXPECT_NE(refused.error().detail.find("reads up to"), std::string::npos) << refused.error().detail;
  EXPECT_TRUE(session_->sync({})) << "the session stays usable";
}

TEST_F(CudaModule, E4_AKernelGetsTheSharedMemoryThatItAsksForUpToTheCardsMost) {
  const auto module = session_->module_load(as_view(R"(.version 7.0
.target sm_75
.address_size 64
.extern .shared .align 4 .b8 pool[];
.visible .entry last(.param .u64 out, .param .u32 offset) {
  .reg .b32 %r<5>; .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [out];
  ld.param.u32 %r1, [offset];
  mov.u32 %r2, pool;
  add.u32 %r3, %r2, %r1;
  mov.u32 %r4, 7;
  st.shared.u32 [%r3], %r4;
  ld.shared.u32 %r4, [%r3];
  st.global.u32 [%rd1], %r4;
  ret;
}
)"));
  ASSERT_TRUE(module) << to_text(module.error());
  const auto buffer = session_->mem_alloc(4_B).value();
  const Packed arguments = Packed().add(buffer.value).add(std::uint32_t{96U * 1024 - 4});
  Launch launch = arguments.launch(*module, "last", {1, 1, 1}, {1, 1, 1});
  launch.shared_bytes = 96U << 10U;
  std::uint32_t value = 0;
  ASSERT_TRUE(session_->launch({}, launch));
  ASSERT_TRUE(session_->mem_read({}, buffer, 0, std::as_writable_bytes(std::span(&value, 1))));
  ASSERT_TRUE(session_->sync({}));
  EXPECT_EQ(value, 7U);
  launch.shared_bytes = 1U << 20U;
  EXPECT_EQ(session_->launch({}, launch).error().code, ErrorCode::launch_failed);
}

}  // namespace
}  // namespace sublet::test
