#include "producer/cli/progress.hpp"

#include <gtest/gtest.h>

#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

ProgressView half() {
  return {
      .total = 100, .submitted = 100, .done = 50, .failed = 0, .retries = 0, .bytes_out = 2048, .elapsed = 2s, .waiting_for_worker = false};
}

TEST(Progress, ShowsBarCountsSpeedAndWhatIsLeft) {
  EXPECT_EQ(progress_line(half(), 100), "[===============>              ]  50/100  50%  25.0 chunks/s  ETA 2 s  2 KiB out");
}

TEST(Progress, FitsEveryWidth) {
  auto view = half();
  view.failed = 3;
  view.retries = 7;
  for (std::size_t width = 1; width < 120; ++width) EXPECT_LE(display_width(progress_line(view, width)), width) << width;
}

TEST(Progress, AFullBarHasNoHead) {
  auto view = half();
  view.done = 100;
  EXPECT_EQ(progress_line(view, 100), "[==============================] 100/100 100%  50.0 chunks/s  2 KiB out");
}

TEST(Progress, FailedChunksCountAsEndedAndAreNamedFirst) {
  auto view = half();
  view.failed = 1;
  EXPECT_EQ(progress_sentence(view), "51 of 100 chunks (51%), 1 failed, 25.5 chunks/s, ETA 2 s, 2 KiB out");
}

TEST(Progress, OneHundredPercentMeansAll) {
  auto view = half();
  view.total = 1000;
  view.done = 999;
  EXPECT_NE(progress_sentence(view).find("(99%)"), std::string::npos);
}

TEST(Progress, SaysThatAWorkerIsMissing) {
  auto view = half();
  view.done = 0;
  view.waiting_for_worker = true;
  EXPECT_EQ(progress_sentence(view), "0 of 100 chunks (0%), waiting for a worker");
}

TEST(Progress, WhatIsLeftIsUnknownAtFirstAndNothingAtTheEnd) {
  auto view = half();
  EXPECT_EQ(time_left(view), Nanos(2s));
  view.done = 0;
  EXPECT_FALSE(time_left(view));
  view.done = 100;
  EXPECT_FALSE(time_left(view));
}

TEST(Progress, AnEmptyBurstIsComplete) {
  const ProgressView view;
  EXPECT_NE(progress_line(view, 80).find("0/0 100%"), std::string::npos);
}

TEST(Progress, APaceIsDueOncePerInterval) {
  ProgressPace pace(100ms);
  EXPECT_FALSE(pace.due(99ms));
  EXPECT_TRUE(pace.due(150ms));
  EXPECT_FALSE(pace.due(249ms));
  EXPECT_TRUE(pace.due(250ms));
}

}  // namespace
}  // namespace sublet::cli
