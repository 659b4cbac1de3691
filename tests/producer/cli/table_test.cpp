#include "producer/cli/table.hpp"

#include <sstream>

#include <gtest/gtest.h>

#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

Table example() {
  return {.columns = {{.title = "JOB"},
                      {.title = "NAME", .rank = 2, .shortest = 6},
                      {.title = "DONE", .right = true},
                      {.title = "AGE", .right = true, .rank = 1}},
          .rows = {{"5f2c", "a rather long name", "7", "3m"}, {"0001", "b", "1,000", "now"}}};
}

std::size_t widest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t widest = 0;
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, display_width(line));
  return widest;
}

TEST(TableText, AlignsTextLeftAndNumbersRight) {
  EXPECT_EQ(render(example(), 80),
            "JOB   NAME                 DONE  AGE\n"
            "5f2c  a rather long name      7   3m\n"
            "0001  b                   1,000  now\n");
}

TEST(TableText, ShortensTextBeforeItDropsAColumn) {
  EXPECT_EQ(render(example(), 30),
            "JOB   NAME           DONE  AGE\n"
            "5f2c  a rather lo…      7   3m\n"
            "0001  b             1,000  now\n");
}

TEST(TableText, DropsTheHighestRankFirst) {
  EXPECT_EQ(render(example(), 18),
            "JOB    DONE  AGE\n"
            "5f2c      7   3m\n"
            "0001  1,000  now\n");
}

TEST(TableText, KeepsWhatMayNotBeDropped) {
  EXPECT_EQ(render(example(), 1),
            "JOB    DONE\n"
            "5f2c      7\n"
            "0001  1,000\n");
}

TEST(TableText, NeverPassesTheWidthWhileItCanBeMet) {
  for (std::size_t width = 11; width < 60; ++width) EXPECT_LE(widest_line(render(example(), width)), width) << width;
}

TEST(TableText, NoLineEndsWithABlank) {
  const Table table{.columns = {{.title = "A"}, {.title = "LONG TITLE"}}, .rows = {{"1", ""}, {"2", "x"}}};
  EXPECT_EQ(render(table, 80), "A  LONG TITLE\n1\n2  x\n");
}

TEST(TableText, PairsAlignTheirValues) {
  EXPECT_EQ(render_pairs({{"chunks", "100 done"}, {"", "more"}, {"in", ""}}, 80), "chunks  100 done\n        more\nin\n");
}

}  // namespace
}  // namespace sublet::cli
