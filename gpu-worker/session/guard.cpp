#include "gpu-worker/session/guard.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "common/io/clock.hpp"

namespace sublet::session {
namespace {

int milliseconds_until(std::optional<Instant> deadline) {
  if (!deadline) {
    return -1;
  }
  const auto left = std::chrono::ceil<Millis>(*deadline - io::now()).count();
  return static_cast<int>(std::clamp<Millis::rep>(left, 0, 3'600'000));
}

void watch(const ring::SessionEnd& end, const io::FileDescriptor& poked) {
  while (true) {
    std::array<pollfd, 2> fds = {pollfd{.fd = end.listener(), .events = 0, .revents = 0},
                                 pollfd{.fd = poked.get(), .events = POLLIN, .revents = 0}};
    ::poll(fds.data(), fds.size(), milliseconds_until(end.deadline()));
    if ((fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
      ::_exit(kEnded);
    }
    if (const auto deadline = end.deadline(); deadline && *deadline <= io::now()) {
      ::_exit(kExpired);
    }
    if ((fds[1].revents & POLLIN) != 0 && ring::listen(poked.get()) == ring::Heard::closed) {
      return;
    }
    if ((fds[1].revents & POLLHUP) != 0 && (fds[1].revents & POLLIN) == 0) {
      return;
    }
  }
}

}  // namespace

Result<Guard> Guard::start(const ring::SessionEnd& end) {
  auto bell = ring::make_doorbell(false);
  if (!bell) {
    return std::unexpected(bell.error());
  }
  std::jthread thread([&end, poked = std::move(bell->listener)] { watch(end, poked); });
  return Guard(std::move(bell->ringer), std::move(thread));
}

void Guard::deadline_is_set() {
  const char byte = 1;
  [[maybe_unused]] const ssize_t written = ::write(poke_.get(), &byte, 1);
}

Guard::~Guard() { poke_.reset(); }

}  // namespace sublet::session
