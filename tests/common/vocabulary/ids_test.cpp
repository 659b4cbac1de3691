#include "common/ids.hpp"

#include <gtest/gtest.h>

namespace sublet {
namespace {

TEST(Ids, AreWrittenAsSixteenHexDigits) {
  EXPECT_EQ(to_hex(JobId{0xc0ffee}), "0000000000c0ffee");
  EXPECT_EQ(to_hex(~std::uint64_t{0}), "ffffffffffffffff");
}

TEST(Ids, AreReadAsTheyAreWritten) {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{0xc0ffee}, ~std::uint64_t{0}})
    EXPECT_EQ(from_hex(to_hex(value)), value);
  EXPECT_EQ(from_hex("C0FFEE"), 0xc0ffeeU);
}

TEST(Ids, AnythingElseIsNoId) {
  for (const auto* text : {"", " 1", "1 ", "-1", "+1", "0x1", "g", "12345678901234567", "00000000000000000"})
    EXPECT_FALSE(from_hex(text)) << text;
}

TEST(Ids, AHashIsWrittenMostSignificantFirst) {
  EXPECT_EQ(to_hex(ContentHash{{0x0123456789abcdef, 0, 0, 0xff}}), "0123456789abcdef0000000000000000000000000000000000000000000000ff");
}

TEST(Ids, OfDifferentKindsDoNotConvert) {
  static_assert(!std::is_convertible_v<JobId, LeaseId>);
  static_assert(!std::is_convertible_v<std::uint64_t, JobId>);
}

}  // namespace
}  // namespace sublet
