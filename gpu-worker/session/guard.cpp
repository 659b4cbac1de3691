#include "gpu-worker/session/guard.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include "common/io/clock.hpp"

namespace sublet::session {
namespace {

/// For a lease beside others to close after its deadline: its running chunks end, and its buffers are freed.
constexpr Millis kToClose = 500ms;

}  // namespace

struct Guard::Watched {
  std::mutex mutex;
  std::vector<const ring::SessionEnd*> ends;

  /// When to look again, or nothing while no deadline is known. Ends the process when there is nobody left to work for, or a lease hangs.
  std::optional<Instant> look(Instant now) {
    const std::lock_guard lock(mutex);
    std::optional<Instant> next;
    bool all_expired = !ends.empty();
    for (const ring::SessionEnd* end : ends) {
      const auto deadline = end->deadline();
      const bool expired = deadline && *deadline <= now;
      all_expired = all_expired && expired;
      if (expired && *deadline + kToClose <= now) {
        ::_exit(kExpired);
      }
      if (deadline) {
        const Instant due = expired ? *deadline + kToClose : *deadline;
        next = std::min(next.value_or(due), due);
      }
    }
    if (all_expired) {
      ::_exit(kExpired);
    }
    return next;
  }
};

void Guard::run(int link, const io::FileDescriptor& poked, Watched& watched) {
  while (true) {
    const auto next = watched.look(io::now());
    std::array<pollfd, 2> fds = {pollfd{.fd = link, .events = 0, .revents = 0}, pollfd{.fd = poked.get(), .events = POLLIN, .revents = 0}};
    ::poll(fds.data(), fds.size(), ring::poll_milliseconds(next));
    if ((fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
      ::_exit(kEnded);
    }
    if (fds[1].revents != 0 && ring::listen(poked.get()) == ring::Heard::closed) {
      return;
    }
  }
}

Guard::Guard(std::shared_ptr<Watched> watched, io::FileDescriptor poke) : watched_(std::move(watched)), poke_(std::move(poke)) {}

Result<std::unique_ptr<Guard>> Guard::start(int link) {
  auto bell = ring::make_doorbell(false);
  if (!bell) {
    return std::unexpected(bell.error());
  }
  std::unique_ptr<Guard> guard(new Guard(std::make_shared<Watched>(), std::move(bell->ringer)));
  guard->thread_ = std::jthread([link, poked = std::move(bell->listener), watched = guard->watched_] { run(link, poked, *watched); });
  return guard;
}

void Guard::watch(const ring::SessionEnd& end) {
  {
    const std::lock_guard lock(watched_->mutex);
    watched_->ends.push_back(&end);
  }
  const char byte = 1;
  [[maybe_unused]] const ssize_t written = ::write(poke_.get(), &byte, 1);
}

std::size_t Guard::forget(const ring::SessionEnd& end) {
  const std::lock_guard lock(watched_->mutex);
  std::erase(watched_->ends, &end);
  return watched_->ends.size();
}

Guard::~Guard() { poke_.reset(); }

}  // namespace sublet::session
