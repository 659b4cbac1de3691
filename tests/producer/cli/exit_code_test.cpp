#include "producer/cli/exit_code.hpp"

#include <gtest/gtest.h>

namespace sublet::cli {
namespace {

TEST(ExitCodes, FollowTheKindOfError) {
  EXPECT_EQ(exit_code_of(ErrorCode::ok), ExitCode::ok);
  EXPECT_EQ(exit_code_of(ErrorCode::disconnected), ExitCode::no_connection);
  EXPECT_EQ(exit_code_of(ErrorCode::not_found), ExitCode::not_found);
  EXPECT_EQ(exit_code_of(ErrorCode::jobs_lost), ExitCode::not_found);
  EXPECT_EQ(exit_code_of(ErrorCode::timeout), ExitCode::timed_out);
  EXPECT_EQ(exit_code_of(ErrorCode::interrupted), ExitCode::interrupted);
  EXPECT_EQ(exit_code_of(ErrorCode::bad_pipeline), ExitCode::usage);
  EXPECT_EQ(exit_code_of(ErrorCode::io_failed), ExitCode::failed);
}

TEST(ExitCodes, TheNumbersArePartOfTheInterface) {
  EXPECT_EQ(static_cast<int>(ExitCode::failed), 1);
  EXPECT_EQ(static_cast<int>(ExitCode::usage), 2);
  EXPECT_EQ(static_cast<int>(ExitCode::no_connection), 3);
  EXPECT_EQ(static_cast<int>(ExitCode::not_found), 4);
  EXPECT_EQ(static_cast<int>(ExitCode::timed_out), 5);
  EXPECT_EQ(static_cast<int>(ExitCode::interrupted), 130);
}

TEST(ExitCodes, AJobThatStillRunsIsNoFailure) {
  EXPECT_EQ(exit_code_of(JobState::open), ExitCode::ok);
  EXPECT_EQ(exit_code_of(JobState::done), ExitCode::ok);
  EXPECT_EQ(exit_code_of(JobState::failed), ExitCode::failed);
  EXPECT_EQ(exit_code_of(JobState::cancelled), ExitCode::failed);
}

TEST(ErrorLines, SplitTheRemedyFromWhatIsWrong) {
  EXPECT_EQ(error_lines({.code = ErrorCode::bad_argument, .detail = "--vram 1X is no size; write 64MiB"}),
            "sublet: --vram 1X is no size (bad_argument)\nhint: write 64MiB\n");
}

TEST(ErrorLines, AnErrorWithoutRemedyGetsTheOneOfItsKind) {
  EXPECT_EQ(error_lines({.code = ErrorCode::timeout, .detail = "no answer in 200 ms"}),
            "sublet: no answer in 200 ms (timeout)\nhint: give it longer with --timeout, for example --timeout 60s\n");
}

TEST(ErrorLines, AGivenHintWins) {
  EXPECT_EQ(error_lines({.code = ErrorCode::io_failed, .detail = "x; y"}, "z"), "sublet: x (io_failed)\nhint: z\n");
}

TEST(ErrorLines, StayOneLineWhateverTheDetailHolds) {
  EXPECT_EQ(error_lines({.code = ErrorCode::sync_failed, .detail = "a\nb\x1b[0m"}), "sublet: a b?[0m (sync_failed)\n");
}

TEST(ErrorLines, WithoutDetailTheMeaningSpeaks) {
  EXPECT_EQ(error_lines({.code = ErrorCode::cancelled, .detail = ""}), "sublet: the job was cancelled (cancelled)\n");
}

}  // namespace
}  // namespace sublet::cli
