#include "tests/support/proxy.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/io/clock.hpp"
#include "common/io/file_descriptor.hpp"
#include "common/io/wakeup.hpp"

namespace sublet::test {
// Named, since a file that is compiled together with others must not build a class of unnamed parts.
namespace relaying {

/// Read at a time, and kept per direction before the sender has to wait.
constexpr std::size_t kReadBytes = 64U << 10U;
constexpr std::size_t kKeptBytes = 1U << 20U;

enum class Traffic : std::uint8_t { passes, cut, held };

struct Settings {
  std::string target;
  Traffic traffic = Traffic::passes;
  Millis delay{0};
  bool ends = false;
};

struct Piece {
  Instant due;
  std::vector<std::byte> bytes;
};

/// Bytes on their way from one socket to another.
struct Direction {
  std::deque<Piece> pieces;
  std::size_t kept = 0;
  std::size_t sent = 0;   ///< of the first piece
  bool finished = false;  ///< the sender has closed

  [[nodiscard]] bool takes_more() const { return !finished && kept < kKeptBytes; }
  [[nodiscard]] bool has_due(Instant now) const { return !pieces.empty() && pieces.front().due <= now; }

  /// @return whether the connection lasts
  bool read(int from, Instant due) {
    std::vector<std::byte> bytes(kReadBytes);
    const auto count = ::recv(from, bytes.data(), bytes.size(), 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) {
      finished = true;
      return true;
    }
    bytes.resize(static_cast<std::size_t>(count));
    kept += bytes.size();
    pieces.push_back({.due = due, .bytes = std::move(bytes)});
    return true;
  }

  /// @return whether the connection lasts
  bool write(int to, Instant now) {
    while (has_due(now)) {
      const auto& bytes = pieces.front().bytes;
      const auto count = ::send(to, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count < 0) return errno == EAGAIN || errno == EINTR;
      sent += static_cast<std::size_t>(count);
      if (sent < bytes.size()) return true;
      kept -= bytes.size();
      sent = 0;
      pieces.pop_front();
    }
    return true;
  }
};

struct Relay {
  io::FileDescriptor client;
  io::FileDescriptor server;
  Direction up;
  Direction down;

  /// Nobody here closes one way only: when one side is done, so is the connection, once the other has what was sent.
  [[nodiscard]] bool over() const { return (up.finished && up.pieces.empty()) || (down.finished && down.pieces.empty()); }
};

[[noreturn]] void give_up(const char* what) {
  fmt::print(stderr, "cannot make a proxy: {}: {}\n", what, std::strerror(errno));
  std::abort();
}

io::FileDescriptor listen_on_loopback(std::uint16_t& port) {
  io::FileDescriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener.get(), raw, size) != 0 || ::listen(listener.get(), 128) != 0 || ::getsockname(listener.get(), raw, &size) != 0) {
    give_up("no port is free");
  }
  port = ntohs(address.sin_port);
  return listener;
}

/// One that is connected, or will be; none when nobody listens there.
io::FileDescriptor begin_to_connect(const std::string& target) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (target.starts_with("tcp://")) {
    auto* address = reinterpret_cast<sockaddr_in*>(&storage);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address->sin_port = htons(static_cast<std::uint16_t>(std::strtoul(target.c_str() + target.rfind(':') + 1, nullptr, 10)));
    size = sizeof(sockaddr_in);
  } else {
    auto* address = reinterpret_cast<sockaddr_un*>(&storage);
    address->sun_family = AF_UNIX;
    if (target.empty() || target.size() >= sizeof address->sun_path) return {};
    std::memcpy(address->sun_path, target.c_str(), target.size() + 1);
    size = sizeof(sockaddr_un);
  }
  io::FileDescriptor socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0 && errno != EINPROGRESS) return {};
  return socket;
}

void send_at_once(int socket) {
  const int on = 1;
  // Fails for a unix socket, which does so anyway.
  static_cast<void>(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
}

}  // namespace relaying

using namespace relaying;

struct Proxy::State {
  State() : wakeup(io::Wakeup::open().value()) {}

  void change(const std::function<void(Settings&)>& with) {
    {
      const std::scoped_lock lock(mutex);
      with(settings);
    }
    wakeup.notify();
  }

