// What a broker answers while its store is not there.

#include "broker/lobby.hpp"

#include <latch>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/broker/server/hand_peer.hpp"
#include "tests/broker/server/running_server.hpp"

namespace sublet::broker::test {
namespace {

using testing::HasSubstr;

struct InTheLobby : testing::Test {
  /// An attempt that hangs until the test is over.
  Attempt hanging() {
    return Attempt::begin([released = released]() -> Attempt::Outcome {
             released->wait();
             return nullptr;
           })
        .value();
  }
  ~InTheLobby() override { released->count_down(); }

  std::shared_ptr<std::latch> released = std::make_shared<std::latch>(1);
  io::Context context;
  Planes planes = Planes::bind(any_ports().endpoints, false).value();
  Inquiries inquiries = Inquiries::open().value();
  io::Wakeup stop = io::Wakeup::open().value();
  Lobby lobby{planes, inquiries, stop.fd()};
};

/// A lobby with a reason, while an attempt hangs, on a thread of its own.
struct InAFullLobby : InTheLobby {
  InAFullLobby() {
    lobby.tell({.code = ErrorCode::store_unavailable, .detail = "redis://there: Connection refused"});
    thread = std::jthread([this] { EXPECT_FALSE(lobby.wait_for(attempt)); });
  }
  ~InAFullLobby() override { stop.notify(); }

  Attempt attempt = hanging();
  std::jthread thread;
};

TEST_F(InAFullLobby, OperatorsHearWhatIsMissing) {
  const auto readings = inquiries.ask(kPatience);
  ASSERT_TRUE(readings);
  EXPECT_EQ(readings->store_trouble, "redis://there: Connection refused");
  EXPECT_TRUE(readings->served.empty());
}

TEST_F(InAFullLobby, PeersAreToldToComeAgainAndNotWhereTheStoreIs) {
  HandConnection peer(context, planes.endpoints().control);
  peer.send(wire::Hello{.instance = 1}, 7);
  const auto told = peer.expect_error();
  EXPECT_EQ(told.request, 7U);
  EXPECT_EQ(told.message.code, ErrorCode::store_unavailable);
  EXPECT_GT(told.message.retry_after_ms, 0U);
  EXPECT_THAT(told.message.detail, AllOf(HasSubstr("/readyz"), Not(HasSubstr("redis"))));
}

TEST_F(InAFullLobby, NoErrorIsAnsweredWithOne) {
  HandConnection peer(context, planes.endpoints().bulk);
  peer.send(wire::ErrorReply{.code = ErrorCode::internal}, 1);
  peer.send(wire::Ping{}, 2);
  EXPECT_EQ(peer.expect_error().request, 2U);
}

TEST_F(InTheLobby, AnAttemptThatHangsHoldsUpNoStop) {
  const auto attempt = hanging();
  stop.notify();
  EXPECT_FALSE(lobby.wait_for(attempt));
}

TEST_F(InTheLobby, WhatPeersSayWaitsForTheServerWhileThereIsNoReason) {
  HandConnection peer(context, planes.endpoints().control);
  peer.send(wire::Hello{.instance = 1}, 7);
  io::Poller poller;
  poller.add(planes.socket(wire::Plane::control));
  ASSERT_EQ(poller.wait(kPatience), 1U);
  auto attempt = Attempt::begin([]() -> Attempt::Outcome { return claims_of(memory_store()); }).value();
  ASSERT_TRUE(lobby.wait_for(attempt));
  ASSERT_TRUE(lobby.wait(1ms));
  const auto server = Server::over(std::move(planes), any_ports(), attempt.take().value(), io::silent_log());
  std::jthread serving([&] { EXPECT_TRUE(server->run(stop.fd())); });
  EXPECT_EQ(peer.expect<wire::Welcome>().request, 7U);
  stop.notify();
}

}  // namespace
}  // namespace sublet::broker::test
