#include "tests/chaos/judge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sublet::chaos {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kChunks = 16;

/// A burst whose only producer has received everything, unless told otherwise.
struct Hearings : testing::Test {
  Hearings() { judge.begin_producer(); }

  void output(std::uint32_t job, std::uint64_t chunk) {
    judge.take({.kind = RecordKind::output, .job = job, .chunk = chunk, .bytes = burst.output_of(job, chunk)}, now);
  }
  void outputs_but(std::uint64_t missing) {
    for (std::uint64_t place = 0; place < kChunks; ++place) {
      if (place != missing) output(place % Burst::kReadJobs, place / Burst::kReadJobs);
    }
  }
  void end(std::uint32_t job, JobEnd with) {
    std::vector<std::byte> frame;
    append(frame, job, with);
    for (const auto& record : RecordReader().feed(frame)) judge.take(record, now);
  }
  void end_all(std::uint64_t sum) {
    for (std::uint32_t job = 0; job < Burst::kJobs; ++job) {
      const auto count = Burst::count_of(job, kChunks);
      end(job, {.state = JobState::done, .accepted = count, .done = count, .sum = sum});
    }
  }

  Burst burst{.chunks = kChunks, .salt = 3};
  Judge judge{burst, 2};
  Instant now{1s};
};

TEST_F(Hearings, HaveNothingToComplainOfWhenEverythingCameOnce) {
  outputs_but(kChunks);
  EXPECT_FALSE(judge.all_ended());
  end_all(burst.sum());
  EXPECT_TRUE(judge.all_ended());
  EXPECT_THAT(judge.complaints(), IsEmpty());
  EXPECT_EQ(judge.received(), kChunks);
}

TEST_F(Hearings, TellAnOutputThatIsMissingAndSinceWhichFault) {
  for (std::uint64_t place = 0; place < 4; ++place) output(place % 2, place / 2);
  judge.begin_fault(0, now);
  for (std::uint64_t place = 4; place < 8; ++place) output(place % 2, place / 2);
  judge.begin_fault(1, now);
  for (std::uint64_t place = 9; place < kChunks; ++place) output(place % 2, place / 2);
  end_all(burst.sum());
  EXPECT_THAT(judge.complaints(), ElementsAre(HasSubstr("1 outputs never came, the first that of chunk 4 of job 0")));
  EXPECT_EQ(judge.verdicts()[0].lost, 0U);
  EXPECT_EQ(judge.verdicts()[1].lost, 1U);
  EXPECT_EQ(judge.verdicts()[2].lost, 0U);
}

TEST_F(Hearings, TellAnOutputThatCameTwice) {
  outputs_but(kChunks);
  end_all(burst.sum());
  judge.begin_fault(0, now);
  output(1, 3);
  EXPECT_THAT(judge.complaints(), ElementsAre(HasSubstr("chunk 3 of job 1 came twice")));
  EXPECT_EQ(judge.verdicts()[1].doubled, 1U);
}

TEST_F(Hearings, AllowTheNextProducerWhatTheOneBeforeHadNotTaken) {
  outputs_but(kChunks);
  end_all(burst.sum());
  judge.begin_producer();
  output(1, 3);
  EXPECT_THAT(judge.complaints(), IsEmpty());
  EXPECT_EQ(judge.again(), 1U);
  output(1, 3);
  EXPECT_THAT(judge.complaints(), ElementsAre(HasSubstr("came twice")));
}

TEST_F(Hearings, TellOtherBytes) {
  outputs_but(0);
  end_all(burst.sum());
  auto bytes = burst.output_of(0, 0);
  bytes.push_back(std::byte{0});
  judge.take({.kind = RecordKind::output, .job = 0, .chunk = 0, .bytes = bytes}, now);
  EXPECT_THAT(judge.complaints(), ElementsAre(HasSubstr("chunk 0 of job 0 has other bytes")));
  EXPECT_EQ(judge.verdicts()[0].wrong, 1U);
}

TEST_F(Hearings, TellASumThatCountsAnOutputTwice) {
  outputs_but(kChunks);
  end_all(burst.sum() + 1);
  EXPECT_THAT(judge.complaints(), ElementsAre(HasSubstr("an output counted other than once")));
}

TEST_F(Hearings, TellAJobThatEndedOtherwise) {
  outputs_but(kChunks);
  end_all(burst.sum());
  end(0, {.state = JobState::failed, .accepted = 8, .done = 7, .dead = 1});
  EXPECT_THAT(judge.complaints(), ElementsAre(HasSubstr("7 done and 1 dead")));
}

TEST_F(Hearings, MeasureTheLongestPauseSinceAFault) {
  output(0, 0);
  judge.begin_fault(0, now);
  now += 700ms;
  output(0, 1);
  now += 100ms;
  output(0, 2);
  EXPECT_EQ(judge.verdicts()[1].longest_pause, 700ms);
  EXPECT_EQ(judge.verdicts()[0].longest_pause, 0ms);
}

TEST(ChaosRecord, IsPutTogetherFromPiecesAndNoneWhenItsWriterWasKilled) {
  std::vector<std::byte> frame;
  append(frame, RecordKind::output, 1, 5, as_view("abc"));
  append(frame, RecordKind::dead, 0, 6, as_view(""));
  append(frame, RecordKind::output, 0, 7, as_view("unfinished"));
  frame.pop_back();
  RecordReader reader;
  std::vector<Record> records;
  for (const auto byte : frame) {
    for (auto& record : reader.feed({&byte, 1})) records.push_back(std::move(record));
  }
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].job, 1U);
  EXPECT_EQ(records[0].chunk, 5U);
  EXPECT_EQ(as_text(records[0].bytes), "abc");
  EXPECT_EQ(records[1].kind, RecordKind::dead);
}

}  // namespace
}  // namespace sublet::chaos