  void serve() {
    for (;;) {
      // First, so that a change after it wakes the wait; what changed before is seen below.
      wakeup.clear();
      bool passes = false;
      {
        const std::scoped_lock lock(mutex);
        if (settings.ends) return;
        if (settings.traffic == Traffic::cut) relays.clear();
        passes = settings.traffic == Traffic::passes;
      }
      wait(passes);
      // Whoever has changed the settings finds that nothing happens by the former ones any more.
      const std::scoped_lock lock(mutex);
      accept();
      if (settings.traffic == Traffic::passes) std::erase_if(relays, [&](Relay& relay) { return !move(relay); });
    }
  }

  /// Until something can be read or written, is due, or the settings have changed.
  void wait(bool passes) {
    const auto now = io::now();
    polled.assign(
        {pollfd{.fd = wakeup.fd(), .events = POLLIN, .revents = 0}, pollfd{.fd = listener.get(), .events = POLLIN, .revents = 0}});
    auto next = Instant::max();
    if (passes) {
      for (const auto& relay : relays) {
        for (const auto* way : {&relay.up, &relay.down}) {
          if (!way->pieces.empty() && way->pieces.front().due > now) next = std::min(next, way->pieces.front().due);
        }
        polled.push_back(interest(relay.client, relay.up, relay.down, now));
        polled.push_back(interest(relay.server, relay.down, relay.up, now));
      }
    }
    const auto pause = std::chrono::ceil<Millis>(next - now).count();
    ::poll(polled.data(), polled.size(), next == Instant::max() ? -1 : static_cast<int>(pause));
  }

  static pollfd interest(const io::FileDescriptor& socket, const Direction& from_it, const Direction& to_it, Instant now) {
    const int events = (from_it.takes_more() ? POLLIN : 0) | (to_it.has_due(now) ? POLLOUT : 0);
    return {.fd = socket.get(), .events = static_cast<short>(events), .revents = 0};
  }

  void accept() {
    if (polled[1].revents == 0) return;
    io::FileDescriptor client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client || settings.traffic == Traffic::cut) return;
    auto server = begin_to_connect(settings.target);
    if (!server) return;
    send_at_once(client.get());
    send_at_once(server.get());
    relays.push_back({.client = std::move(client), .server = std::move(server), .up = {}, .down = {}});
  }

  /// @return whether the connection lasts
  bool move(Relay& relay) {
    const auto seen = [&](const io::FileDescriptor& socket) {
      const auto found = std::ranges::find(polled, socket.get(), &pollfd::fd);
      return found == polled.end() ? short{0} : found->revents;
    };
    const auto now = io::now();
    const auto client = seen(relay.client);
    const auto server = seen(relay.server);
    if ((client & POLLIN) != 0 && !relay.up.read(relay.client.get(), now + settings.delay)) return false;
    if ((server & POLLIN) != 0 && !relay.down.read(relay.server.get(), now + settings.delay)) return false;
    if (!relay.up.write(relay.server.get(), now) || !relay.down.write(relay.client.get(), now)) return false;
    // A socket that is broken and has nothing to be read would be reported for ever.
    const auto broken = [](short events) { return (events & (POLLERR | POLLHUP)) != 0 && (events & POLLIN) == 0; };
    return !broken(client) && !broken(server) && !relay.over();
  }

  std::mutex mutex;
  Settings settings;
  io::Wakeup wakeup;
  // Of the thread alone.
  io::FileDescriptor listener;
  std::list<Relay> relays;
  std::vector<pollfd> polled;
};

Proxy::Proxy() : state_(std::make_unique<State>()) {
  state_->listener = listen_on_loopback(port_);
  thread_ = std::jthread([this] { state_->serve(); });
}

Proxy::~Proxy() {
  state_->change([](Settings& settings) { settings.ends = true; });
}

std::string Proxy::endpoint() const { return fmt::format("tcp://127.0.0.1:{}", port_); }

void Proxy::set_target(const std::string& target) {
  state_->change([&](Settings& settings) { settings.target = target; });
}

void Proxy::pass() {
  state_->change([](Settings& settings) {
    settings.traffic = Traffic::passes;
    settings.delay = Millis{0};
  });
}

void Proxy::cut() {
  state_->change([](Settings& settings) { settings.traffic = Traffic::cut; });
}

void Proxy::hold() {
  state_->change([](Settings& settings) { settings.traffic = Traffic::held; });
}

void Proxy::delay(Millis each_way) {
  state_->change([&](Settings& settings) {
    settings.traffic = Traffic::passes;
    settings.delay = each_way;
  });
}

}  // namespace sublet::test
