// CUDA C++ on the cpu device.

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

#include "gpu-worker/devices/cpu/device.hpp"
#include "gpu-worker/devices/cpu/module_report.hpp"
#include "gpu-worker/devices/cpu/ptx_of_image.hpp"
#include "paths.hpp"
#include "tests/conformance/packed.hpp"
#include "tests/gpu-worker/image/fake_nvrtc.hpp"

namespace sublet::cpu {
namespace {

namespace fs = std::filesystem;
using conformance::kSuiteSource;
using conformance::Packed;
using ::testing::HasSubstr;

TEST(CpuSource, O5_IsCompiledOnceForAllSessionsOfAHost) {
  const test::FakeNvrtc nvrtc;
  for (int device_number = 0; device_number < 2; ++device_number) {
    const auto device = make_cpu_device({.total = 1_MiB, .threads = 1, .sources = nvrtc.options()});
    const auto session = *device->open_session({.slice = 1_KiB});
    const auto module = session->module_load(as_view(kSuiteSource));
    ASSERT_TRUE(module) << to_text(module.error());
    EXPECT_EQ(session->module_load(as_view(kSuiteSource)), *module);
    const auto buffer = *session->mem_alloc(4_B);
    ASSERT_TRUE(session->launch({}, Packed().add(buffer.value).add(std::uint64_t{42}).launch(*module, "store", {1, 1, 1}, {1, 1, 1})));
    std::uint32_t value = 0;
    ASSERT_TRUE(session->mem_read({}, buffer, 0, std::as_writable_bytes(std::span(&value, 1))));
    ASSERT_TRUE(session->sync({}));
    EXPECT_EQ(value, 42U);
  }
  EXPECT_EQ(nvrtc.compilations(), 1);
}

TEST(CpuSource, IsCompiledForTheOldestCards) {
  const test::FakeNvrtc nvrtc;
  EXPECT_THAT(ptx_of_image(as_view(kSuiteSource), image::SourceCompiler(nvrtc.options())).value(), HasSubstr(".target sm_75"));
}

TEST(CpuSource, E3_SaysWhatToInstallWhereThereIsNoNvrtc) {
  const auto device = make_cpu_device({.total = 1_MiB, .threads = 1, .sources = {.libraries = {}, .cache = {}}});
  const auto session = *device->open_session({.slice = 1_KiB});
  const auto refused = session->module_load(as_view(kSuiteSource));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::load_failed);
  EXPECT_THAT(refused.error().detail, HasSubstr("no NVRTC to compile it; install it"));
  EXPECT_TRUE(session->sync({})) << "the session stays usable";
}

TEST(CpuSource, E3_TextThatIsNeitherPtxNorCudaIsRefusedWithTheLog) {
  const test::FakeNvrtc nvrtc;
  const auto refused = ptx_of_image(as_view("this text is absent"), image::SourceCompiler(nvrtc.options()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::load_failed);
  EXPECT_THAT(refused.error().detail, HasSubstr("not PTX"));
  EXPECT_THAT(refused.error().detail, HasSubstr("\"absent\" is undefined"));
}

TEST(CpuSource, E3_AFatbinIsForCardsOnly) {
  const std::string fatbin("\x50\xed\x55\xba\x01\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00", 16);
  const auto refused = ptx_of_image(as_view(fatbin), image::SourceCompiler({.libraries = {}, .cache = {}}));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("a fatbin, which only cards run"));
}

TEST(CpuSource, PtxMayEndInZeroBytesAsNvccEmbedsIt) {
  const auto ptx = ptx_of_image(as_view(std::string_view(".version 8.0\n\0\0", 15)), image::SourceCompiler({.libraries = {}, .cache = {}}));
  EXPECT_EQ(ptx, ".version 8.0\n");
}

/// What NVRTC makes of the shipped kernels, which the committed PTX of nvcc says little about. Skipped where there is no NVRTC.
class ShippedSource : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const auto nvrtc = image::Nvrtc::load(image::Nvrtc::usual_libraries()); !nvrtc) {
      GTEST_SKIP() << nvrtc.error().detail;
    }
  }
  static std::vector<std::string> kernels_of(const fs::path& file, const image::SourceCompiler& sources) {
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(stream), {});
    const auto ptx = ptx_of_image(as_view(bytes), sources);
    EXPECT_TRUE(ptx) << file << ": " << to_text(ptx.error());
    const auto report = report_on(as_view(ptx.value_or("")));
    EXPECT_TRUE(report) << file << ": " << to_text(report.error());
    std::vector<std::string> names;
    for (const auto& kernel : report.value_or(ModuleReport{}).kernels) {
      names.push_back(kernel.name);
    }
    EXPECT_EQ(report.value_or(ModuleReport{}).refused_total, 0U) << file;
    return names;
  }
};

TEST_P(ShippedSource, O5_HasTheKernelsOfItsPtxAndTheCpuDeviceRunsThem) {
  const test::Folder folder;
  const image::SourceCompiler sources({.cache = (folder.path() / "cache").string()});
  const fs::path file = fs::path(SUBLET_SOURCE_DIR "/kernels") / GetParam();
  const auto committed = kernels_of(fs::path(file).replace_extension(".ptx"), sources);
  EXPECT_FALSE(committed.empty());
  EXPECT_THAT(kernels_of(file, sources), ::testing::UnorderedElementsAreArray(committed));
}

INSTANTIATE_TEST_SUITE_P(Kernels, ShippedSource,
                         ::testing::Values("histogram/histogram.cu", "image/image.cu", "montecarlo/options.cu", "signal/fft.cu",
                                           "signal/fir.cu", "transform/transform.cu", "video/clip.cu", "video/video.cu"),
                         [](const auto& given) { return fs::path(given.param).stem().string(); });

}  // namespace
}  // namespace sublet::cpu
