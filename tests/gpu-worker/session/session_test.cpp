#include <optional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/io/process.hpp"
#include "common/random.hpp"
#include "gpu-worker/ring/session_end.hpp"
#include "gpu-worker/session/guard.hpp"
#include "tests/gpu-worker/session/driven_session.hpp"
#include "tests/support/reference.hpp"

namespace sublet::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto number(ErrorCode code) { return static_cast<std::uint16_t>(code); }

std::string bytes_of(std::size_t count) {
  std::string bytes;
  SeededRandom random(count);
  while (bytes.size() < count) {
    bytes.push_back(static_cast<char>(random.next()));
  }
  return bytes;
}

std::string text_of(const agent::LeasedSession::Unsettled& settle) { return std::string(as_text(settle.outputs.view())); }

TEST(SessionProcess, EchoesChunksOfAnyLengthAlsoEmptyOnes) {
  DrivenSession session(shipped("echo/echo.yaml"));
  ASSERT_TRUE(session.wait_until_up().has_value());
  const std::vector<std::string> chunks = {"", bytes_of(1), bytes_of(4096), "", bytes_of(64)};
  ASSERT_TRUE(session.hand_over(chunks).has_value());
  const auto settle = session.settle();
  EXPECT_THAT(settle.message.codes.values, IsEmpty());
  EXPECT_THAT(settle.message.lengths.values, ElementsAre(0, 1, 4096, 0, 64));
  EXPECT_EQ(text_of(settle), joined(chunks));
  EXPECT_EQ(settle.message.micros.values.size(), chunks.size());
}

TEST(SessionProcess, TakesManyRunsAtATimeAndAnswersInOrder) {
  DrivenSession session(shipped("echo/echo.yaml"));
  ASSERT_TRUE(session.wait_until_up().has_value());
  std::vector<std::vector<std::string>> runs;
  for (std::size_t run = 0; run < 400; ++run) {
    runs.push_back({bytes_of(run), bytes_of(run + 1), bytes_of(3)});
    ASSERT_TRUE(session.hand_over(runs.back(), run % 7 == 0).has_value());
  }
  for (std::size_t run = 0; run < runs.size(); ++run) {
    const auto settle = session.settle();
    ASSERT_EQ(settle.message.grant, GrantId{run + 1});
    ASSERT_EQ(text_of(settle), joined(runs[run]));
  }
}

TEST(SessionProcess, HandsOverInPartsWhatTheArenaDoesNotTake) {
  DrivenSession session(shipped("echo/echo.yaml"), 1 << 20);
  ASSERT_TRUE(session.wait_until_up().has_value());
  const std::vector<std::string> chunks(40, bytes_of(1 << 20));
  ASSERT_TRUE(session.hand_over(chunks).has_value());
  const auto settle = session.settle();
  EXPECT_THAT(settle.message.codes.values, IsEmpty());
  EXPECT_EQ(text_of(settle), joined(chunks));
}

