#include "tests/support/proxy.hpp"

#include <optional>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/io/clock.hpp"
#include "common/io/file_descriptor.hpp"

namespace sublet::test {
namespace {

/// A stream socket whose calls all return, at the latest after half a minute.
class Stream {
 public:
  explicit Stream(io::FileDescriptor socket) : socket_(std::move(socket)) {
    const timeval patience{.tv_sec = 30, .tv_usec = 0};
    static_cast<void>(::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience));
  }

  void send(std::string_view text) const { ASSERT_EQ(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL), ssize_t(text.size())); }
  /// Exactly so many bytes; fewer when the other side closes.
  [[nodiscard]] std::string receive(std::size_t size) const {
    std::string text(size, ' ');
    std::size_t got = 0;
    while (got < size && readable(30s)) {
      const auto count = ::recv(socket_.get(), text.data() + got, size - got, 0);
      if (count <= 0) break;
      got += static_cast<std::size_t>(count);
    }
    text.resize(got);
    return text;
  }
  [[nodiscard]] bool readable(Millis within) const {
    pollfd descriptor{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&descriptor, 1, static_cast<int>(within.count())) > 0;
  }
  [[nodiscard]] bool is_closed() const {
    char byte = 0;
    return readable(30s) && ::recv(socket_.get(), &byte, 1, 0) <= 0;
  }

 private:
  io::FileDescriptor socket_;
};

io::FileDescriptor tcp_socket(sockaddr_in& address) {
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return io::FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

struct Proxied : testing::Test {
  Proxied() {
    sockaddr_in address{};
    listener = tcp_socket(address);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (::bind(listener.get(), raw, size) != 0 || ::listen(listener.get(), 8) != 0 || ::getsockname(listener.get(), raw, &size) != 0)
      abort();
    proxy.set_target("tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
  }

  [[nodiscard]] Stream connect() const {
    sockaddr_in address{};
    auto socket = tcp_socket(address);
    address.sin_port = htons(proxy.port());
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return Stream(std::move(socket));
  }
  [[nodiscard]] Stream accept() const {
    pollfd descriptor{.fd = listener.get(), .events = POLLIN, .revents = 0};
    EXPECT_GT(::poll(&descriptor, 1, 30'000), 0) << "nobody connects";
    return Stream(io::FileDescriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)));
  }

  io::FileDescriptor listener;
  Proxy proxy;
};

TEST_F(Proxied, PassesBytesBothWays) {
  const auto client = connect();
  const auto server = accept();
  client.send("there");
  EXPECT_EQ(server.receive(5), "there");
  server.send("and back");
  EXPECT_EQ(client.receive(8), "and back");
}

TEST_F(Proxied, PassesMoreThanItKeeps) {
  const auto client = connect();
  const auto server = accept();
  const std::string much(3U << 20U, 'm');
  std::jthread sender([&] { client.send(much); });
  EXPECT_EQ(server.receive(much.size()), much);
}

TEST_F(Proxied, PassesTheEndOfAConnectionOnBehindItsBytes) {
  const auto server = [&] {
    const auto client = connect();
    auto accepted = accept();
    client.send("last");
    return accepted;
  }();
  EXPECT_EQ(server.receive(4), "last");
  EXPECT_TRUE(server.is_closed());
}

TEST_F(Proxied, BreaksConnectionsWhileItIsCut) {
  const auto client = connect();
  const auto server = accept();
  proxy.cut();
  EXPECT_TRUE(client.is_closed());
  EXPECT_TRUE(server.is_closed());
  EXPECT_TRUE(connect().is_closed());
  proxy.pass();
  const auto again = connect();
  const auto accepted = accept();
  again.send("again");
  EXPECT_EQ(accepted.receive(5), "again");
}

TEST_F(Proxied, HoldsBytesUpUntilTheyMayPass) {
  const auto client = connect();
  const auto server = accept();
  client.send("one");
  EXPECT_EQ(server.receive(3), "one");
  proxy.hold();
  client.send("two");
  EXPECT_FALSE(server.readable(0ms));
  proxy.pass();
  EXPECT_EQ(server.receive(3), "two");
}

TEST_F(Proxied, DelaysBytesEachWay) {
  const auto client = connect();
  const auto server = accept();
  proxy.delay(20ms);
  const auto sent = io::now();
  client.send("slow");
  EXPECT_EQ(server.receive(4), "slow");
  server.send("slow");
  EXPECT_EQ(client.receive(4), "slow");
  EXPECT_GE(io::now() - sent, 40ms);
}

TEST_F(Proxied, ClosesConnectionsThatNobodyAnswers) {
  proxy.set_target("");
  EXPECT_TRUE(connect().is_closed());
  proxy.set_target("/no/such/socket");
  EXPECT_TRUE(connect().is_closed());
}

TEST_F(Proxied, EndsWithConnectionsThatAreHeldUp) {
  std::optional<Proxy> other(std::in_place);
  other->set_target(proxy.endpoint());
  const auto client = connect();
  const auto server = accept();
  proxy.hold();
  client.send("never");
  other->hold();
  other.reset();
}

}  // namespace
}  // namespace sublet::test
