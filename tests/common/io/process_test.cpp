#include "common/io/process.hpp"

#include <array>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/socket.hpp"

namespace sublet::io {
namespace {

constexpr Millis kPatience = 20s;

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;

  static Pipe open() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
  }
};

std::string read_all(int fd) {
  std::string text;
  char next = 0;
  while (::read(fd, &next, 1) == 1) {
    text += next;
  }
  return text;
}

SpawnOptions shell(std::string script) { return {.program = "/bin/sh", .args = {"-c", std::move(script)}}; }

TEST(Spawn, TellsHowTheChildEnded) {
  Child child = spawn(shell("exit 7")).value();
  const Exit exit = child.wait();
  EXPECT_EQ(exit.code, 7);
  EXPECT_EQ(exit.signal, 0);
  EXPECT_FALSE(exit.clean());
  EXPECT_EQ(child.poll()->code, 7) << "the answer repeats";
}

TEST(Spawn, MakesItsDescriptorReadableWhenTheChildEnds) {
  Child child = spawn(shell("read line; exit 0")).value();
  Poller poller;
  poller.add(child.fd());
  EXPECT_EQ(poller.wait(kPatience), 1U);
  EXPECT_TRUE(child.poll()->clean());
}

TEST(Spawn, ChangesOfTheEnvironmentOnlyWhatItIsToldTo) {
  Pipe pipe = Pipe::open();
  ::setenv("SUBLET_TEST_KEPT", "kept", 1);
  ::setenv("SUBLET_TEST_CHANGED", "as it was", 1);
  SpawnOptions options =
      shell("echo $SUBLET_TEST_KEPT, $SUBLET_TEST_CHANGED, $SUBLET_TEST_ADDED >&3; env | grep -c ^SUBLET_TEST_CHANGED >&3");
  options.environment = {"SUBLET_TEST_CHANGED=changed", "SUBLET_TEST_ADDED=added"};
  options.inherited = {{.fd = pipe.write.get(), .child_fd = 3}};
  Child child = spawn(options).value();
  EXPECT_TRUE(child.wait().clean());
  EXPECT_STREQ(::getenv("SUBLET_TEST_CHANGED"), "as it was");
  pipe.write.reset();
  EXPECT_EQ(read_all(pipe.read.get()), "kept, changed, added\n1\n");
}

TEST(Spawn, NamesAProgramThatIsNotThere) {
  const auto child = spawn({.program = "/nowhere/sublet-nothing"});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, ErrorCode::io_failed);
  EXPECT_THAT(child.error().detail, testing::HasSubstr("/nowhere/sublet-nothing"));
}

TEST(Spawn, LooksForPlainNamesBesideTheRunningProgram) {
  const auto child = spawn({.program = "sublet-nothing"});
  ASSERT_FALSE(child);
  EXPECT_THAT(child.error().detail, testing::HasSubstr(program_folder().value() + "/sublet-nothing"));
}

TEST(Spawn, GivesTheChildOnlyTheDescriptorsItWasPromised) {
  Pipe pipe = Pipe::open();
  const FileDescriptor leaky(::open("/dev/null", O_RDONLY));
  SpawnOptions options = shell("echo said >&5; for fd in /proc/self/fd/*; do echo ${fd##*/} >&5; done");
  options.inherited = {{.fd = pipe.write.get(), .child_fd = 5}};
  Child child = spawn(options).value();
  pipe.write.reset();
  const std::string text = read_all(pipe.read.get());
  EXPECT_TRUE(child.wait().clean());
  EXPECT_THAT(text, testing::StartsWith("said\n0\n1\n2\n"));
  EXPECT_THAT(text, testing::HasSubstr("\n5\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("\n" + std::to_string(leaky.get() == 5 ? 4 : leaky.get()) + "\n")));
}

TEST(Spawn, SwapsDescriptorsThatNameEachOther) {
  Pipe first = Pipe::open();
  Pipe second = Pipe::open();
  SpawnOptions options = shell(fmt::format("echo one >&{}; echo two >&{}", second.write.get(), first.write.get()));
  options.inherited = {{.fd = first.write.get(), .child_fd = second.write.get()},
                       {.fd = second.write.get(), .child_fd = first.write.get()}};
  Child child = spawn(options).value();
  first.write.reset();
  second.write.reset();
  EXPECT_EQ(read_all(first.read.get()), "one\n");
  EXPECT_EQ(read_all(second.read.get()), "two\n");
  EXPECT_TRUE(child.wait().clean());
}

TEST(Spawn, KillsAndReapsAChildThatIsDestroyed) {
  Pipe pipe = Pipe::open();
  pid_t pid = 0;
  {
    SpawnOptions options = shell("exec sleep 1000");
    options.inherited = {{.fd = pipe.write.get(), .child_fd = 3}};
    const Child child = spawn(options).value();
    pid = child.pid();
  }
  pipe.write.reset();
  EXPECT_EQ(read_all(pipe.read.get()), "") << "the child held the other end until it died";
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1);
}

TEST(Spawn, LetsTheChildHearSignalsThatWeBlock) {
  sigset_t terms;
  sigemptyset(&terms);
  sigaddset(&terms, SIGTERM);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &terms, &before);
  Child child = spawn({.program = "/bin/sleep", .args = {"1000"}}).value();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  child.kill(SIGTERM);
  EXPECT_EQ(child.wait().signal, SIGTERM);
}

TEST(Spawn, EndsTheChildWithItsParent) {
  Pipe pipe = Pipe::open();
  // A parent of our own, so that it can end: it spawns a child that holds the pipe, and is killed.
  const pid_t parent = ::fork();
  if (parent == 0) {
    SpawnOptions options{.program = "/bin/sh", .args = {"-c", "echo up >&3; exec sleep 1000"}};
    options.inherited = {{.fd = pipe.write.get(), .child_fd = 3}};
    const auto child = spawn(options);
    pipe.write.reset();
    ::pause();
    ::_exit(child ? 0 : 1);
  }
  pipe.write.reset();
  std::array<char, 3> up{};
  ASSERT_EQ(::read(pipe.read.get(), up.data(), up.size()), 3);
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_EQ(read_all(pipe.read.get()), "") << "the end of file comes only when the child is gone";
}

}  // namespace
}  // namespace sublet::io
