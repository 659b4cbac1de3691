#include "gpu-worker/devices/image/source_compiler.hpp"

#include <array>
#include <filesystem>

#include <gmock/gmock.h>

#include "paths.hpp"
#include "tests/gpu-worker/image/fake_nvrtc.hpp"

namespace sublet::image {
namespace {

using test::FakeNvrtc;
using ::testing::HasSubstr;

constexpr std::string_view kSource = "extern \"C\" __global__ void k(int* out) { *out = 1; }";
constexpr std::string_view kWrong = "extern \"C\" __global__ void k(int* out) {\n *out = absent; }";

TEST(SourceCompiler, O5_CompilesASourceOncePerHost) {
  const FakeNvrtc nvrtc;
  const auto first = SourceCompiler(nvrtc.options()).ptx_of(kSource, 75);
  ASSERT_TRUE(first) << to_text(first.error());
  EXPECT_EQ(SourceCompiler(nvrtc.options()).ptx_of(kSource, 75), first);
  EXPECT_EQ(nvrtc.compilations(), 1);
  ASSERT_TRUE(SourceCompiler(nvrtc.options()).ptx_of("/* another */", 75));
  EXPECT_EQ(nvrtc.compilations(), 2);
}

TEST(SourceCompiler, O5_CompilesForWhatTheDeviceRuns) {
  const FakeNvrtc nvrtc;
  const SourceCompiler compiler(nvrtc.options());
  EXPECT_THAT(compiler.ptx_of(kSource, 75).value(), HasSubstr(".target sm_75"));
  EXPECT_THAT(compiler.ptx_of(kSource, 90).value(), HasSubstr(".target sm_90")) << "not what was kept for the other";
}

TEST(SourceCompiler, TakesTheNewestArchitectureThatRunsThere) {
  const std::array<int, 3> supported = {75, 80, 90};
  EXPECT_EQ(architecture_for(75, supported), 75);
  EXPECT_EQ(architecture_for(89, supported), 80);
  EXPECT_EQ(architecture_for(120, supported), 90);
  EXPECT_EQ(architecture_for(60, supported), 75) << "the oldest that there is";
}

TEST(SourceCompiler, E3_SaysWhatToInstallWhereThereIsNoNvrtc) {
  const test::Folder folder;
  const auto cache = (folder.path() / "cache").string();
  const auto refused = SourceCompiler({.libraries = {"libabsent.so.1"}, .cache = cache}).ptx_of(kSource, 75);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::load_failed);
  EXPECT_THAT(refused.error().detail, HasSubstr("no NVRTC"));
  EXPECT_THAT(refused.error().detail, HasSubstr("cuda-nvrtc"));
  EXPECT_THAT(refused.error().detail, HasSubstr("nvidia-cuda-toolkit"));
  EXPECT_THAT(refused.error().detail, HasSubstr("nvcc --ptx"));
}

TEST(SourceCompiler, E3_ALibraryThatIsNoNvrtcIsRefused) {
  const auto refused = SourceCompiler({.libraries = {"libc.so.6"}, .cache = {}}).ptx_of(kSource, 75);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("nvrtcVersion"));
}

TEST(SourceCompiler, E3_AnswersWithTheErrorsOfTheLogUpToABound) {
  const FakeNvrtc nvrtc;
  const auto refused = SourceCompiler(nvrtc.options()).ptx_of(kWrong, 75);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::load_failed);
  EXPECT_THAT(refused.error().detail, HasSubstr("NVRTC 12.7"));
  EXPECT_THAT(refused.error().detail, HasSubstr("module.cu(1): error: identifier \"absent\" is undefined"));
  EXPECT_THAT(refused.error().detail, ::testing::Not(HasSubstr("*out =")));
  EXPECT_LT(refused.error().detail.size(), 2000U);
}

TEST(SourceCompiler, E3_RefusesASourceThatIsTooLargeAndOneThatNamesAFile) {
  const FakeNvrtc nvrtc;
  const SourceCompiler compiler(nvrtc.options());
  const auto large = compiler.ptx_of(std::string(SourceCompiler::kLargestSource.count + 1, ' '), 75);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::load_failed);
  const auto curious = compiler.ptx_of("#include \"/etc/passwd\"\n", 75);
  ASSERT_FALSE(curious);
  EXPECT_EQ(curious.error().code, ErrorCode::load_failed);
  EXPECT_EQ(nvrtc.compilations(), 0);
}

/// In a process of its own, as session processes compile.
SourceOptions apart(SourceOptions options) {
  options.program = SUBLET_BIN_DIR "/sublet-session";
  return options;
}

