#include "tests/broker/server/program.hpp"

#include <csignal>

#include <gtest/gtest.h>

#include "tests/broker/server/hand_peer.hpp"

namespace sublet::broker::test {
namespace {

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
