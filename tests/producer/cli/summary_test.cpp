#include "producer/cli/summary.hpp"

#include <array>
#include <bit>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sublet::cli {
namespace {

BurstSummary hundred() {
  return {.pipeline = "video",
          .job = JobId{0x5f2c},
          .state = JobState::done,
          .chunks = 100,
          .done = 100,
          .bytes_in = 1024,
          .bytes_out = 2048,
          .retries = 1,
          .sessions = 2,
          .elapsed = 2s,
          .p50 = 1500us,
          .p95 = 3ms,
          .out = "/tmp/x"};
}

TEST(Percentile, IsTheNearestRank) {
  std::array<std::uint32_t, 5> values{50, 10, 40, 20, 30};
  EXPECT_EQ(percentile(values, 50), 30U);
  EXPECT_EQ(percentile(values, 95), 50U);
  EXPECT_EQ(percentile(values, 20), 10U);
  EXPECT_EQ(percentile(values, 0), 10U);
  EXPECT_EQ(percentile(values, 100), 50U);
}

TEST(Percentile, OfNothingIsZero) { EXPECT_EQ(percentile({}, 50), 0U); }

TEST(Percentile, OfOneIsThatOne) {
  std::array<std::uint32_t, 1> one{7};
  EXPECT_EQ(percentile(one, 95), 7U);
}

TEST(Summary, SaysWhatABurstCameTo) {
  EXPECT_EQ(summary_text(hundred(), 80),
            "chunks     100 done\n"
            "bytes      1 KiB in, 2 KiB out\n"
            "time       2 s, 50.0 chunks/s\n"
            "per chunk  p50 1.5 ms, p95 3 ms\n"
            "retries    1\n"
            "sessions   2\n"
            "outputs    /tmp/x\n");
}

TEST(Summary, NamesTheFirstFailuresAndCountsTheRest) {
  auto summary = hundred();
  summary.done = 90;
  summary.failed = 7;
  for (int i = 0; i < 7; ++i)
    summary.failures.push_back({"file" + std::to_string(i), {.code = ErrorCode::sync_failed, .detail = "bad\naddress"}});
  const auto text = summary_text(summary, 80);
  EXPECT_NE(text.find("90 of 100 done, 7 failed, 3 not run\n"), std::string::npos) << text;
  EXPECT_NE(text.find("failed     file0: sync_failed: bad address\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("file5"), std::string::npos);
  EXPECT_NE(text.find("           and 2 more\n"), std::string::npos) << text;
}

TEST(Summary, IsCompleteOnlyWithEveryOutput) {
  EXPECT_TRUE(hundred().complete());
  auto summary = hundred();
  summary.done = 99;
  EXPECT_FALSE(summary.complete());
  summary = hundred();
  summary.state = JobState::cancelled;
  EXPECT_FALSE(summary.complete());
  summary = hundred();
  summary.stopped = Error{.code = ErrorCode::io_failed, .detail = "full"};
  EXPECT_FALSE(summary.complete());
}

TEST(Summary, ShowsTheValueOfAnAggregate) {
  auto summary = hundred();
  summary.aggregate = AggregateKind::sum;
  summary.element = ElementType::i64;
  summary.integer_value = std::bit_cast<std::uint64_t>(std::int64_t{-7});
  EXPECT_EQ(value_text(summary), "-7");
  summary.element = ElementType::f64;
  summary.float_value = 0.5;
  EXPECT_EQ(value_text(summary), "0.5");
  summary.aggregate = AggregateKind::count;
  summary.integer_value = 100;
  EXPECT_EQ(value_text(summary), "100");
  summary.aggregate = AggregateKind::collect;
  EXPECT_EQ(value_text(summary), "");
}

TEST(Summary, JsonHasEveryFieldWhateverHappened) {
  const auto json = summary_json(hundred());
  EXPECT_EQ(json["ok"], true);
  EXPECT_EQ(json["job"], "0000000000005f2c");
  EXPECT_EQ(json["chunks"], 100);
  EXPECT_EQ(json["p95_us"], 3000);
  EXPECT_EQ(json["value"], nullptr);
  EXPECT_EQ(json["error"], nullptr);
  EXPECT_EQ(json["failures"].size(), 0U);
  EXPECT_EQ(summary_json({}).size(), json.size());
}

TEST(Summary, JsonWritesAValueThatIsNoNumberAsNull) {
  auto summary = hundred();
  summary.aggregate = AggregateKind::max;
  summary.float_value = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(summary_json(summary)["value"], nullptr);
}

TEST(Summary, NamesAreReadBack) {
  EXPECT_EQ(*parse_aggregate("concat"), AggregateKind::concat);
  EXPECT_EQ(*parse_element("i64"), ElementType::i64);
  EXPECT_EQ(*parse_policy("best_effort"), PolicyKind::best_effort);
  EXPECT_EQ(*parse_isolation("process"), Isolation::process);
  EXPECT_EQ(*parse_isolation("mps"), Isolation::mps);
  EXPECT_EQ(*parse_durability("fsync"), Durability::fsync);
  EXPECT_EQ(parse_durability("always").error().code, ErrorCode::bad_argument);
}

TEST(Summary, AWrongNameGetsTheNearestRightOne) {
  const auto aggregate = parse_aggregate("colect");
  ASSERT_FALSE(aggregate);
  EXPECT_NE(aggregate.error().detail.find("\"collect\""), std::string::npos);
}

}  // namespace
}  // namespace sublet::cli
