#include <optional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/io/process.hpp"
#include "common/random.hpp"
#include "gpu-worker/ring/link.hpp"
#include "gpu-worker/session/guard.hpp"
#include "paths.hpp"
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

TEST(SessionProcess, V1_UploadsWeightsOnceForAThousandRequests) {
  const auto digits = shipped("inference/digits.yaml");
  DrivenSession session(digits);
  ASSERT_TRUE(session.wait_until_up().has_value());
  const std::string picture(256, '\0');
  for (int request = 0; request < 1000; ++request) {
    ASSERT_TRUE(session.hand_over({picture}).has_value());
    ASSERT_THAT(session.settle().message.lengths.values, ElementsAre(40));
  }
  EXPECT_EQ(session->traffic().to_device, digits.residents[0].data.size() + digits.residents[1].data.size() + 1000 * 256);
  EXPECT_EQ(session->traffic().from_device, 1000U * 40);
}

TEST(SessionProcess, V3_AChunkThatDoesNotConvergeFailsAlone) {
  auto heat = shipped("solver/heat.yaml");
  heat.pipeline = with_parameters(heat.pipeline, std::vector<PipelineParameter>{{"width", 32}, {"height", 32}, {"k", 500}}).value();
  DrivenSession session(heat);
  ASSERT_TRUE(session.wait_until_up().has_value());
  const std::string cold(4096, '\0');
  std::string warm_inside = cold;
  for (std::size_t i = 0; i < 2048; i += 4) warm_inside.replace(i, 4, "\0\0\xc8\x42", 4);
  ASSERT_TRUE(session.hand_over({cold, warm_inside, cold}).has_value());
  const auto settle = session.settle();
  EXPECT_THAT(settle.message.codes.values, ElementsAre(0, number(ErrorCode::not_converged), 0));
  ASSERT_EQ(settle.message.details.size(), 1U);
  EXPECT_THAT(settle.message.details[0].detail, HasSubstr("1000 iterations did not settle"));
  EXPECT_EQ(text_of(settle), cold + cold);
}

