#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/random.hpp"
#include "gpu-worker/ring/agent_end.hpp"
#include "gpu-worker/ring/blocks.hpp"
#include "gpu-worker/ring/session_end.hpp"

namespace sublet::ring {
namespace {

constexpr int kPatienceMs = 60'000;

/// Both ends over one mapping, so that a thread sanitizer sees both sides touch the same addresses.
struct Pair {
  explicit Pair(Area made)
      : area(std::move(made)),
        commands(*make_doorbell(false)),
        replies(*make_doorbell(true)),
        command_writer(area.commands(), area.control().command_tail, area.control().command_head),
        command_reader(area.commands(), area.control().command_tail, area.control().command_head),
        reply_writer(area.replies(), area.control().reply_tail, area.control().reply_head),
        reply_reader(area.replies(), area.control().reply_tail, area.control().reply_head) {}

  Area area;
  Doorbell commands;
  Doorbell replies;
  RingWriter<Command> command_writer;
  RingReader<Command> command_reader;
  RingWriter<Reply> reply_writer;
  RingReader<Reply> reply_reader;
};

/// Answers every command with its number, sleeping whenever there is none, until `count` are answered.
void serve(Pair& pair, std::uint64_t count) {
  Control& control = pair.area.control();
  for (std::uint64_t answered = 0; answered < count;) {
    const auto command = pair.command_reader.pop();
    ASSERT_TRUE(command.has_value());
    if (!command->has_value()) {
      if (about_to_wait(pair.command_reader, control.command_reader_waits)) {
        ASSERT_EQ(listen(pair.commands.listener.get()), Heard::bell);
      }
      continue;
    }
    // What the agent wrote to the arena before the command is there.
    const std::size_t word = (*command)->number % 64 * sizeof(std::uint64_t);
    std::uint64_t value = 0;
    std::memcpy(&value, pair.area.arena().data() + word, sizeof(value));
    ASSERT_EQ(value, (*command)->number);
    ASSERT_EQ(pair.reply_writer.push({.number = (*command)->number}), PushOutcome::pushed);
    wake(pair.replies.ringer.get(), control.reply_reader_waits);
    ++answered;
  }
}

TEST(Ring, LosesNoWakeUpUnderStress) {
  constexpr std::uint64_t kCount = 20'000;
  Pair pair(*Area::create(1_MiB));
  std::jthread server([&pair] { serve(pair, kCount); });
  SeededRandom random(7);
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  while (received < kCount) {
    // Bursts of 1 to 32 under way at a time, so that both sides fall asleep again and again.
    const std::uint64_t burst = std::min(kCount - sent, random.next() % 32 + 1);
    for (std::uint64_t i = 0; i < burst; ++i) {
      const std::uint64_t number = ++sent;
      std::memcpy(pair.area.arena().data() + number % 64 * sizeof(number), &number, sizeof(number));
      ASSERT_EQ(pair.command_writer.push({.number = number}), PushOutcome::pushed);
      wake(pair.commands.ringer.get(), pair.area.control().command_reader_waits);
    }
    while (received < sent) {
      const auto reply = pair.reply_reader.pop();
      ASSERT_TRUE(reply.has_value());
      if (reply->has_value()) {
        ASSERT_EQ((*reply)->number, ++received);
        continue;
      }
      if (about_to_wait(pair.reply_reader, pair.area.control().reply_reader_waits)) {
        pollfd bell{.fd = pair.replies.listener.get(), .events = POLLIN, .revents = 0};
        ASSERT_EQ(::poll(&bell, 1, kPatienceMs), 1);
        ASSERT_EQ(listen(pair.replies.listener.get()), Heard::bell);
      }
    }
  }
}

/// What a session process does, in a forked child: no allocation, no gtest.
[[noreturn]] void echo_in_child(AgentEnd& agent) {
  auto end = SessionEnd::attach(LeaseId{1}, io::FileDescriptor(::dup(agent.area_fd())), io::FileDescriptor(::dup(agent.child_listener())),
                                io::FileDescriptor(::dup(agent.child_ringer())));
  if (!end) {
    ::_exit(1);
  }
  while (end->wait()) {
    const auto command = end->next();
    if (!command || (*command && !end->reply({.number = (*command)->number}))) {
      ::_exit(2);
    }
  }
  ::_exit(0);
}

TEST(Ring, CrossesProcessesAndTellsThatTheAgentIsGone) {
  std::optional<AgentEnd> agent = std::move(*AgentEnd::create(1_MiB));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto inherited = std::move(*agent);
    // The agent's own ends must not live on in the child: else it would wait for itself.
    for (int fd = 3; fd < 64; ++fd) {
      if (fd != inherited.area_fd() && fd != inherited.child_listener() && fd != inherited.child_ringer()) {
        ::close(fd);
      }
    }
    echo_in_child(inherited);
  }
  agent->close_child_ends();
  for (std::uint64_t number = 1; number <= 2'000; ++number) {
    ASSERT_EQ(agent->push({.number = number}), PushOutcome::pushed);
    auto reply = agent->pop();
    while (reply && !*reply) {
      if (agent->about_to_wait()) {
        pollfd bell{.fd = agent->fd(), .events = POLLIN, .revents = 0};
        ASSERT_EQ(::poll(&bell, 1, kPatienceMs), 1);
        ASSERT_EQ(agent->hear(), Heard::bell);
      }
      reply = agent->pop();
    }
    ASSERT_TRUE(reply.has_value());
    ASSERT_EQ((*reply)->number, number);
  }
  agent.reset();
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Ring, IsFullAtItsCapacityAndTakesMoreOnceRead) {
  Pair pair(*Area::create(64_KiB));
  for (std::uint64_t number = 0; number < kSlots; ++number) {
    ASSERT_EQ(pair.command_writer.push({.number = number}), PushOutcome::pushed);
  }
  EXPECT_EQ(pair.command_writer.push({}), PushOutcome::full);
  ASSERT_EQ((*pair.command_reader.pop())->number, 0U);
  EXPECT_EQ(pair.command_writer.push({}), PushOutcome::pushed);
}

TEST(Ring, RefusesPositionsThatCannotBe) {
  Pair pair(*Area::create(64_KiB));
  for (const std::uint64_t position : {kSlots + 1, ~std::uint64_t{0}, std::uint64_t{1} << 63U}) {
    pair.area.control().reply_tail = position;
    EXPECT_FALSE(pair.reply_reader.pop().has_value());
  }
  // The reader claims to have read what was never written.
  for (const std::uint64_t position : {std::uint64_t{1}, kSlots + 1, std::uint64_t{1} << 63U}) {
    pair.area.control().command_head = position;
    EXPECT_EQ(pair.command_writer.push({}), PushOutcome::corrupt);
  }
}

TEST(Ring, WakesNobodyWhoDoesNotWait) {
  Pair pair(*Area::create(64_KiB));
  wake(pair.replies.ringer.get(), pair.area.control().reply_reader_waits);
  EXPECT_EQ(listen(pair.replies.listener.get()), Heard::nothing);
  EXPECT_TRUE(about_to_wait(pair.reply_reader, pair.area.control().reply_reader_waits));
  wake(pair.replies.ringer.get(), pair.area.control().reply_reader_waits);
  wake(pair.replies.ringer.get(), pair.area.control().reply_reader_waits);
  EXPECT_EQ(listen(pair.replies.listener.get()), Heard::bell);
  EXPECT_EQ(listen(pair.replies.listener.get()), Heard::nothing);
}

TEST(Area, CannotBeCutShortByTheOtherSide) {
  const auto area = Area::create(1_MiB);
  ASSERT_TRUE(area.has_value());
  EXPECT_NE(::ftruncate(area->fd(), 0), 0);
  EXPECT_EQ(errno, EPERM);
}

TEST(Area, RefusesMemoryOfAnotherLayout) {
  const auto area = Area::create(1_MiB);
  area->control().magic += 1;
  EXPECT_EQ(Area::attach(io::FileDescriptor(::dup(area->fd()))).error().code, ErrorCode::protocol_error);
  io::FileDescriptor empty(::memfd_create("empty", MFD_CLOEXEC));
  EXPECT_EQ(Area::attach(std::move(empty)).error().code, ErrorCode::protocol_error);
}

TEST(SessionEnd, RefusesBlocksOutsideTheArena) {
  auto agent = AgentEnd::create(64_KiB);
  const auto end = SessionEnd::attach(LeaseId{1}, io::FileDescriptor(::dup(agent->area_fd())), {}, {});
  ASSERT_TRUE(end.has_value());
  const std::uint64_t size = agent->arena().size();
  EXPECT_TRUE(end->block(0, size).has_value());
  EXPECT_FALSE(end->block(1, size).has_value());
  EXPECT_FALSE(end->block(size + 1, 0).has_value());
  EXPECT_FALSE(end->block(~std::uint64_t{0}, 2).has_value());
}

TEST(Blocks, AreLowestFirstAndJoinAgain) {
  Blocks blocks(1_KiB);
  EXPECT_EQ(blocks.take(100), 0U);
  EXPECT_EQ(blocks.take(64), 128U);
  EXPECT_EQ(blocks.take(832), 192U);
  EXPECT_EQ(blocks.take(1), std::nullopt);
  blocks.give_back(0, 100);
  blocks.give_back(192, 832);
  EXPECT_EQ(blocks.take(900), std::nullopt);
  blocks.give_back(128, 64);
  EXPECT_TRUE(blocks.unused());
  EXPECT_EQ(blocks.take(1024), 0U);
}

TEST(Blocks, NeverOverlapWhateverIsTakenAndGivenBack) {
  SeededRandom random(3);
  Blocks blocks(64_KiB);
  std::map<std::uint64_t, std::uint64_t> taken;
  for (int step = 0; step < 20'000; ++step) {
    if (random.next() % 2 == 0 || taken.empty()) {
      const std::uint64_t bytes = random.next() % 8'000;
      if (const auto offset = blocks.take(bytes)) {
        const auto next = taken.lower_bound(*offset);
        ASSERT_TRUE(next == taken.end() || *offset + bytes <= next->first);
        ASSERT_TRUE(next == taken.begin() || std::prev(next)->first + std::prev(next)->second <= *offset);
        ASSERT_LE(*offset + bytes, blocks.capacity());
        ASSERT_EQ(*offset % kAlignment, 0U);
        ASSERT_TRUE(taken.emplace(*offset, bytes).second);
      }
      continue;
    }
    auto victim = taken.begin();
    std::advance(victim, random.next() % taken.size());
    blocks.give_back(victim->first, victim->second);
    taken.erase(victim);
  }
  for (const auto& [offset, bytes] : taken) {
    blocks.give_back(offset, bytes);
  }
  EXPECT_TRUE(blocks.unused());
}

}  // namespace
}  // namespace sublet::ring
