// The `sublet` program itself, as far as it needs no broker.

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "paths.hpp"

namespace {

namespace fs = std::filesystem;

struct Ran {
  int code = -1;
  std::string text;  ///< stdout and stderr
};

Ran sublet(const std::string& arguments) {
  Ran ran;
  std::FILE* pipe = ::popen((SUBLET_BIN_DIR "/sublet " + arguments + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return ran;
  std::array<char, 4096> part{};
  for (std::size_t got = 0; (got = std::fread(part.data(), 1, part.size(), pipe)) > 0;) ran.text.append(part.data(), got);
  const int status = ::pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return ran;
}

class Folder {
 public:
  Folder() {
    std::string path = (fs::temp_directory_path() / "sublet-command-XXXXXX").string();
    path_ = ::mkdtemp(path.data());
  }
  ~Folder() { fs::remove_all(path_); }

  std::string put(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

void expect_usage_error(const std::string& arguments, const std::string& said) {
  const auto ran = sublet(arguments);
  EXPECT_EQ(ran.code, 2) << arguments << "\n" << ran.text;
  EXPECT_NE(ran.text.find(said), std::string::npos) << arguments << "\n" << ran.text;
  EXPECT_TRUE(ran.text.starts_with("sublet: ")) << ran.text;
}

TEST(Command, HelpOfEveryVerbHasAnExample) {
  for (const auto* verb : {"run", "up", "submit", "outputs", "jobs", "job", "queues", "workers", "cancel", "pause", "resume", "wait",
                           "pipeline", "pipeline check", "pipeline new", "pipeline ls", "kernel", "kernel check", "version"}) {
    const auto ran = sublet(std::string(verb) + " --help");
    EXPECT_EQ(ran.code, 0) << verb;
    EXPECT_NE(ran.text.find("Example:\n  sublet "), std::string::npos) << verb << "\n" << ran.text;
    EXPECT_NE(ran.text.find("Usage: sublet " + std::string(verb)), std::string::npos) << verb << "\n" << ran.text;
  }
}

TEST(Command, WithoutAVerbShowsHelpAndFails) {
  const auto ran = sublet("");
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.text.find("Example:"), std::string::npos);
}

TEST(Command, AnUnknownVerbGetsTheNearestRightOne) {
  expect_usage_error("rnu", "did you mean run?");
  expect_usage_error("pipeline chekc", "did you mean check?");
  expect_usage_error("qqqqqqqq", "sublet --help");
}

TEST(Command, AnUnknownOptionGetsTheNearestRightOne) {
  expect_usage_error("run video --in . --ouput x", "did you mean --out");
  expect_usage_error("jobs --limti=3", "did you mean --limit?");
}

TEST(Command, MissingAndWrongValuesAreNamed) {
  expect_usage_error("run", "PIPELINE");
  expect_usage_error("run video", "--in");
  expect_usage_error("run video --in . --out", "--out");
  expect_usage_error("run video --in . --out x --limit many", "--limit");
  expect_usage_error("run video --in . --out x --policy al", "\"all\"");
  expect_usage_error("run video --in . --out x --aggregate summ", "\"sum\"");
  expect_usage_error("jobs -o jsno", "\"json\"");
  expect_usage_error("jobs --timeout 5", "--timeout");
  expect_usage_error("job not-an-id", "job id");
  expect_usage_error("run video --in . --device gpu --out /tmp/x", "cpu, cuda");
}

TEST(Command, RunNeedsFilesAndAPlaceForOutputs) {
  const Folder folder;
  expect_usage_error("run video --in " + folder.path() + " --out /tmp/x", folder.path());
  expect_usage_error("run video --in " + folder.path() + "/none --out /tmp/x", "/none");
  folder.put("a", "text");
  expect_usage_error("run video --in " + folder.path(), "--out");
  expect_usage_error("run video --in " + folder.path() + " --out " + folder.path(), "inside");
  expect_usage_error("run vidoe --in " + folder.path() + " --out /tmp/x", "\"video\"");
}

TEST(Command, ACardTooSmallForOneSessionIsNamedBeforeAnythingStarts) {
  const Folder folder;
  folder.put("a", "text");
  const Folder out;
  expect_usage_error("run video --in " + folder.path() + " --out " + out.path() + " --vram 1KiB", "a card of 1 KiB is too small");
}

TEST(Command, SubmitWithOutNeedsWait) { expect_usage_error("submit video --in . --out x", "--wait"); }

TEST(Command, CheckExplainsAPipeline) {
  const auto ran = sublet("pipeline check video --bytes 4KiB");
  EXPECT_EQ(ran.code, 0) << ran.text;
  EXPECT_NE(ran.text.find("denoise"), std::string::npos) << ran.text;
  const auto json = sublet("pipeline check video --bytes 4KiB -o json");
  EXPECT_EQ(json.code, 0);
  EXPECT_NE(json.text.find("\"output_bytes\": 4096"), std::string::npos) << json.text;
}

TEST(Command, CheckSaysInWordsWhichSizesAreRefused) {
  const auto refused = sublet("pipeline check image/enlarge --bytes 1000");
  EXPECT_EQ(refused.code, 0) << refused.text;
  EXPECT_NE(refused.text.find("A chunk of 1000 bytes is refused: an image of 320 x 240 pixels of 8-bit RGB has 230400 bytes"),
            std::string::npos)
      << refused.text;
  EXPECT_NE(sublet("pipeline check image/enlarge --bytes 1000 -o json").text.find("\"refused\": \"an image of 320"), std::string::npos);
  const auto taken = sublet("pipeline check image/enlarge --set width=10 --set height=10 --bytes 300 -o json");
  EXPECT_NE(taken.text.find("\"refused\": null"), std::string::npos) << taken.text;
}

TEST(Command, CheckSaysWhatIsWrongAndWhere) {
  const Folder folder;
  const auto file = folder.put("bad.yaml", "name: bad\nbufers: []\n");
  expect_usage_error("pipeline check " + file, "buffers");
  EXPECT_NE(sublet("pipeline check " + file).text.find("line 2"), std::string::npos) << sublet("pipeline check " + file).text;
  expect_usage_error("pipeline check " + folder.path() + "/none.yaml", "none.yaml");
  expect_usage_error("pipeline check video --set treshold=1", "threshold");
}

TEST(Command, ListsShippedPipelines) {
  const auto ran = sublet("pipeline ls");
  EXPECT_EQ(ran.code, 0);
  EXPECT_NE(ran.text.find("transform/scale_bias"), std::string::npos) << ran.text;
}

TEST(Command, KernelCheckListsAModulesKernels) {
  const std::string file = SUBLET_SOURCE_DIR "/kernels/video/video.ptx";
  const auto ran = sublet("kernel check " + file);
  EXPECT_EQ(ran.code, 0) << ran.text;
  EXPECT_NE(ran.text.find("denoise_param_3  f32"), std::string::npos) << ran.text;
  EXPECT_NE(ran.text.find("The cpu device runs all of it."), std::string::npos) << ran.text;
  const auto json = sublet("kernel check -o json " + file);
  EXPECT_EQ(json.code, 0) << json.text;
  EXPECT_NE(json.text.find("\"runs_on_cpu\": true"), std::string::npos) << json.text;
}

TEST(Command, KernelCheckEndsWithOneWhereTheCpuDeviceCannotRunIt) {
  const Folder folder;
  const auto file = folder.put(
      "gemm.ptx", ".version 8.0\n.target sm_90a\n.address_size 64\n.visible .entry gemm()\n{\nwgmma.fence.sync.aligned;\nret;\n}\n");
  const auto ran = sublet("kernel check " + file);
  EXPECT_EQ(ran.code, 1) << ran.text;
  EXPECT_NE(ran.text.find("opcode wgmma.fence.sync.aligned  gemm       6"), std::string::npos) << ran.text;
}

/// CUDA C++ needs NVRTC; where it is missing, the command says so and tests of it are skipped.
#define SKIP_WITHOUT_NVRTC(ran)                               \
  if ((ran).text.find("has no NVRTC") != std::string::npos) { \
    EXPECT_EQ((ran).code, 2);                                 \
    GTEST_SKIP() << (ran).text;                               \
  }

TEST(Command, O5_KernelCheckCompilesCudaSource) {
  const Folder folder;
  ::setenv("SUBLET_CACHE", (folder.path() + "/cache").c_str(), 1);
  const auto file = folder.put("blur.cu",
                               "extern \"C\" __global__ void blur(const float* in, float* out, int n) { if (threadIdx.x < n) "
                               "out[threadIdx.x] = in[threadIdx.x] / 2; }\n");
  const auto ran = sublet("kernel check " + file);
  SKIP_WITHOUT_NVRTC(ran);
  EXPECT_EQ(ran.code, 0) << ran.text;
  EXPECT_NE(ran.text.find("blur.cu: PTX "), std::string::npos) << ran.text;
  EXPECT_NE(ran.text.find("pointer, written, 4 B each"), std::string::npos) << ran.text;
  const auto pipeline = folder.path() + "/blur.yaml";
  EXPECT_EQ(sublet("pipeline new " + file + " --out " + pipeline).code, 0);
  const auto checked = sublet("pipeline check " + pipeline);
  EXPECT_EQ(checked.code, 0) << checked.text;
}

TEST(Command, KernelCheckNamesTheLineOfCudaSource) {
  const Folder folder;
  ::setenv("SUBLET_CACHE", (folder.path() + "/cache").c_str(), 1);
  const auto file = folder.put("copy.cu",
                               "extern \"C\" __global__ void copy() {\n  asm volatile(\"nanosleep.u32 1;\");\n"
                               "  asm volatile(\"cp.async.wait_all;\");\n}\n");
  const auto ran = sublet("kernel check " + file);
  SKIP_WITHOUT_NVRTC(ran);
  EXPECT_EQ(ran.code, 1) << ran.text;
  EXPECT_NE(ran.text.find("opcode cp.async.wait_all  copy    module.cu:3"), std::string::npos) << ran.text;
}

TEST(Command, E3_KernelCheckShowsWhatTheCompilerSays) {
  const Folder folder;
  ::setenv("SUBLET_CACHE", (folder.path() + "/cache").c_str(), 1);
  const auto file = folder.put("blur.cu", "extern \"C\" __global__ void blur(float* out) {\n  *out = absent;\n}\n");
  const auto ran = sublet("kernel check " + file);
  SKIP_WITHOUT_NVRTC(ran);
  EXPECT_EQ(ran.code, 2) << ran.text;
  EXPECT_NE(ran.text.find("blur.cu: "), std::string::npos) << ran.text;
  EXPECT_NE(ran.text.find("module.cu(2): error: identifier \"absent\" is undefined (load_failed)"), std::string::npos) << ran.text;
}

TEST(Command, KernelCheckNamesWhatIsWrongWithAFile) {
  const Folder folder;
  expect_usage_error("kernel check filter.cu", "there is no file filter.cu");
  expect_usage_error("kernel check " + folder.path() + "/none.ptx", "none.ptx");
  expect_usage_error("kernel check " + folder.path(), "not a regular file");
  const auto bad = folder.put("bad.ptx", ".version 8.0\n.target sm_75\n.visible .entry k() { bogus");
  expect_usage_error("kernel check " + bad, "(line 3 of the PTX)");
  expect_usage_error("pipeline new " + bad, "(line 3 of the PTX)");
}

TEST(Command, PipelineNewWritesAPipelineForEveryShippedModule) {
  const Folder folder;
  std::size_t modules = 0;
  for (const auto& entry : fs::recursive_directory_iterator(SUBLET_SOURCE_DIR "/kernels")) {
    if (entry.path().extension() != ".ptx") continue;
    const auto file = folder.path() + "/" + std::to_string(modules++) + ".yaml";
    const auto made = sublet("pipeline new " + entry.path().string() + " --out " + file);
    EXPECT_EQ(made.code, 0) << made.text;
    const auto checked = sublet("pipeline check " + file);
    EXPECT_EQ(checked.code, 0) << checked.text;
    EXPECT_NE(checked.text.find("Pipeline " + entry.path().stem().string()), std::string::npos) << checked.text;
    expect_usage_error("pipeline new " + entry.path().string() + " --out " + file, "is there already");
  }
  EXPECT_GE(modules, 8U);
}

TEST(Command, WithoutABrokerEveryVerbEndsWithThree) {
  const Folder folder;
  const auto nobody = " --timeout 200ms --broker ipc://" + folder.path() + "/nobody";
  const auto file = folder.put("a", "text");
  for (const auto& verb :
       {std::string("jobs"), std::string("job 5f2c"), std::string("queues"), std::string("workers"), std::string("cancel 5f2c"),
        std::string("pause default"), std::string("wait 5f2c"), "submit video --in " + file}) {
    const auto ran = sublet(verb + nobody);
    EXPECT_EQ(ran.code, 3) << verb << "\n" << ran.text;
    EXPECT_NE(ran.text.find("(disconnected)\nhint: "), std::string::npos) << ran.text;
  }
}

TEST(Command, SaysItsVersion) {
  EXPECT_TRUE(sublet("version").text.starts_with("sublet 0."));
  EXPECT_EQ(sublet("--version").code, 0);
}

}  // namespace
