#include "common/io/signals.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <sys/signalfd.h>

namespace sublet::io {

Result<StopSignals> StopSignals::open() {
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGINT);
  sigaddset(&stops, SIGTERM);
  std::signal(SIGPIPE, SIG_IGN);
  if (const int error = pthread_sigmask(SIG_BLOCK, &stops, nullptr); error != 0) {
    return fail(ErrorCode::io_failed, std::string("cannot block SIGINT and SIGTERM: ") + std::strerror(error));
  }
  FileDescriptor signals(::signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) {
    return fail(ErrorCode::io_failed, std::string("cannot make a signalfd: ") + std::strerror(errno));
  }
  return StopSignals(std::move(signals));
}

int StopSignals::take() const {
  signalfd_siginfo info{};
  return ::read(signals_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

}  // namespace sublet::io
