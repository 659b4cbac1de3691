#include "gpu-worker/core/mps.hpp"

#include <gtest/gtest.h>

namespace sublet {
namespace {

constexpr std::uint32_t kUser = 1000;

TEST(Mps, TheFolderIsWhatTheEnvironmentSaysOrTheDriversOwn) {
  EXPECT_EQ(mps_folder("/run/mps"), "/run/mps");
  EXPECT_EQ(mps_folder(std::nullopt), "/tmp/nvidia-mps");
  EXPECT_EQ(mps_folder(""), "/tmp/nvidia-mps");
}

TEST(Mps, ADaemonIsAPipeOfRootOrOfThisUser) {
  EXPECT_TRUE(is_mps_daemon(FoundPipe{.is_pipe = true, .owner = 0}, kUser));
  EXPECT_TRUE(is_mps_daemon(FoundPipe{.is_pipe = true, .owner = kUser}, kUser));
}

TEST(Mps, NothingElseIsADaemon) {
  EXPECT_FALSE(is_mps_daemon(std::nullopt, kUser));
  EXPECT_FALSE(is_mps_daemon(FoundPipe{.is_pipe = false, .owner = 0}, kUser));
  EXPECT_FALSE(is_mps_daemon(FoundPipe{.is_pipe = true, .owner = kUser + 1}, kUser)) << "anybody can make the folder in /tmp";
}

TEST(Mps, WhoeverIsNoClientLooksWhereNoPipeCanBe) {
  EXPECT_EQ(mps_variable("/run/mps"), "CUDA_MPS_PIPE_DIRECTORY=/run/mps");
  EXPECT_EQ(mps_variable(std::nullopt), "CUDA_MPS_PIPE_DIRECTORY=/proc/self/ns");
}

}  // namespace
}  // namespace sublet
