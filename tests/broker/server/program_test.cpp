#include <array>
#include <csignal>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/io/file_descriptor.hpp"
#include "common/io/process.hpp"
#include "common/io/ready.hpp"
#include "paths.hpp"
#include "tests/broker/server/hand_peer.hpp"

namespace sublet::broker::test {
namespace {

struct Program {
  io::Child child;
  Result<io::Ready> ready;
};

/// Starts the real program, with stderr and stdout of this test.
Program start(std::vector<std::string> args) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const io::FileDescriptor reader(ends[0]);
  io::FileDescriptor writer(ends[1]);
  args.insert(args.end(), {"--ready-fd", "3"});
  auto child = io::spawn({.program = SUBLET_BIN_DIR "/sublet-broker", .args = args, .inherited = {{.fd = writer.get(), .child_fd = 3}}});
  writer.reset();
  auto ready = io::read_ready(reader.get(), kPatience);
  return {std::move(child.value()), std::move(ready)};
}

const std::vector<std::string> kAnyPorts{"--control", "tcp://127.0.0.1:*", "--bulk", "tcp://127.0.0.1:*",
                                         "--http",    "127.0.0.1:0",       "--log",  "error"};

std::vector<std::string> any_ports_and(std::vector<std::string> more) {
  more.insert(more.begin(), kAnyPorts.begin(), kAnyPorts.end());
  return more;
}

int exit_code_of(const std::vector<std::string>& args) {
  return io::spawn({.program = SUBLET_BIN_DIR "/sublet-broker", .args = args}).value().wait().code;
}

TEST(BrokerProgram, SaysWhereItServesAndEndsCleanlyOnSigterm) {
  Program program = start(kAnyPorts);
  ASSERT_TRUE(program.ready);
  io::Context context;
  HandPeer peer(context, program.ready->at("control"), wire::Role::producer, 1);
  EXPECT_EQ(peer.welcome.bulk, program.ready->at("bulk"));
  peer.bulk.round_trip();
  program.child.kill(SIGTERM);
  EXPECT_TRUE(program.child.wait().clean());
}

TEST(BrokerProgram, EndsWithThreeWhenThePortIsTaken) {
  const Program first = start(kAnyPorts);
  ASSERT_TRUE(first.ready);
  Program second = start({"--control", first.ready->at("control"), "--bulk", "tcp://127.0.0.1:*", "--http", "off"});
  EXPECT_FALSE(second.ready);
  EXPECT_EQ(second.child.wait().code, 3);
}

TEST(BrokerProgram, EndsWithTwoOnWrongUsage) {
  EXPECT_EQ(exit_code_of({"--no-such-option"}), 2);
  EXPECT_EQ(exit_code_of({"--lease-ttl", "30"}), 2) << "a duration without a unit";
  EXPECT_EQ(exit_code_of({"--control", "tcp://0.0.0.0:*"}), 2);
  EXPECT_EQ(exit_code_of({"--log", "loud"}), 2);
  EXPECT_EQ(exit_code_of(any_ports_and({"--store", "floppy:"})), 2);
}

TEST(BrokerProgram, TellsItsVersionAndItsOptions) {
  EXPECT_EQ(exit_code_of({"--version"}), 0);
  EXPECT_EQ(exit_code_of({"--help"}), 0);
}

TEST(BrokerProgram, TakesItsLimitsFromTheCommandLine) {
  const Program program = start(any_ports_and({"--heartbeat-ms", "250", "--max-chunk-bytes", "2MiB"}));
  ASSERT_TRUE(program.ready);
  io::Context context;
  const HandPeer peer(context, program.ready->at("control"), wire::Role::producer, 1);
  EXPECT_EQ(peer.welcome.heartbeat_ms, 250U);
  EXPECT_EQ(peer.welcome.max_chunk_bytes, 2U << 20U);
}

}  // namespace
}  // namespace sublet::broker::test
