#pragma once

// Outputs that two devices round differently.

#include <cstdlib>

#include <gtest/gtest.h>

#include "common/bytes.hpp"

namespace sublet::test {

/// How many bytes differ; one that does by more than `tolerance` is a failure. Rounding of single precision may go the other way at a half,
/// and a stage behind it then makes more of it.
inline std::size_t different_bytes(ByteView output, ByteView expected, int tolerance) {
  EXPECT_EQ(output.size(), expected.size());
  if (output.size() != expected.size()) return expected.size();
  std::size_t different = 0;
  for (std::size_t i = 0; i < output.size(); ++i) {
    const int difference = std::to_integer<int>(output[i]) - std::to_integer<int>(expected[i]);
    EXPECT_LE(std::abs(difference), tolerance) << "byte " << i;
    if (std::abs(difference) > tolerance) return expected.size();
    different += difference == 0 ? 0 : 1;
  }
  return different;
}

}  // namespace sublet::test
