#include "tests/chaos/leftovers.hpp"

#include <cerrno>
#include <csignal>

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/clock.hpp"
#include "common/io/file_descriptor.hpp"
#include "tests/support/cluster.hpp"

namespace sublet::chaos {

void adopt_orphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

std::vector<std::string> processes_left(Millis patience) {
  const auto deadline = io::now() + patience;
  std::vector<std::string> left;
  // The children of one that goes become ours meanwhile.
  for (auto children = test::children_of(::getpid()); !children.empty(); children = test::children_of(::getpid())) {
    for (const auto& [pid, name] : children) {
      const io::FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
      pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
      const auto pause = std::chrono::ceil<Millis>(std::max<Nanos>(deadline - io::now(), 0ns));
      if (::poll(&ended, 1, static_cast<int>(pause.count())) == 0) {
        left.push_back(fmt::format("{} ({})", name, pid));
        ::kill(pid, SIGKILL);
      }
      while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }
  return left;
}

}  // namespace sublet::chaos
