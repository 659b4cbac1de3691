#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/io/socket.hpp"
#include "common/wire/codec.hpp"
#include "common/wire/messages.hpp"

namespace sublet::broker {

struct Endpoints {
  std::string control;
  std::string bulk;
};

/// The plane on which messages of this type travel. HELLO, WELCOME, PING, PONG and ERROR may be met on either.
constexpr wire::Plane plane_of(std::uint8_t type) { return type >= wire::Open::kType ? wire::Plane::bulk : wire::Plane::control; }

/// The broker's two sockets: a 16 MiB payload on one never delays a heartbeat on the other.
class Planes {
 public:
  /// Errors as `io::Socket::router`, naming the option of the plane that cannot be bound.
  static Result<Planes> bind(const Endpoints& endpoints, bool insecure_network);

  io::Socket& socket(wire::Plane plane) { return plane == wire::Plane::control ? control_ : bulk_; }
  [[nodiscard]] Endpoints endpoints() const { return {.control = control_.endpoint(), .bulk = bulk_.endpoint()}; }

  /// Encodes and sends, in a buffer that is used again.
  io::SendOutcome send(wire::Plane plane, const io::RoutingId& to, std::uint64_t request, const wire::Message& message,
                       std::span<const Blob> payload = {});

 private:
  Planes(io::Context context, io::Socket control, io::Socket bulk)
      : context_(std::move(context)), control_(std::move(control)), bulk_(std::move(bulk)) {}

  io::Context context_;
  io::Socket control_;
  io::Socket bulk_;
  std::vector<std::byte> head_;
};

}  // namespace sublet::broker
