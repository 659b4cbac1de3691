#include "common/io/socket.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <zmq.hpp>

#include "common/io/wakeup.hpp"

namespace sublet::io {
namespace {

constexpr Millis kPatience = 20s;

Received receive_one(Socket& socket) {
  for (;;) {
    if (auto received = socket.receive()) {
      return std::move(*received);
    }
    Poller poller;
    poller.add(socket);
    if (poller.wait(kPatience) == 0) {
      ADD_FAILURE() << "nothing came over " << socket.endpoint();
      return {};
    }
  }
}

Blob text_blob(std::string_view text) { return Blob::copy_of(as_view(text)); }

/// A router and what is needed to send it frames that no Socket would.
struct SocketTest : testing::Test {
  Context context;
  Socket router = Socket::router(context, "tcp://127.0.0.1:*").value();
  Socket dealer = Socket::dealer(context, router.endpoint()).value();
};

TEST_F(SocketTest, ResolvesThePortThatItWasGiven) {
  EXPECT_TRUE(router.endpoint().starts_with("tcp://127.0.0.1:")) << router.endpoint();
  EXPECT_EQ(router.endpoint().find('*'), std::string::npos);
}

TEST_F(SocketTest, CarriesHeadAndPayloadThereAndBack) {
  const std::vector<Blob> pieces{text_blob("pay"), text_blob(""), text_blob("load")};
  ASSERT_EQ(dealer.send(as_view("head"), pieces, true), SendOutcome::sent);
  const Received there = receive_one(router);
  EXPECT_EQ(as_text(there.head.view()), "head");
  ASSERT_TRUE(there.payload);
  EXPECT_EQ(as_text(there.payload->view()), "payload");

  ASSERT_EQ(router.send(there.from, as_view("answer"), {}, false), SendOutcome::sent);
  const Received back = receive_one(dealer);
  EXPECT_EQ(as_text(back.head.view()), "answer");
  EXPECT_FALSE(back.payload);
  EXPECT_TRUE(back.from.empty());
}

TEST_F(SocketTest, TellsAnEmptyPayloadFromNone) {
  ASSERT_EQ(dealer.send(as_view("head"), {}, true), SendOutcome::sent);
  const Received received = receive_one(router);
  ASSERT_TRUE(received.payload);
  EXPECT_TRUE(received.payload->empty());
}

TEST_F(SocketTest, ReleasesALargePayloadOnceItHasLeft) {
  struct Notifier {
    const Wakeup* released;
    std::vector<std::byte> bytes;
    ~Notifier() { released->notify(); }
  };
  const Wakeup released = Wakeup::open().value();
  {
    auto memory = std::make_shared<const Notifier>(&released, std::vector<std::byte>(1'000'000, std::byte{7}));
    const Blob blob(memory, memory->bytes);
    ASSERT_EQ(dealer.send(as_view("head"), {&blob, 1}, true), SendOutcome::sent);
  }
  const Received received = receive_one(router);
  ASSERT_EQ(received.payload->size(), 1'000'000U);
  EXPECT_EQ(received.payload->view()[999'999], std::byte{7});
  Poller poller;
  poller.add(released.fd());
  EXPECT_EQ(poller.wait(kPatience), 1U);
}

TEST_F(SocketTest, KeepsReceivedBytesAfterSocketAndContextAreGone) {
  Blob kept;
  {
    Context short_lived;
    Socket there = Socket::router(short_lived, "tcp://127.0.0.1:*").value();
    Socket here = Socket::dealer(short_lived, there.endpoint()).value();
    const Blob blob = text_blob(std::string(100'000, 'x'));
    here.send(as_view("head"), {&blob, 1}, true);
    kept = receive_one(there).payload->slice(10, 50'000);
  }
  EXPECT_EQ(as_text(kept.view()), std::string(50'000, 'x'));
}

TEST_F(SocketTest, DropsMessagesOfTooManyFramesWholeAndCountsThem) {
  zmq::context_t foreign;
  zmq::socket_t hostile(foreign, ZMQ_DEALER);
  hostile.set(zmq::sockopt::linger, 0);
  hostile.connect(router.endpoint());
  for (const char* frame : {"one", "two", "three"}) {
    hostile.send(zmq::str_buffer("more"), zmq::send_flags::sndmore);
    hostile.send(zmq::buffer(std::string_view(frame)), zmq::send_flags::sndmore);
    hostile.send(zmq::str_buffer("last"), zmq::send_flags::none);
  }
  hostile.send(zmq::str_buffer("fine"), zmq::send_flags::none);
  EXPECT_EQ(as_text(receive_one(router).head.view()), "fine");
  EXPECT_EQ(router.dropped(), 3U);
}

TEST_F(SocketTest, SaysThatAPeerIsUnknown) { EXPECT_EQ(router.send("nobody", as_view("head"), {}, false), SendOutcome::unreachable); }

TEST_F(SocketTest, SaysThatAPeerDoesNotRead) {
  Socket narrow = Socket::router(context, "tcp://127.0.0.1:*", {.send_high_water = 4}).value();
  Socket idle = Socket::dealer(context, narrow.endpoint(), {.receive_high_water = 4}).value();
  idle.send(as_view("hello"), {}, false);
  const RoutingId peer = receive_one(narrow).from;
  const Blob large = Blob::copy_of(std::vector<std::byte>(1'000'000));
  // 1 GB is more than any kernel buffers between the two.
  SendOutcome outcome = SendOutcome::sent;
  for (int i = 0; i < 1'000 && outcome == SendOutcome::sent; ++i) {
    outcome = narrow.send(peer, as_view("head"), {&large, 1}, true);
  }
  EXPECT_EQ(outcome, SendOutcome::full);
}

TEST_F(SocketTest, RefusesATakenPortAndSaysWhatToDo) {
  const auto second = Socket::router(context, router.endpoint());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::io_failed);
  EXPECT_THAT(second.error().detail, testing::HasSubstr(router.endpoint()));
  EXPECT_THAT(second.error().detail, testing::HasSubstr("choose another"));
}

TEST_F(SocketTest, SetsEveryOptionThatALibraryDefaultWouldLeaveOpen) {
  EXPECT_EQ(router.option(ZMQ_MAXMSGSIZE), 64 << 20);
  for (const Socket* socket : {&router, &dealer}) {
    EXPECT_EQ(socket->option(ZMQ_SNDHWM), 65'536);
    EXPECT_EQ(socket->option(ZMQ_RCVHWM), 4'096);
    EXPECT_EQ(socket->option(ZMQ_LINGER), 200);
    EXPECT_EQ(socket->option(ZMQ_HANDSHAKE_IVL), 2'000);
    EXPECT_EQ(socket->option(ZMQ_HEARTBEAT_IVL), 1'000);
    EXPECT_EQ(socket->option(ZMQ_HEARTBEAT_TIMEOUT), 3'000);
    EXPECT_EQ(socket->option(ZMQ_HEARTBEAT_TTL), 3'000);
    EXPECT_EQ(socket->option(ZMQ_RECONNECT_IVL), 50);
    EXPECT_EQ(socket->option(ZMQ_RECONNECT_IVL_MAX), 1'000);
    EXPECT_EQ(socket->option(ZMQ_TCP_KEEPALIVE), 1);
    EXPECT_EQ(socket->option(ZMQ_IPV6), 0);
    EXPECT_EQ(socket->option(ZMQ_IMMEDIATE), 0);
  }
}

TEST_F(SocketTest, CutsAPeerWhoseFrameIsTooLong) {
  Socket narrow = Socket::router(context, "tcp://127.0.0.1:*", {.max_frame = 1_KiB}).value();
  Socket loud = Socket::dealer(context, narrow.endpoint()).value();
  const Blob large = Blob::copy_of(std::vector<std::byte>(2'000));
  loud.send(as_view("too much"), {&large, 1}, true);
  Socket modest = Socket::dealer(context, narrow.endpoint()).value();
  modest.send(as_view("modest"), {}, false);
  EXPECT_EQ(as_text(receive_one(narrow).head.view()), "modest");
}

TEST_F(SocketTest, DeliversWhatWasSentBeforeThePeerWasThere) {
  std::string folder = testing::TempDir() + "sublet_socket_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string endpoint = "ipc://" + folder + "/broker";
  Socket early = Socket::dealer(context, endpoint).value();
  ASSERT_EQ(early.send(as_view("hello"), {}, false), SendOutcome::sent);
  Socket late = Socket::router(context, endpoint).value();
  EXPECT_EQ(as_text(receive_one(late).head.view()), "hello");
  std::filesystem::remove_all(folder);
}

TEST_F(SocketTest, TellsADealerOnceThatItsConnectionHasEnded) {
  ASSERT_EQ(dealer.send(as_view("head"), {}, false), SendOutcome::sent);
  receive_one(router);
  EXPECT_FALSE(dealer.take_disconnected());
  {
    const Socket gone = std::move(router);
  }
  Poller poller;
  const auto index = poller.add(dealer);
  ASSERT_GT(poller.wait(kPatience), 0U);
  EXPECT_FALSE(poller.readable(index)) << "there is no message";
  EXPECT_TRUE(dealer.take_disconnected());
  EXPECT_FALSE(dealer.take_disconnected());
}

TEST_F(SocketTest, ThatAreClosedWhileTheirPeersGoHoldUpNoOther) {
  for (int round = 0; round < 200; ++round) {
    auto peer = std::make_optional(Socket::router(context, "tcp://127.0.0.1:*").value());
    auto closing = std::make_optional(Socket::dealer(context, peer->endpoint()).value());
    ASSERT_EQ(closing->send(as_view("head"), {}, false), SendOutcome::sent);
    receive_one(*peer);
    peer.reset();
    closing.reset();
    ASSERT_EQ(dealer.send(as_view("head"), {}, false), SendOutcome::sent);
    receive_one(router);
  }
}

TEST_F(SocketTest, StaysUsableInAPollerAfterItMoved) {
  Poller poller;
  const std::size_t index = poller.add(router);
  const Socket moved = std::move(router);
  dealer.send(as_view("head"), {}, false);
  EXPECT_EQ(poller.wait(kPatience), 1U);
  EXPECT_TRUE(poller.readable(index));
}

TEST(Poller, GivesUpAfterItsTimeout) {
  const Wakeup quiet = Wakeup::open().value();
  Poller poller;
  const std::size_t index = poller.add(quiet.fd());
  EXPECT_EQ(poller.wait(0ms), 0U);
  EXPECT_FALSE(poller.readable(index));
}

}  // namespace
}  // namespace sublet::io
