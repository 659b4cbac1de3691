#include "broker/planes.hpp"

#include <fmt/format.h>

namespace sublet::broker {

namespace {

/// Control messages are small; the longest lists what a peer may hold.
constexpr Bytes kLongestControlFrame = 2_MiB;

Result<io::Socket> bound(io::Context& context, const char* option, const std::string& endpoint, const io::SocketOptions& options) {
  auto socket = io::Socket::router(context, endpoint, options);
  if (!socket) {
    socket.error().detail += fmt::format(" (given by {})", option);
  }
  return socket;
}

}  // namespace

Result<Planes> Planes::bind(const Endpoints& endpoints, bool insecure_network) {
  io::Context context;
  io::SocketOptions options{.insecure_network = insecure_network};
  auto bulk = bound(context, "--bulk", endpoints.bulk, options);
  if (!bulk) {
    return std::unexpected(bulk.error());
  }
  options.max_frame = kLongestControlFrame;
  auto control = bound(context, "--control", endpoints.control, options);
  if (!control) {
    return std::unexpected(control.error());
  }
  return Planes(std::move(context), std::move(*control), std::move(*bulk));
}

io::SendOutcome Planes::send(wire::Plane plane, const io::RoutingId& to, std::uint64_t request, const wire::Message& message,
                             std::span<const Blob> payload) {
  head_.clear();
  wire::encode(request, message, head_);
  return socket(plane).send(to, head_, payload, wire::carries_payload(wire::type_of(message)));
}

}  // namespace sublet::broker
