#include "producer/cli/text.hpp"

#include <gtest/gtest.h>

namespace sublet::cli {
namespace {

TEST(Text, SizesHaveThreeDigitsAndBinaryUnits) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(1023), "1023 B");
  EXPECT_EQ(size_text(1024), "1 KiB");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
  EXPECT_EQ(size_text(12'900'000), "12.3 MiB");
  EXPECT_EQ(size_text(32U << 20U), "32 MiB");
  EXPECT_EQ(size_text(UINT64_MAX), "16 EiB");
}

TEST(Text, ASizeJustBelowTheNextUnitIsNotWrittenAsAThousand) { EXPECT_EQ(size_text((1024 * 1024) - 1), "1 MiB"); }

TEST(Text, CountsAreGroupedByThousands) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1000), "1,000");
  EXPECT_EQ(count_text(1234567), "1,234,567");
}

TEST(Text, DurationsNameTheirUnit) {
  EXPECT_EQ(duration_text(0ns), "0 us");
  EXPECT_EQ(duration_text(312us), "312 us");
  EXPECT_EQ(duration_text(45'100us), "45.1 ms");
  EXPECT_EQ(duration_text(999'900us), "1 s");
  EXPECT_EQ(duration_text(1230ms), "1.23 s");
  EXPECT_EQ(duration_text(245s), "4 min 05 s");
  EXPECT_EQ(duration_text(2h + 3min), "2 h 03 min");
}

TEST(Text, AgesUseOneUnit) {
  EXPECT_EQ(age_text(999ms), "now");
  EXPECT_EQ(age_text(119s), "119s");
  EXPECT_EQ(age_text(3min), "3m");
  EXPECT_EQ(age_text(5h), "5h");
  EXPECT_EQ(age_text(72h), "3d");
  EXPECT_EQ(age_text(-5s), "now");
}

TEST(Text, PluralsHaveAnSButForOne) {
  EXPECT_EQ(plural(1, "chunk"), "1 chunk");
  EXPECT_EQ(plural(0, "chunk"), "0 chunks");
  EXPECT_EQ(plural(10'000, "chunk"), "10,000 chunks");
}

TEST(Text, NamesCannotSteerTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\nc"), "a?[2Jb?c");
  EXPECT_EQ(printable("\xc2\x9b[1m"), "?[1m");
  EXPECT_EQ(printable("\xff\xc3"), "??");
  EXPECT_EQ(printable("grün/東.txt"), "grün/東.txt");
}

TEST(Text, OverlongAndSurrogateSequencesAreNotUtf8) {
  EXPECT_EQ(printable("\xc0\xaf"), "??");
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "????");
}

TEST(Text, ShorteningCountsCodePointsNotBytes) {
  EXPECT_EQ(shorten("grün", 4), "grün");
  EXPECT_EQ(shorten("grünes", 4), "grü…");
  EXPECT_EQ(shorten("abc", 1), "…");
  EXPECT_EQ(shorten("abc", 0), "");
}

TEST(Text, SizesAreReadWithAndWithoutUnits) {
  EXPECT_EQ(parse_size("4096", "--vram")->count, 4096U);
  EXPECT_EQ(parse_size("64MiB", "--vram")->count, 64U << 20U);
  EXPECT_EQ(parse_size("64m", "--vram")->count, 64U << 20U);
  EXPECT_EQ(parse_size("64MB", "--vram")->count, 64U << 20U);
  EXPECT_EQ(parse_size("1.5 GiB", "--vram")->count, 3ULL << 29U);
  EXPECT_EQ(parse_size("10B", "--vram")->count, 10U);
}

TEST(Text, AWrongSizeNamesTheOption) {
  for (const auto* text : {"", "MiB", "-1", "1X", "1iB", "nan", "9999999999999TiB", "1e3", "4 4"}) {
    const auto size = parse_size(text, "--vram");
    ASSERT_FALSE(size) << text;
    EXPECT_EQ(size.error().code, ErrorCode::bad_argument);
    EXPECT_NE(size.error().detail.find("--vram"), std::string::npos);
  }
}

TEST(Text, DurationsAreReadWithTheirUnit) {
  EXPECT_EQ(*parse_duration("200ms", "--timeout"), 200ms);
  EXPECT_EQ(*parse_duration("30s", "--timeout"), 30s);
  EXPECT_EQ(*parse_duration("1.5m", "--timeout"), 90s);
  EXPECT_EQ(*parse_duration("2h", "--timeout"), 2h);
  EXPECT_EQ(*parse_duration("0.2ms", "--timeout"), 1ms);
}

TEST(Text, ADurationWithoutUnitIsRefused) {
  for (const auto* text : {"30", "", "s", "-1s", "1d", "99999h"}) EXPECT_FALSE(parse_duration(text, "--timeout")) << text;
}

TEST(Text, JobIdsMayBeTypedByTheirBeginning) {
  EXPECT_EQ(*parse_job_prefix("5F2c"), "5f2c");
  EXPECT_EQ(*parse_job_prefix("0123456789abcdef"), "0123456789abcdef");
  for (const auto* text : {"", "xyz", "0123456789abcdef0", "0x12"}) EXPECT_FALSE(parse_job_prefix(text)) << text;
}

TEST(Text, AWholeIdIsSixteenDigits) {
  EXPECT_EQ(*parse_hex_id("00000000deadbeef"), 0xdeadbeefU);
  EXPECT_FALSE(parse_hex_id("deadbeef"));
}

}  // namespace
}  // namespace sublet::cli
