#include "gpu-worker/ring/doorbell.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "common/io/clock.hpp"

namespace sublet::ring {

Result<Doorbell> make_doorbell(bool nonblocking_listener) {
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(ErrorCode::io_failed, fmt::format("no pipe to a session process: {}; raise the limit of open files", std::strerror(errno)));
  }
  Doorbell bell{.listener = io::FileDescriptor(ends[0]), .ringer = io::FileDescriptor(ends[1])};
  ::fcntl(bell.ringer.get(), F_SETFL, O_NONBLOCK);
  if (nonblocking_listener) {
    ::fcntl(bell.listener.get(), F_SETFL, O_NONBLOCK);
  }
  return bell;
}

void wake(int ringer, std::atomic<std::uint32_t>& reader_waits) {
  if (reader_waits.load(std::memory_order_seq_cst) == 0 || reader_waits.exchange(0, std::memory_order_seq_cst) == 0) {
    return;
  }
  const char byte = 1;
  // A full pipe wakes as well, and a closed one is noticed by whoever watches the process.
  [[maybe_unused]] const ssize_t written = ::write(ringer, &byte, 1);
}

int poll_milliseconds(std::optional<Instant> until) {
  if (!until) {
    return -1;
  }
  const auto left = std::chrono::ceil<Millis>(*until - io::now()).count();
  return static_cast<int>(std::clamp<Millis::rep>(left, 0, 3'600'000));
}

bool is_rung(int listener, std::optional<Instant> until) {
  pollfd bell{.fd = listener, .events = POLLIN, .revents = 0};
  return ::poll(&bell, 1, poll_milliseconds(until)) > 0;
}

Heard listen(int listener) {
  std::array<char, 64> bytes{};
  ssize_t got = 0;
  do {
    got = ::read(listener, bytes.data(), bytes.size());
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    return Heard::bell;
  }
  return got == 0 ? Heard::closed : Heard::nothing;
}

}  // namespace sublet::ring
