#include "common/pipeline/nearest.hpp"

#include <array>

#include <gtest/gtest.h>

namespace sublet {
namespace {

constexpr std::array<std::string_view, 4> kWords = {"buffers", "stages", "input", "output"};

TEST(Nearest, CountsInsertedDroppedReplacedAndSwappedLetters) {
  EXPECT_EQ(edit_distance("stages", "stages"), 0U);
  EXPECT_EQ(edit_distance("stage", "stages"), 1U);
  EXPECT_EQ(edit_distance("stagges", "stages"), 1U);
  EXPECT_EQ(edit_distance("stanes", "stages"), 1U);
  EXPECT_EQ(edit_distance("satges", "stages"), 1U);
  EXPECT_EQ(edit_distance("", "stages"), 6U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Nearest, FindsTheWordThatWasMeant) {
  EXPECT_EQ(nearest("bufers", kWords), "buffers");
  EXPECT_EQ(nearest("ouptut", kWords), "output");
}

TEST(Nearest, FindsNothingThatIsNotAlike) {
  EXPECT_EQ(nearest("kernel", kWords), "");
  EXPECT_EQ(nearest("", kWords), "");
  constexpr std::array<std::string_view, 1> kLetter = {"n"};
  EXPECT_EQ(nearest("x", kLetter), "") << "a word of which every letter is wrong was not meant";
}

TEST(Nearest, SpendsNothingOnAHugeWord) { EXPECT_EQ(nearest(std::string(1U << 20U, 'x'), kWords), ""); }

TEST(Nearest, WordsTheRemedy) {
  EXPECT_EQ(name_remedy("inptu", kWords), "; did you mean \"input\"?");
  EXPECT_EQ(name_remedy("kernel", kWords), R"(; there is: "buffers", "stages", "input", "output")");
  EXPECT_EQ(name_remedy("kernel", {}), "; there is none");
}

}  // namespace
}  // namespace sublet
