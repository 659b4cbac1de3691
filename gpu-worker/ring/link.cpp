#include "gpu-worker/ring/link.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include "gpu-worker/ring/outcome.hpp"

namespace sublet::ring {
namespace {

struct HandOver {
  std::uint64_t magic = kMagic;
  std::uint64_t lease = 0;
};

/// A greeting as one packet.
struct Packet {
  std::uint64_t magic = kMagic;
  std::uint64_t device_bytes = 0;
  std::uint64_t context_bytes = 0;
  std::uint32_t text_bytes = 0;
  std::uint16_t code = 0;
  std::array<std::byte, kNoteBytes> text = {};
};

/// Those of a lease's ring: its area, and the session's ends of both doorbells.
constexpr std::size_t kDescriptors = 3;

struct alignas(cmsghdr) DescriptorRoom {
  std::array<std::byte, CMSG_SPACE(kDescriptors * sizeof(int))> bytes = {};
};

std::unexpected<Error> another_build() {
  return fail(ErrorCode::protocol_error, "the session process speaks otherwise: install sublet-worker and sublet-session of one version");
}

/// What a packet carried, owned from the first moment.
std::array<io::FileDescriptor, kDescriptors> descriptors_of(msghdr& message) {
  std::array<io::FileDescriptor, kDescriptors> taken;
  const cmsghdr* const control = CMSG_FIRSTHDR(&message);
  if (control == nullptr || control->cmsg_type != SCM_RIGHTS) {
    return taken;
  }
  std::array<int, kDescriptors> numbers = {-1, -1, -1};
  std::memcpy(numbers.data(), CMSG_DATA(control), std::min(sizeof(numbers), control->cmsg_len - CMSG_LEN(0)));
  for (std::size_t i = 0; i < kDescriptors; ++i) {
    taken[i] = io::FileDescriptor(numbers[i]);
  }
  return taken;
}

}  // namespace

Result<AgentLink> AgentLink::create() {
  std::array<int, 2> ends = {-1, -1};
  // Packets arrive whole or not at all, so neither side has to put pieces together.
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(ErrorCode::io_failed, fmt::format("no link to a session process: {}; raise the limit of open files", std::strerror(errno)));
  }
  return AgentLink(io::FileDescriptor(ends[0]), io::FileDescriptor(ends[1]));
}

Result<void> AgentLink::hand_over(LeaseId lease, AgentEnd& end) {
  HandOver packet{.lease = lease.value};
  iovec piece{.iov_base = &packet, .iov_len = sizeof(packet)};
  DescriptorRoom room;
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes.data();
  message.msg_controllen = room.bytes.size();
  cmsghdr* const control = CMSG_FIRSTHDR(&message);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(kDescriptors * sizeof(int));
  const std::array<int, kDescriptors> numbers = {end.area_fd(), end.child_listener(), end.child_ringer()};
  std::memcpy(CMSG_DATA(control), numbers.data(), sizeof(numbers));
  if (::sendmsg(own_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(packet)) {
    return fail(ErrorCode::session_lost, "the session process takes no lease: it is broken and is ended");
  }
  end.close_child_ends();
  return {};
}

Result<std::optional<Greeting>> AgentLink::hear() const {
  Packet packet;
  // Without room for descriptors, any that a hostile process sends along are closed by the system.
  const ssize_t got = ::recv(own_.get(), &packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return std::nullopt;
  }
  if (got <= 0) {
    return fail(ErrorCode::session_lost, "the session process has ended");
  }
  if (got != sizeof(packet) || packet.magic != kMagic || (packet.code != 0 && !is_error_number(packet.code))) {
    return another_build();
  }
  const auto text = std::span<const std::byte>(packet.text).first(std::min<std::size_t>(packet.text_bytes, kNoteBytes));
  return Greeting{.code = static_cast<ErrorCode>(packet.code),
                  .text = clean_text(text),
                  .total = Bytes{packet.device_bytes},
                  .context = Bytes{packet.context_bytes}};
}

Result<void> SessionLink::greet(const Greeting& greeting) const {
  Packet packet{.device_bytes = greeting.total.count,
                .context_bytes = greeting.context.count,
                .text_bytes = static_cast<std::uint32_t>(std::min(greeting.text.size(), kNoteBytes)),
                .code = static_cast<std::uint16_t>(greeting.code)};
  std::memcpy(packet.text.data(), greeting.text.data(), packet.text_bytes);
  if (::send(link_.get(), &packet, sizeof(packet), MSG_NOSIGNAL) != sizeof(packet)) {
    return fail(ErrorCode::protocol_error, "the agent does not take the session's greeting");
  }
  return {};
}

Result<std::optional<SessionEnd>> SessionLink::next() const {
  HandOver packet;
  iovec piece{.iov_base = &packet, .iov_len = sizeof(packet)};
  DescriptorRoom room;
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes.data();
  message.msg_controllen = room.bytes.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(link_.get(), &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) {
    return std::nullopt;
  }
  auto [area, listener, ringer] = descriptors_of(message);
  if (got != sizeof(packet) || packet.magic != kMagic || !ringer) {
    return another_build();
  }
  auto end = SessionEnd::attach(LeaseId{packet.lease}, std::move(area), std::move(listener), std::move(ringer));
  if (!end) {
    return std::unexpected(end.error());
  }
  return std::optional(std::move(*end));
}

}  // namespace sublet::ring
