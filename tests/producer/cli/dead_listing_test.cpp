#include "producer/cli/dead_listing.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sublet::cli {
namespace {

std::vector<DeadClass> classes() {
  return {
      {.job = JobId{1}, .code = ErrorCode::poison, .chunks = 1, .bytes = 10, .example = 3, .detail = "ended its session"},
      {.job = JobId{1}, .code = ErrorCode::transient, .chunks = 2, .replayed = 1, .bytes = 20, .example = 4, .detail = "the disk was away"},
      {.job = JobId{2}, .code = ErrorCode::transient, .chunks = 5, .bytes = 50, .example = 9, .detail = "the net was away"}};
}

TEST(DeadListing, GroupsByErrorOverAllJobsTheMostFrequentFirst) {
  EXPECT_EQ(dead_classes_table(classes(), 120),
            "ERROR      CHUNKS  REPLAYED  BYTES  JOBS                         EXAMPLE\n"
            "transient       7         1   70 B  0000000000000001 and 1 more  the disk was away\n"
            "poison          1         0   10 B  0000000000000001             ended its session\n");
}

TEST(DeadListing, NamesEveryJobOfAnErrorInJson) {
  const auto json = dead_classes_json(classes());
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0]["error"], "transient");
  EXPECT_EQ(json[0]["jobs"].size(), 2U);
  EXPECT_EQ(json[0]["jobs"][1]["job"], "0000000000000002");
  EXPECT_EQ(json[0]["jobs"][1]["example"], 9);
}

TEST(DeadListing, SaysOfAChunkWhetherItCanBeReplayed) {
  const std::vector<DeadChunk> chunks{
      {.id = 7, .code = ErrorCode::poison, .crashes = 3, .bytes = 10, .replayed = JobId{2}, .detail = "ended its session\nand more"},
      {.id = 8, .code = ErrorCode::transient, .attempts = 4, .bytes = 10, .kept = false, .replayed = {}, .detail = ""}};
  EXPECT_EQ(dead_chunks_table(chunks, 120),
            "CHUNK  ERROR      ATTEMPTS  CRASHES   PAYLOAD  REPLAYED          DETAIL\n"
            "    7  poison            0        3      10 B  0000000000000002  ended its session\n"
            "    8  transient         4        0  not kept  -                 -\n");
}

TEST(DeadListing, ReadsChunksAsNumbersAndRanges) {
  const auto ranges = parse_chunks("1,4,10-20");
  ASSERT_TRUE(ranges);
  EXPECT_EQ(*ranges, (std::vector<ChunkRange>{{.first = 1, .count = 1}, {.first = 4, .count = 1}, {.first = 10, .count = 11}}));
  for (const auto* text : {"", "a", "1,", "5-4", "1-", "-1", "1 2"}) EXPECT_FALSE(parse_chunks(text)) << text;
}

TEST(DeadListing, ReadsErrorsByTheirNames) {
  EXPECT_EQ(*parse_codes("transient,poison"), (std::vector<std::uint16_t>{402, 403}));
  const auto wrong = parse_codes("transcient");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().detail.find("transient"), std::string::npos);
}

}  // namespace
}  // namespace sublet::cli
