#include <csignal>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "common/io/clock.hpp"
#include "common/io/log.hpp"
#include "common/io/random.hpp"
#include "common/io/signals.hpp"
#include "common/io/socket.hpp"
#include "common/io/wakeup.hpp"

namespace sublet::io {
namespace {

constexpr Millis kPatience = 20s;

TEST(Clock, NeverGoesBack) {
  const Instant first = now();
  EXPECT_GE(now(), first);
}

TEST(SystemRandom, DoesNotRepeatItself) {
  SystemRandom one;
  SystemRandom other;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1'000; ++i) {
    seen.insert(one.next());
    seen.insert(other.next());
  }
  EXPECT_EQ(seen.size(), 2'000U);
}

TEST(Wakeup, WakesAPollerFromAnotherThreadUntilItIsCleared) {
  const Wakeup wakeup = Wakeup::open().value();
  Poller poller;
  poller.add(wakeup.fd());
  const std::jthread other([&] { wakeup.notify(); });
  EXPECT_EQ(poller.wait(kPatience), 1U);
  wakeup.clear();
  EXPECT_EQ(poller.wait(0ms), 0U);
}

TEST(StopSignals, ArriveAsAReadableDescriptor) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  {
    const StopSignals signals = StopSignals::open().value();
    EXPECT_EQ(signals.take(), 0);
    ::raise(SIGTERM);
    Poller poller;
    poller.add(signals.fd());
    EXPECT_EQ(poller.wait(kPatience), 1U);
    EXPECT_EQ(signals.take(), SIGTERM);
    EXPECT_EQ(signals.take(), 0);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(Log, RefusesALevelItDoesNotKnowAndListsThoseItDoes) {
  const auto log = make_log("test", "loud");
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::bad_argument);
  EXPECT_THAT(log.error().detail, testing::HasSubstr("debug, info, warn, error or off"));
}

TEST(Log, WritesOneLineToStderrFromItsLevelUp) {
  testing::internal::CaptureStderr();
  const Log log = make_log("sublet-test", "info").value();
  log->debug("quiet");
  log->info("said");
  log->flush();
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, testing::HasSubstr("info sublet-test: said\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("quiet")));
}

}  // namespace
}  // namespace sublet::io