TEST(SessionProcess, O10_VideoMatchesTheReference) {
  DrivenSession session(shipped("video/video.yaml"), 100'000);
  ASSERT_TRUE(session.wait_until_up().has_value());
  std::vector<std::string> chunks;
  std::string expected;
  for (const std::size_t n : {0, 1, 255, 256, 257, 100'000}) {
    chunks.push_back(bytes_of(n));
    expected += as_text(video_reference(as_view(chunks.back()), 0.1F));
  }
  ASSERT_TRUE(session.hand_over(chunks).has_value());
  const auto settle = session.settle();
  EXPECT_THAT(settle.message.codes.values, IsEmpty());
  EXPECT_EQ(text_of(settle), expected);
}

TEST(SessionProcess, O12_OnlyInputAndOutputCrossTheBus) {
  DrivenSession session(shipped("video/video.yaml"));
  ASSERT_TRUE(session.wait_until_up().has_value());
  ASSERT_TRUE(session.hand_over({bytes_of(1000), bytes_of(0), bytes_of(3000)}).has_value());
  const auto settle = session.settle();
  EXPECT_EQ(session->traffic().to_device, 4000U);
  EXPECT_EQ(session->traffic().from_device, settle.outputs.size());
  EXPECT_EQ(settle.outputs.size(), 4000U);
}

TEST(SessionProcess, E3_NamesTheOpcodeThatItsDeviceLacks) {
  std::string ptx = faults();
  ptx.insert(ptx.find("ret;"), "frobnicate.u32 \t%r1, %r1;\n\t");
  DrivenSession session(with_module(wild().pipeline, ptx));
  const auto up = session.wait_until_up();
  ASSERT_FALSE(up.has_value());
  EXPECT_EQ(up.error().code, ErrorCode::load_failed);
  EXPECT_THAT(up.error().detail, HasSubstr("frobnicate"));
  EXPECT_EQ(session.exit_code(), session::kCannotStart);
}

TEST(SessionProcess, E4_AnUnknownKernelFailsItsChunksAndNotTheSession) {
  DrivenSession session(wild("no_such_kernel"));
  ASSERT_TRUE(session.wait_until_up().has_value());
  ASSERT_TRUE(session.hand_over({"0", "0"}).has_value());
  ASSERT_TRUE(session.hand_over({"0"}).has_value());
  const auto settle = session.settle();
  EXPECT_THAT(settle.message.codes.values, Each(number(ErrorCode::launch_failed)));
  ASSERT_EQ(settle.message.details.size(), 2U);
  EXPECT_THAT(settle.message.details[0].detail, HasSubstr("no_such_kernel"));
  EXPECT_THAT(session.settle().message.codes.values, ElementsAre(number(ErrorCode::launch_failed)));
}

TEST(SessionProcess, F1_RefusesAChunkLargerThanTheLeaseWasMadeForAndRunsTheOthers) {
  DrivenSession session(shipped("echo/echo.yaml"), 100);
  ASSERT_TRUE(session.wait_until_up().has_value());
  ASSERT_TRUE(session.hand_over({"before", bytes_of(101), "after"}).has_value());
  const auto settle = session.settle();
  EXPECT_THAT(settle.message.codes.values, ElementsAre(0, number(ErrorCode::chunk_too_large), 0));
  EXPECT_EQ(text_of(settle), "beforeafter");
}

TEST(SessionProcess, E5_AnOutOfBoundsKernelEndsTheSessionAndOnlyItsOwnChunkIsGuilty) {
  DrivenSession session(wild());
  ASSERT_TRUE(session.wait_until_up().has_value());
  ASSERT_TRUE(session.hand_over({"good", "\x01 bad", "left", "left"}).has_value());
  const auto settle = session.settle();
  ASSERT_EQ(settle.message.codes.values.size(), 4U);
  EXPECT_EQ(settle.message.codes.values[0], 0);
  EXPECT_EQ(settle.message.codes.values[1], number(ErrorCode::sync_failed));
  EXPECT_EQ(settle.message.codes.values[2], number(ErrorCode::returned));
  EXPECT_EQ(settle.message.codes.values[3], number(ErrorCode::returned));
  ASSERT_EQ(settle.message.details.size(), 1U);
  EXPECT_THAT(settle.message.details[0].detail, HasSubstr("wild"));
  EXPECT_EQ(text_of(settle), "good");
  EXPECT_TRUE(session->device_broken());
  EXPECT_EQ(session.exit_code(), session::kDeviceBroken);
}

TEST(SessionProcess, F2_AnEndlessKernelEndsAsATimeout) {
  DrivenSession session(endless(300));
  ASSERT_TRUE(session.wait_until_up().has_value());
  ASSERT_TRUE(session.hand_over({"\x01", "left", "left"}).has_value());
  const auto settle = session.settle();
  ASSERT_EQ(settle.message.codes.values.size(), 3U);
  EXPECT_EQ(settle.message.codes.values[0], number(ErrorCode::kernel_timeout));
  EXPECT_EQ(settle.message.codes.values[2], number(ErrorCode::returned));
  EXPECT_EQ(session.exit_code(), session::kDeviceBroken);
}

TEST(SessionProcess, KilledWhileRunningLosesOnlyWhatItRan) {
  Bundle bundle = endless(600'000);
  bundle.pipeline.lanes = 1;
  DrivenSession session(bundle);
  ASSERT_TRUE(session.wait_until_up().has_value());
  ASSERT_TRUE(session.hand_over({"first", "\x01", "third"}).has_value());
  ASSERT_TRUE(session.hand_over({"fourth"}).has_value());
  while (session->process()->end().running().first != 1) {
    std::this_thread::yield();
  }
  session->process()->kill();
  EXPECT_EQ(session.exit_code(), -2);
  session->end({.code = ErrorCode::session_lost, .detail = "killed"});
  auto& unsettled = session->unsettled();
  ASSERT_EQ(unsettled.size(), 2U);
  EXPECT_THAT(unsettled[GrantId{1}].message.codes.values,
              ElementsAre(number(ErrorCode::returned), number(ErrorCode::session_lost), number(ErrorCode::returned)));
  EXPECT_THAT(unsettled[GrantId{2}].message.codes.values, ElementsAre(number(ErrorCode::returned)));
}

TEST(SessionProcess, EndsItselfWhenItsDeadlinePassesUnderAnEndlessKernel) {
  DrivenSession session(endless(600'000), 4096, 10min);
  ASSERT_TRUE(session.wait_until_up().has_value());
  DrivenSession expiring(endless(600'000), 4096, 1s);
  if (expiring.wait_until_up()) {
    [[maybe_unused]] const auto handed = expiring.hand_over({"\x01"});
  }
  EXPECT_EQ(expiring.exit_code(), session::kExpired);
}

TEST(SessionProcess, HandsBackWhatHasNotBegunWhenAskedToStop) {
  DrivenSession session(shipped("echo/echo.yaml"));
  ASSERT_TRUE(session.wait_until_up().has_value());
  session->drain();
  ASSERT_TRUE(session.hand_over({"late"}).has_value());
  EXPECT_THAT(session.settle().message.codes.values, ElementsAre(number(ErrorCode::returned)));
}

TEST(SessionProcess, F4_EndsWhenItsAgentIsGone) {
  std::optional<ring::AgentEnd> end = std::move(*ring::AgentEnd::create(1_MiB));
  io::SpawnOptions spawn;
  spawn.program = std::string(SUBLET_BIN_DIR) + "/sublet-session";
  spawn.args = {"--vram", "1048576"};
  spawn.inherited = {
      {.fd = end->area_fd(), .child_fd = 3}, {.fd = end->child_listener(), .child_fd = 4}, {.fd = end->child_ringer(), .child_fd = 5}};
  auto child = io::spawn(spawn);
  ASSERT_TRUE(child.has_value());
  end.reset();
  EXPECT_TRUE(child->wait().clean());
}

TEST(SessionProcess, HasNoNetworkLibrary) {
  const std::string program = read_text(std::string(SUBLET_BIN_DIR) + "/sublet-session");
  ASSERT_FALSE(program.empty());
  EXPECT_EQ(program.find("libzmq"), std::string::npos);
}

}  // namespace
}  // namespace sublet::test
