#include "gpu-worker/devices/cuda/compiler.hpp"

#include <gtest/gtest.h>

#include "gpu-worker/devices/cuda/ptx_header.hpp"

namespace sublet::cuda {
namespace {

/// Skips where NVRTC's library is not: it needs no card.
#define SKIP_WITHOUT_NVRTC(compiled)                                                       \
  if (!(compiled) && (compiled).error().detail.find("no libnvrtc") != std::string::npos) { \
    GTEST_SKIP() << (compiled).error().detail;                                             \
  }

TEST(SourceCompiler, O5_MakesPtxForTheCardAtHand) {
  const auto ptx = compile_source("extern \"C\" __global__ void k(int* out) { *out = 1; }", {.major = 9, .minor = 0});
  SKIP_WITHOUT_NVRTC(ptx);
  ASSERT_TRUE(ptx) << to_text(ptx.error());
  EXPECT_EQ(header_of_ptx(*ptx).target, "sm_90");
  EXPECT_NE(ptx->find(".entry k("), std::string::npos);
}

TEST(SourceCompiler, E3_AnswersWithItsLog) {
  const auto ptx = compile_source("extern \"C\" __global__ void k(int* out) {\n *out = absent; }", {.major = 9, .minor = 0});
  SKIP_WITHOUT_NVRTC(ptx);
  ASSERT_FALSE(ptx);
  EXPECT_EQ(ptx.error().code, ErrorCode::load_failed);
  EXPECT_NE(ptx.error().detail.find("module.cu(2)"), std::string::npos) << ptx.error().detail;
  EXPECT_NE(ptx.error().detail.find("absent"), std::string::npos) << ptx.error().detail;
}

}  // namespace
}  // namespace sublet::cuda
