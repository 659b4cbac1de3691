#include "producer/cli/moment.hpp"

#include <gtest/gtest.h>

#include "producer/cli/verbs/job_times.hpp"

namespace sublet::cli {
namespace {

using namespace std::chrono;

constexpr sys_seconds kTen = sys_days(year(2026) / December / 1) + 10h;

TEST(Moment, IsReadInItsZone) {
  EXPECT_EQ(parse_moment("2026-12-01T10:00Z", "--at"), kTen);
  EXPECT_EQ(parse_moment("2026-12-01T10:00:30Z", "--at"), kTen + 30s);
  EXPECT_EQ(parse_moment("2026-12-01T11:30+01:30", "--at"), kTen);
  EXPECT_EQ(parse_moment("2026-12-01 05:00-05:00", "--at"), kTen);
}

TEST(Moment, WithoutAZoneOrOutsideTheCalendarIsRefused) {
  for (const auto* text : {"", "10:00", "2026-12-01T10:00", "2026-02-30T10:00Z", "2026-12-01T24:00Z", "2026-12-01T10:60Z",
                           "2026-12-01T10:00ZZ", "2026-12-01T10:00+1", "26-12-01T10:00Z"}) {
    const auto moment = parse_moment(text, "--at");
    ASSERT_FALSE(moment) << text;
    EXPECT_EQ(moment.error().code, ErrorCode::bad_argument);
  }
}

TEST(JobTimes, ATimeOfDayTravelsAsADelay) {
  JobSpec spec;
  ASSERT_TRUE(apply({.at = "2026-12-01T10:00Z"}, kTen - 90s, spec));
  EXPECT_EQ(spec.delay, 90s);
}

TEST(JobTimes, ATimeThatHasPassedIsNoDelay) {
  JobSpec spec;
  ASSERT_TRUE(apply({.at = "2026-12-01T10:00Z"}, kTen + 1h, spec));
  EXPECT_EQ(spec.delay, 0ms);
}

TEST(JobTimes, FillInWhatTheJobAsksFor) {
  JobSpec spec;
  ASSERT_TRUE(apply({.delay = "10s", .deadline = "10min", .ttl = "2h"}, kTen, spec));
  EXPECT_EQ(spec.delay, 10s);
  EXPECT_EQ(spec.deadline, 10min);
  EXPECT_EQ(spec.ttl, 2h);
}

TEST(JobTimes, RefuseWhatContradictsItself) {
  JobSpec spec;
  EXPECT_FALSE(apply({.delay = "10s", .at = "2026-12-01T10:00Z"}, kTen, spec));
  EXPECT_FALSE(apply({.after_any = true}, kTen, spec));
  EXPECT_FALSE(apply({.delay = "0s"}, kTen, spec));
  EXPECT_FALSE(apply({.after = {"no id"}}, kTen, spec));
}

}  // namespace
}  // namespace sublet::cli
