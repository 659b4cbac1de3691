#include "gpu-worker/devices/cuda/ptx_header.hpp"

#include <gtest/gtest.h>

namespace sublet::cuda {
namespace {

TEST(PtxHeader, E3_TellsVersionAndTarget) {
  const PtxHeader header = header_of_ptx("//\n.version 9.0\n.target sm_90a, debug\n.address_size 64\n");
  EXPECT_EQ(header.version, "9.0");
  EXPECT_EQ(header.target, "sm_90a");
}

TEST(PtxVersion, OfADriverIsTheOneThatItsToolkitWrites) {
  EXPECT_EQ(latest_ptx(13'000), "9.0");
  EXPECT_EQ(latest_ptx(12'090), "8.8");
  EXPECT_EQ(latest_ptx(12'040), "8.4");
}

}  // namespace
}  // namespace sublet::cuda