TEST(SessionProcess, E3_NamesTheOpcodeThatItsDeviceLacks) {
  std::string ptx = faults();
  ptx.insert(ptx.find("ret;"), "frobnicate.u32 \t%r1, %r1;\n\t");
  DrivenSession session(with_module(wild().pipeline, ptx));
  const auto up = session.wait_until_up();
  ASSERT_FALSE(up.has_value());
  EXPECT_EQ(up.error().code, ErrorCode::load_failed);
  EXPECT_THAT(up.error().detail, HasSubstr("frobnicate"));
  EXPECT_TRUE(session->left());
  EXPECT_FALSE(session.process().gone());
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

TEST(SessionProcess, GoesOnAfterACommandThatRanTooLong) {
  Bundle bundle;
  bundle.pipeline.name = "slow";
  bundle.pipeline.buffers = {{.name = "data", .bytes = "n"}, {.name = "back", .bytes = "n"}};
  bundle.pipeline.host_stages = {
      {.before = 0, .function = "slow", .from = "data", .bytes = "n", .to = "back", .length = "", .values = {}, .sets = {}}};
  bundle.pipeline.inputs = {"data"};
  bundle.pipeline.outputs = {{.buffer = "back"}};
  bundle.pipeline.time_limit_ms = 3'000;
  DrivenSession session(bundle, lease_for(bundle, 4096), 10min, 8_GiB,
                        {"slow=text=$(cat); [ $text = slow ] && exec sleep 1000; printf $text"});
  ASSERT_TRUE(session.wait_until_up().has_value());
  ASSERT_TRUE(session.hand_over({"slow", "fine"}).has_value());
  const auto settle = session.settle();
  EXPECT_THAT(settle.message.codes.values, ElementsAre(number(ErrorCode::host_stage_failed), 0));
  EXPECT_EQ(text_of(settle), "fine");
  EXPECT_FALSE(session->device_broken());
  ASSERT_TRUE(session.hand_over({"more"}).has_value());
  EXPECT_EQ(text_of(session.settle()), "more");
  EXPECT_TRUE(session.close().has_value());
}

TEST(SessionProcess, KilledWhileRunningLosesOnlyWhatItRan) {
  Bundle bundle = endless(600'000);
  bundle.pipeline.lanes = 1;
  DrivenSession session(bundle);
  ASSERT_TRUE(session.wait_until_up().has_value());
  ASSERT_TRUE(session.hand_over({"first", "\x01", "third"}).has_value());
  ASSERT_TRUE(session.hand_over({"fourth"}).has_value());
  while (session->channel()->running().first != 1) {
    std::this_thread::yield();
  }
  session.process().kill();
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
  std::optional<ring::AgentLink> link = std::move(*ring::AgentLink::create());
  io::SpawnOptions spawn;
  spawn.program = std::string(SUBLET_BIN_DIR) + "/sublet-session";
  spawn.args = {"--vram", "1048576"};
  spawn.inherited = {{.fd = link->child_fd(), .child_fd = ring::kInheritedLink}};
  auto child = io::spawn(spawn);
  ASSERT_TRUE(child.has_value());
  link.reset();
  EXPECT_TRUE(child->wait().clean());
}

constexpr LeaseId kOther{78};

TEST(SharedProcess, RunsTheChunksOfTwoLeasesAtATime) {
  DrivenSession session(shipped("echo/echo.yaml"));
  DrivenSession other(session, shipped("video/video.yaml"), kOther);
  ASSERT_TRUE(session.wait_until_up().has_value());
  ASSERT_TRUE(other.wait_until_up().has_value());
  ASSERT_TRUE(session.hand_over({bytes_of(100), "echo"}).has_value());
  ASSERT_TRUE(other.hand_over({bytes_of(3000)}).has_value());
  EXPECT_EQ(text_of(session.settle()), bytes_of(100) + "echo");
  EXPECT_EQ(text_of(other.settle()), as_text(video_reference(as_view(bytes_of(3000)), 0.1F)));
}

TEST(SharedProcess, ClosingOneSessionLeavesTheOthersRunningChunkAlone) {
  DrivenSession running(endless(600'000));
  DrivenSession other(running, shipped("echo/echo.yaml"), kOther);
  ASSERT_TRUE(running.wait_until_up().has_value());
  ASSERT_TRUE(other.wait_until_up().has_value());
  ASSERT_TRUE(running.hand_over({"\x01"}).has_value());
  while (running->channel()->running().count != 1) {
    std::this_thread::yield();
  }
  const auto before = running->channel()->running();
  ASSERT_TRUE(other.close().has_value());
  const auto after = running->channel()->running();
  EXPECT_FALSE(running.process().gone());
  EXPECT_EQ(after.count, 1U);
  EXPECT_EQ(after.since_ns, before.since_ns);
  EXPECT_TRUE(running->fresh_settles().empty());
}

TEST(SharedProcess, AClosedSessionGivesItsMemoryToTheNextOne) {
  // The card holds one such session and no second one beside it.
  const Bundle bundle = shipped("video/video.yaml");
  const Bytes slice{lease_for(bundle, 4096).bytes};
  DrivenSession session(bundle, 4096, 10min, slice);
  ASSERT_TRUE(session.wait_until_up().has_value());
  {
    DrivenSession second(session, bundle, kOther);
    EXPECT_FALSE(second.wait_until_up().has_value());
    EXPECT_TRUE(second->left());
  }
  ASSERT_TRUE(session.close().has_value());
  DrivenSession third(session, bundle, LeaseId{79});
  EXPECT_TRUE(third.wait_until_up().has_value());
}

TEST(SharedProcess, AClosedSessionFinishesWhatItRunsAndBeginsNothingMore) {
  DrivenSession session(shipped("echo/echo.yaml"));
  DrivenSession other(session, shipped("echo/echo.yaml"), kOther);
  ASSERT_TRUE(session.wait_until_up().has_value());
  ASSERT_TRUE(other.wait_until_up().has_value());
  for (int run = 0; run < 100; ++run) {
    ASSERT_TRUE(other.hand_over({bytes_of(4000)}).has_value());
  }
  ASSERT_TRUE(other.close().has_value());
  ASSERT_TRUE(session.hand_over({"on"}).has_value());
  EXPECT_EQ(text_of(session.settle()), "on");
}

TEST(SharedProcess, ClosesALeaseByItselfWhenItsDeadlinePassesAndKeepsTheOther) {
  DrivenSession session(shipped("echo/echo.yaml"));
  DrivenSession expiring(session, shipped("echo/echo.yaml"), kOther, 1s);
  ASSERT_TRUE(session.wait_until_up().has_value());
  while (!expiring->left()) {
    ASSERT_TRUE(expiring.hear().has_value());
  }
  ASSERT_TRUE(session.hand_over({"still here"}).has_value());
  EXPECT_EQ(text_of(session.settle()), "still here");
}

TEST(SharedProcess, EndsWhenALeaseDoesNotCloseAfterItsDeadline) {
  DrivenSession session(shipped("echo/echo.yaml"));
  DrivenSession hanging(session, endless(600'000), kOther);
  ASSERT_TRUE(hanging.wait_until_up().has_value());
  ASSERT_TRUE(hanging.hand_over({"\x01"}).has_value());
  while (hanging->channel()->running().count != 1) {
    std::this_thread::yield();
  }
  hanging->set_deadline(io::now());
  // A deadline that comes sooner than it was is seen when the next lease comes.
  const DrivenSession third(session, shipped("echo/echo.yaml"), LeaseId{79});
  EXPECT_EQ(session.exit_code(), session::kExpired);
}

TEST(SharedProcess, OnlyTheChunkThatBrokeTheDeviceIsGuiltyOfIt) {
  DrivenSession innocent(endless(600'000));
  DrivenSession wild_one(innocent, wild(), kOther);
  ASSERT_TRUE(innocent.wait_until_up().has_value());
  ASSERT_TRUE(wild_one.wait_until_up().has_value());
  ASSERT_TRUE(innocent.hand_over({"\x01", "left"}).has_value());
  ASSERT_TRUE(wild_one.hand_over({"\x01 bad"}).has_value());
  EXPECT_THAT(wild_one.settle().message.codes.values, ElementsAre(number(ErrorCode::sync_failed)));
  EXPECT_TRUE(wild_one->device_broken());
  EXPECT_EQ(innocent.exit_code(), session::kDeviceBroken);
  innocent->take_last_words(io::now());
  EXPECT_FALSE(innocent->device_broken());
  innocent->displace();
  EXPECT_THAT(innocent->unsettled()[GrantId{1}].message.codes.values,
              ElementsAre(number(ErrorCode::returned), number(ErrorCode::returned)));
}

TEST(SessionProcess, HasNoNetworkLibrary) {
  const std::string program = read_text(std::string(SUBLET_BIN_DIR) + "/sublet-session");
  ASSERT_FALSE(program.empty());
  EXPECT_EQ(program.find("libzmq"), std::string::npos);
}

}  // namespace
}  // namespace sublet::test
