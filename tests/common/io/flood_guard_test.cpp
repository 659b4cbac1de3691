#include "common/io/flood_guard.hpp"

#include <array>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/io/file_descriptor.hpp"
#include "common/io/socket.hpp"

namespace sublet::io {
namespace {

constexpr Millis kPatience = 20s;

/// A TCP connection that speaks ZMTP 3.0 by hand, as far as a DEALER's frames.
class RawDealer {
 public:
  explicit RawDealer(const std::string& endpoint) : connection_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoul(endpoint.substr(endpoint.rfind(':') + 1))));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(connection_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const std::string_view greeting("\xff\0\0\0\0\0\0\0\0\x7f\3\0NULL", 16);
    const std::string_view ready("\4\34\5READY\13Socket-Type\0\0\0\6DEALER", 30);
    send(std::string(greeting) + std::string(64 - greeting.size(), '\0'));
    send(ready);
    // libzmq takes frames only after it has sent its own READY.
    while (received_.find("ROUTER") == std::string::npos && receive()) {
    }
  }

  /// False once the other side has ended the connection.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      pollfd item{.fd = connection_.get(), .events = POLLOUT, .revents = 0};
      if (::poll(&item, 1, static_cast<int>(kPatience.count())) != 1) return false;
      const ssize_t sent = ::send(connection_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  bool send_frame(std::string_view bytes, bool more) {
    return send(std::string(1, more ? '\1' : '\0') + static_cast<char>(bytes.size()) + std::string(bytes));
  }

 private:
  bool receive() {
    std::array<char, 256> bytes{};
    const ssize_t count = ::recv(connection_.get(), bytes.data(), bytes.size(), 0);
    received_.append(bytes.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
    return count > 0;
  }

  FileDescriptor connection_;
  std::string received_;
};

struct Flood : testing::Test {
  Context context;
  Socket router = Socket::router(context, "tcp://127.0.0.1:*", {.max_frame = 4_KiB}).value();

  void wait_for_message() {
    Poller poller;
    poller.add(router);
    ASSERT_EQ(poller.wait(kPatience), 1U);
  }
};

TEST_F(Flood, EndsAConnectionWhoseMessageNeverCompletes) {
  RawDealer hostile(router.endpoint());
  hostile.send_frame("whole", false);
  wait_for_message();
  ASSERT_TRUE(router.receive());
  const std::string frame(200, 'x');
  std::uint64_t bytes = 0;
  while (router.floods() == 0 && hostile.send_frame(frame, true)) {
    bytes += frame.size();
    EXPECT_FALSE(router.receive());
    router.cut_floods();
  }
  EXPECT_EQ(router.floods(), 1U);
  EXPECT_LT(bytes, 10'000'000U);
  Socket modest = Socket::dealer(context, router.endpoint()).value();
  modest.send(as_view("modest"), {}, false);
  wait_for_message();
  EXPECT_EQ(as_text(router.receive()->head.view()), "modest");
}

TEST_F(Flood, SparesAConnectionThatSendsMuchInWholeMessages) {
  RawDealer busy(router.endpoint());
  const std::string frame(200, 'x');
  for (int message = 0; message < 1'000; ++message) {
    busy.send_frame(frame, true);
    ASSERT_TRUE(busy.send_frame(frame, false));
    wait_for_message();
    ASSERT_TRUE(router.receive());
    router.cut_floods();
  }
  EXPECT_EQ(router.floods(), 0U);
}

TEST_F(Flood, FindsOutEvenWhenNothingWasEverReceived) {
  RawDealer hostile(router.endpoint());
  const std::string frame(200, 'x');
  while (router.floods() == 0 && hostile.send_frame(frame, true)) {
    router.cut_floods();
  }
  EXPECT_EQ(router.floods(), 1U);
}

TEST(FloodGuard, IgnoresWhatIsNoTcpConnection) {
  FloodGuard guard(1_KiB);
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const FileDescriptor one(ends[0]);
  const FileDescriptor other(ends[1]);
  guard.accepted(one.get());
  guard.accepted(-1);
  EXPECT_EQ(guard.check(), 0U);
  EXPECT_FALSE(guard.has_suspects());
}

}  // namespace
}  // namespace sublet::io
