#pragma once

#include <cstdlib>
#include <span>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sublet::test {

/// Connects to `tcp://127.0.0.1:PORT`, writes the bytes as they are and hangs up. A peer that hangs up first is no error.
inline void send_raw_tcp(const std::string& endpoint, std::span<const std::byte> bytes) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(endpoint.c_str() + endpoint.rfind(':') + 1, nullptr, 10)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    static_cast<void>(send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  close(descriptor);
}

}  // namespace sublet::test
