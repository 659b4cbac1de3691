#include <gtest/gtest.h>

#include "tests/broker/server/hand_peer.hpp"
#include "tests/broker/server/running_server.hpp"
#include "tests/support/raw_tcp.hpp"

namespace sublet::broker::test {
namespace {

using wire::Role;

struct Handshake : testing::Test {
  io::Context context;
  RunningServer server{any_ports(), memory_store()};

  HandConnection control() { return {context, server.control()}; }
  HandConnection bulk() { return {context, server.endpoints().bulk}; }

  void still_serves() {
    HandPeer peer(context, server.control(), Role::producer, 4'711);
    peer.control.send(wire::List{.what = wire::Listing::queues}, 5);
    EXPECT_EQ(peer.control.expect<wire::Listed>().request, 5U);
  }
};

TEST_F(Handshake, WelcomesWithTokenBulkEndpointAndHeartbeat) {
  const HandPeer peer(context, server.control(), Role::producer, 1);
  EXPECT_NE(peer.welcome.token, Token{});
  EXPECT_EQ(peer.welcome.bulk, server.endpoints().bulk);
  EXPECT_EQ(peer.welcome.heartbeat_ms, 1'000U);
  EXPECT_GT(peer.welcome.credit_chunks, 0U);
}

TEST_F(Handshake, SaysHowTheClusterIsCut) {
  const HandPeer peer(context, server.control(), Role::producer, 1);
  EXPECT_EQ(peer.welcome.shards, 1U);
  EXPECT_EQ(peer.welcome.spread, 1U);
}

TEST_F(Handshake, RefusesAHelloForAShardThatThereIsNot) {
  HandConnection connection = control();
  connection.send(wire::Hello{.shard = 1, .instance = 1}, 3);
  const auto refused = connection.expect_error();
  EXPECT_EQ(refused.request, 3U);
  EXPECT_EQ(refused.message.code, ErrorCode::bad_argument);
  EXPECT_THAT(refused.message.detail, testing::HasSubstr("shard 1 of a cluster that has 1"));
}

TEST_F(Handshake, GivesEveryHelloAnotherToken) {
  const HandPeer first(context, server.control(), Role::producer, 1);
  const HandPeer second(context, server.control(), Role::producer, 2);
  EXPECT_NE(first.welcome.token, second.welcome.token);
}

TEST_F(Handshake, AnswersPingOnBothPlanes) {
  HandPeer peer(context, server.control(), Role::producer, 1);
  peer.control.round_trip();
  peer.bulk.round_trip();
}

TEST_F(Handshake, TellsStrangersToSayHelloUnderTheirRequestId) {
  HandConnection on_control = control();
  on_control.send(wire::Ping{}, 41);
  HandConnection on_bulk = bulk();
  on_bulk.send(wire::Submit{.job = {1}, .chunks = {{.first = 0, .count = 1}}, .lengths = {{1}}}, 42, "x");
  const auto first = on_control.expect<wire::ErrorReply>();
  EXPECT_EQ(first.message.code, ErrorCode::hello_required);
  EXPECT_EQ(first.request, 41U);
  const auto second = on_bulk.expect<wire::ErrorReply>();
  EXPECT_EQ(second.message.code, ErrorCode::hello_required);
  EXPECT_EQ(second.request, 42U);
}

TEST_F(Handshake, RefusesABulkHelloWithoutTheToken) {
  const HandPeer peer(context, server.control(), Role::producer, 1);
  HandConnection other = bulk();
  other.send(bulk_hello(1, {.high = 1, .low = 2}), 3);
  EXPECT_EQ(other.expect<wire::ErrorReply>().message.code, ErrorCode::hello_required);
}

TEST_F(Handshake, RefusesAHelloForTheOtherPlane) {
  HandConnection connection = control();
  connection.send(bulk_hello(1, {}), 3);
  EXPECT_EQ(connection.expect<wire::ErrorReply>().message.code, ErrorCode::protocol_error);
}

TEST_F(Handshake, RefusesABulkMessageOnControl) {
  HandPeer peer(context, server.control(), Role::producer, 1);
  peer.control.send(wire::Read{}, 9);
  const auto refused = peer.control.expect<wire::ErrorReply>();
  EXPECT_EQ(refused.request, 9U);
  EXPECT_EQ(refused.message.code, ErrorCode::protocol_error);
  EXPECT_THAT(refused.message.detail, testing::HasSubstr("READ came on the control plane"));
}

TEST_F(Handshake, LetsTheNewerConnectionOfAProcessReplaceTheOlder) {
  HandPeer older(context, server.control(), Role::producer, 1);
  HandPeer newer(context, server.control(), Role::producer, 1);
  newer.control.round_trip();
  older.control.send(wire::Ping{}, 8);
  EXPECT_EQ(older.control.expect<wire::ErrorReply>().message.code, ErrorCode::hello_required);
  older.bulk.send(wire::Ping{}, 8);
  EXPECT_EQ(older.bulk.expect<wire::ErrorReply>().message.code, ErrorCode::hello_required);
}

TEST_F(Handshake, ForgetsAPeerThatSaidBye) {
  HandPeer peer(context, server.control(), Role::producer, 1);
  peer.control.send(wire::Bye{});
  peer.control.send(wire::Ping{}, 8);
  EXPECT_EQ(peer.control.expect<wire::ErrorReply>().message.code, ErrorCode::hello_required);
}

TEST_F(Handshake, NamesBothVersionsToAPeerOfAnother) {
  std::vector<std::byte> head;
  wire::encode(17, wire::Hello{}, head);
  HandConnection newer_minor = control();
  std::vector<std::byte> minor = head;
  minor[6] = std::byte{9};
  newer_minor.send_frames(as_text(minor));
  const auto refused = newer_minor.expect<wire::ErrorReply>();
  EXPECT_EQ(refused.request, 17U);
  EXPECT_EQ(refused.message.code, ErrorCode::version_mismatch);
  EXPECT_THAT(refused.message.detail, testing::AllOf(testing::HasSubstr("9"), testing::HasSubstr("0")));

  HandConnection newer_major = control();
  std::vector<std::byte> major = head;
  major[3] = std::byte{'2'};
  newer_major.send_frames(as_text(major));
  EXPECT_EQ(newer_major.expect<wire::ErrorReply>().message.code, ErrorCode::version_mismatch);
}

TEST_F(Handshake, AnswersAMessageThatCannotBeReadUnderItsRequestId) {
  HandPeer peer(context, server.control(), Role::producer, 1);
  std::vector<std::byte> head;
  wire::encode(23, wire::List{}, head);
  head.pop_back();
  peer.control.send_frames(as_text(head));
  const auto refused = peer.control.expect<wire::ErrorReply>();
  EXPECT_EQ(refused.request, 23U);
  EXPECT_EQ(refused.message.code, ErrorCode::bad_message);
}

TEST_F(Handshake, RefusesAPayloadFrameWhereNoneBelongsAndTheLackOfOneWhereItDoes) {
  HandPeer peer(context, server.control(), Role::producer, 1);
  std::vector<std::byte> list;
  wire::encode(31, wire::List{}, list);
  peer.control.send_frames(as_text(list), "surplus");
  EXPECT_EQ(peer.control.expect<wire::ErrorReply>().message.code, ErrorCode::protocol_error);
  std::vector<std::byte> submit;
  wire::encode(32, wire::Submit{.job = {1}, .chunks = {{.first = 0, .count = 1}}, .lengths = {{0}}}, submit);
  peer.bulk.send_frames(as_text(submit));
  EXPECT_EQ(peer.bulk.expect<wire::ErrorReply>().request, 32U);
}

TEST_F(Handshake, ServesOnAfterGarbageInZmqFramesOnBothPlanes) {
  SeededRandom random(1);
  for (int round = 0; round < 200; ++round) {
    std::string noise(random.next() % 300, '\0');
    for (char& byte : noise) byte = static_cast<char>(random.next());
    if (round % 3 == 0) noise = "SUB1" + noise;
    HandConnection connection = round % 2 == 0 ? control() : bulk();
    connection.send_frames(noise, round % 5 == 0 ? std::optional<std::string_view>(noise) : std::nullopt);
  }
  still_serves();
  EXPECT_EQ(server.stop().full, 0U);
}

TEST_F(Handshake, ServesOnAfterGarbageOverRawTcpOnBothPlanes) {
  SeededRandom random(2);
  for (int round = 0; round < 50; ++round) {
    std::string noise(1 + random.next() % 3'000, '\0');
    for (char& byte : noise) byte = static_cast<char>(random.next());
    // A third of it begins as ZMTP 3 does, so that it gets past the greeting.
    if (round % 3 == 0) noise = std::string("\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL", 16) + noise;
    sublet::test::send_raw_tcp(server.endpoints().control, as_view(noise));
    sublet::test::send_raw_tcp(server.endpoints().bulk, as_view(noise));
  }
  still_serves();
}

TEST_F(Handshake, CountsWhatItCouldNotRead) {
  HandPeer peer(context, server.control(), Role::producer, 1);
  peer.control.send_frames("noise");
  peer.control.send_frames("");
  peer.control.round_trip();
  EXPECT_EQ(server.stop().malformed, 2U);
}

TEST(Server, RefusesATakenPortAndNamesTheOption) {
  const RunningServer first(any_ports(), memory_store());
  ServerOptions options = any_ports();
  options.endpoints.control = first.control();
  const auto second = Server::open(options, claims_of(memory_store()), io::silent_log());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::io_failed);
  EXPECT_THAT(second.error().detail, testing::AllOf(testing::HasSubstr(first.control()), testing::HasSubstr("--control")));
}

TEST(Server, RefusesToLeaveTheMachineUnlessToldSo) {
  ServerOptions options = any_ports();
  options.endpoints.bulk = "tcp://0.0.0.0:*";
  const auto server = Server::open(options, claims_of(memory_store()), io::silent_log());
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().detail, testing::HasSubstr("--insecure-network"));
}

TEST(Server, NoticesAPeerThatFallsSilent) {
  ServerOptions options = any_ports();
  options.heartbeat = 20ms;
  RunningServer server(options, memory_store());
  io::Context context;
  HandPeer watcher(context, server.control(), Role::producer, 1);
  HandPeer silent(context, server.control(), Role::worker, 2);
  silent.control.send(wire::Offer{.seen = 0, .cards = {}});
  silent.control.round_trip();
  // The watcher's own questions keep it heard.
  std::size_t workers = 1;
  while (workers > 0 && !HasFailure()) {
    watcher.control.send(wire::List{.what = wire::Listing::workers}, 5);
    workers = watcher.control.expect<wire::Listed>().message.workers.size();
  }
  // It was asked before it was given up.
  EXPECT_EQ(silent.control.expect<wire::Ping>().request, 0U);
  EXPECT_EQ(server.stop().silent, 1U);
}

TEST(Server, ServesOverIpc) {
  std::string folder = testing::TempDir() + "sublet_server_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  ServerOptions options;
  options.endpoints = {.control = "ipc://" + folder + "/control", .bulk = "ipc://" + folder + "/bulk"};
  RunningServer server(options, memory_store());
  io::Context context;
  HandPeer peer(context, server.control(), Role::producer, 1);
  peer.bulk.round_trip();
}

}  // namespace
}  // namespace sublet::broker::test
