#include "common/io/flood_guard.hpp"

#include <optional>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace sublet::io {

namespace {

std::optional<std::uint64_t> bytes_received(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || size < offsetof(tcp_info, tcpi_bytes_received) + sizeof(__u64)) {
    return std::nullopt;
  }
  return info.tcpi_bytes_received;
}

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

/// Ends the connection for its owner, who closes it; what it had buffered in the kernel goes at once.
void shut_down(int fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::shutdown(fd, SHUT_RDWR);
}

}  // namespace

void FloodGuard::accepted(int fd) {
  closed(fd);
  if (const auto received = bytes_received(fd)) {
    connections_[fd] = {.cookie = cookie_of(fd), .received = *received};
  }
}

void FloodGuard::closed(int fd) {
  const auto found = connections_.find(fd);
  if (found != connections_.end()) {
    set_suspect(found->second, false);
    connections_.erase(found);
  }
}

void FloodGuard::message_from(int fd) {
  const auto found = connections_.find(fd);
  if (found != connections_.end() && found->second.suspect) {
    set_suspect(found->second, false);
    found->second.received = bytes_received(fd).value_or(found->second.received);
  }
}

std::size_t FloodGuard::check() {
  std::size_t cut = 0;
  for (auto it = connections_.begin(); it != connections_.end();) {
    auto& [fd, connection] = *it;
    const auto received = bytes_received(fd);
    const bool gone = !received || cookie_of(fd) != connection.cookie;
    const bool over = !gone && *received - connection.received > budget_.count;
    if (over && connection.suspect) {
      shut_down(fd);
      ++cut;
    }
    if (gone || (over && connection.suspect)) {
      set_suspect(connection, false);
      it = connections_.erase(it);
      continue;
    }
    if (over) {
      set_suspect(connection, true);
      connection.received = *received;
    }
    ++it;
  }
  return cut;
}

void FloodGuard::set_suspect(Connection& connection, bool suspect) {
  suspects_ += suspect && !connection.suspect ? 1 : 0;
  suspects_ -= !suspect && connection.suspect ? 1 : 0;
  connection.suspect = suspect;
}

}  // namespace sublet::io
