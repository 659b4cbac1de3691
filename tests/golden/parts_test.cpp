// What the comparison with a card is made of.

#include <bit>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/golden/bound.hpp"
#include "tests/golden/form.hpp"
#include "tests/golden/record_file.hpp"

namespace sublet::golden {
namespace {

bool floats_within(const Bound& bound, float got, float wanted) {
  return is_within(bound, Meaning::f32, std::bit_cast<std::uint32_t>(got), std::bit_cast<std::uint32_t>(wanted));
}

TEST(Bound, WithoutAnythingAsksForTheSameBits) {
  EXPECT_TRUE(floats_within({}, 1.0F, 1.0F));
  EXPECT_FALSE(floats_within({}, 1.0F, 0x1.000002p0F));
  EXPECT_FALSE(is_within({}, Meaning::f32, 0x7fc0'0000U, 0x7fff'ffffU));
}

TEST(Bound, OfAPartLetsPassWhatIsNearAndNothingElse) {
  constexpr Bound kPlaces{.relative = 0x1p-22};
  EXPECT_TRUE(floats_within(kPlaces, 1.0F, 0x1.000004p0F));
  EXPECT_FALSE(floats_within(kPlaces, 1.0F, 0x1.000006p0F));
  EXPECT_FALSE(floats_within(kPlaces, 0.0F, -0.0F));
  EXPECT_FALSE(floats_within(kPlaces, 0x1.fffffep127F, INFINITY));
  EXPECT_FALSE(is_within(kPlaces, Meaning::f32, 0x7fc0'0000U, 0x7fff'ffffU));
}

TEST(Bound, OfNaNLetsPassAnyOther) {
  constexpr Bound kNan{.any_nan = true};
  EXPECT_TRUE(is_within(kNan, Meaning::f32, 0x7fc0'0000U, 0x7fff'ffffU));
  EXPECT_FALSE(is_within(kNan, Meaning::f32, 0x7f80'0000U, 0x7fff'ffffU));
  EXPECT_FALSE(floats_within(kNan, 1.0F, 0x1.000002p0F));
}

TEST(Bound, OfTwoHalvesHoldsForEach) {
  constexpr Bound kPlaces{.relative = 0x1p-10};
  EXPECT_TRUE(is_within(kPlaces, Meaning::f16x2, 0x3c00'3c01U, 0x3c01'3c00U));
  EXPECT_FALSE(is_within(kPlaces, Meaning::f16x2, 0x3c00'3c00U, 0x3c00'3c04U));
  EXPECT_FALSE(is_within(kPlaces, Meaning::f16x2, 0x3c04'3c00U, 0x3c00'3c00U));
}

TEST(RecordFile, IsReadAsItWasWritten) {
  const Record record{.origin = {.card = "a card", .driver = "1.2", .date = "2026-01-01"},
                      .outputs = {{"add.u32", {{.bytes = 4, .elements = std::vector<std::uint64_t>(40, 7)}, {.bytes = 1, .elements = {1}}}},
                                  {"k", {{.bytes = 8, .hashed = true, .elements = {~0ULL}}}}}};
  const auto read = read_record(to_text(record));
  ASSERT_TRUE(read) << to_text(read.error());
  EXPECT_EQ(read->outputs, record.outputs);
  EXPECT_EQ(read->origin.card, "a card");
}

TEST(RecordFile, ThatWasEditedIsRefused) {
  for (const std::string_view text : {"= a\nout b32 2\n00000001\n", "= a\nout b32 1\n0000000g\n", "= a\nout b33 1\n00000000\n",
                                      "= a\n= a\n", "out b32 1\n00000000\n", "= a\nout b32 1\n00000001 00000002\n", "more\n"}) {
    EXPECT_FALSE(read_record(text)) << text;
  }
}

TEST(Form, IsEachWayToChooseOfItsRow) {
  const std::vector<Row> rows = {{"a.{b,c}{,.sat}.u32", "T = T"}};
  std::vector<std::string> names;
  for (const Form& form : forms_of({"some", rows})) names.push_back(form.name);
  EXPECT_EQ(names, (std::vector<std::string>{"a.b.u32", "a.b.sat.u32", "a.c.u32", "a.c.sat.u32"}));
}

}  // namespace
}  // namespace sublet::golden