TEST(CompiledApart, GivesPtxAndErrorsAsHereToo) {
  const FakeNvrtc nvrtc;
  auto here = nvrtc.options();
  here.cache += "-here";
  const auto ptx = SourceCompiler(apart(nvrtc.options())).ptx_of(kSource, 75);
  ASSERT_TRUE(ptx) << to_text(ptx.error());
  EXPECT_EQ(nvrtc.compilations(), 0) << "not in this process";
  EXPECT_EQ(ptx, SourceCompiler(here).ptx_of(kSource, 75));
  const auto refused = SourceCompiler(apart(nvrtc.options())).ptx_of(kWrong, 75);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), SourceCompiler(here).ptx_of(kWrong, 75).error());
}

TEST(CompiledApart, E3_ASourceThatNeverCompilesIsStopped) {
  const FakeNvrtc nvrtc;
  auto options = apart(nvrtc.options());
  options.time_limit = 100ms;
  const auto refused = SourceCompiler(options).ptx_of("/* endless */", 75);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::load_failed);
  EXPECT_THAT(refused.error().detail, HasSubstr("the module's compiler was stopped after 0.1 s; make the module smaller"));
}

TEST(CompiledApart, E3_ASourceThatTakesAllMemoryEndsItsCompilerAlone) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers map more than any limit";
#endif
  const FakeNvrtc nvrtc;
  const auto refused = SourceCompiler(apart(nvrtc.options())).ptx_of("/* greedy */", 75);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::load_failed);
  EXPECT_THAT(refused.error().detail, HasSubstr("ended with signal 6, most likely at its limit of 4096 MiB of memory"));
}

/// Where the library itself is: it needs no card.
class RealNvrtc : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto nvrtc = Nvrtc::load(Nvrtc::usual_libraries()); !nvrtc) {
      GTEST_SKIP() << nvrtc.error().detail;
    }
  }
  test::Folder folder_;
  SourceCompiler compiler_ = SourceCompiler({.cache = (folder_.path() / "cache").string()});
};

TEST_F(RealNvrtc, O5_MakesPtxForTheCardAtHand) {
  const auto ptx = compiler_.ptx_of(kSource, 90);
  ASSERT_TRUE(ptx) << to_text(ptx.error());
  EXPECT_THAT(*ptx, HasSubstr(".target sm_90"));
  EXPECT_THAT(*ptx, HasSubstr(".entry k("));
}

TEST_F(RealNvrtc, E3_AnswersWithItsLog) {
  const auto refused = compiler_.ptx_of(kWrong, 90);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::load_failed);
  EXPECT_THAT(refused.error().detail, HasSubstr("module.cu(2): error: identifier \"absent\" is undefined"));
}

TEST_F(RealNvrtc, FindsNoHeaderOfThisHostForAName) {
  for (const std::string_view name : {"stdio.h", "etc/passwd", "CMakeLists.txt"}) {
    const auto refused = compiler_.ptx_of("#include <" + std::string(name) + ">\n" + std::string(kSource), 90);
    ASSERT_FALSE(refused) << name;
    EXPECT_THAT(refused.error().detail, HasSubstr("it reads no headers but CUDA's own")) << name;
  }
}

TEST_F(RealNvrtc, KnowsTheMacrosOfMath) {
  const auto ptx = compiler_.ptx_of(
      "__constant__ float table[2] = {-INFINITY, NAN};\n"
      "extern \"C\" __global__ void k(float* out) { *out = fminf(table[threadIdx.x], INFINITY); }",
      75);
  ASSERT_TRUE(ptx) << to_text(ptx.error());
  EXPECT_THAT(*ptx, HasSubstr("{0, 0, 128, 255, 0, 0, 192, 127}"));
}

constexpr std::string_view kHalfSource =
    "#include <cuda_fp16.h>\nextern \"C\" __global__ void k(__half* out) { *out = __hadd(*out, __float2half(0.5f)); }";

TEST_F(RealNvrtc, ReadsTheHeadersOfTheToolkit) {
  if (Nvrtc::usual_includes().empty()) GTEST_SKIP() << "this host has no headers of CUDA's";
  const auto ptx = compiler_.ptx_of(kHalfSource, 75);
  ASSERT_TRUE(ptx) << to_text(ptx.error());
  EXPECT_THAT(*ptx, HasSubstr("add.f16"));
}

TEST_F(RealNvrtc, SaysWhatToInstallForHeaders) {
  const auto refused = SourceCompiler({.includes = {}, .cache = (folder_.path() / "cache").string()}).ptx_of(kHalfSource, 75);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("such as cuda_fp16.h, of which this host has none: install them"));
}

TEST_F(RealNvrtc, CompilesWithinItsLimits) {
  const auto ptx = SourceCompiler(apart({.cache = (folder_.path() / "cache").string()})).ptx_of(kSource, 75);
  ASSERT_TRUE(ptx) << to_text(ptx.error());
  EXPECT_THAT(*ptx, HasSubstr(".entry k("));
}

}  // namespace
}  // namespace sublet::image
