#include "common/io/filter.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "common/io/clock.hpp"

namespace sublet::io {
namespace {

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

Result<Pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(ErrorCode::io_failed, fmt::format("no pipe for a program: {}", std::strerror(errno)));
  }
  return Pipe{.read = FileDescriptor(ends[0]), .write = FileDescriptor(ends[1])};
}

/// A running filter, with all that it starts.
class RunningFilter {
 public:
  static Result<RunningFilter> start(SpawnOptions program) {
    auto in = open_pipe();
    auto out = in ? open_pipe() : std::unexpected(in.error());
    if (!out) {
      return std::unexpected(out.error());
    }
    program.inherited = {{.fd = in->read.get(), .child_fd = kFilterIn}, {.fd = out->write.get(), .child_fd = kFilterOut}};
    auto child = spawn(program);
    if (!child) {
      return std::unexpected(child.error());
    }
    ::fcntl(in->write.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(out->read.get(), F_SETFL, O_NONBLOCK);
    return RunningFilter(*std::move(child), std::move(in->write), std::move(out->read));
  }

  RunningFilter(RunningFilter&&) = default;
  ~RunningFilter() {
    // It leads a group of its own.
    if (child_.pid() > 0) {
      ::kill(-child_.pid(), SIGKILL);
    }
  }

  Filtered talk(ByteView data, std::size_t room, Nanos time_limit) {
    const Instant deadline = now() + time_limit;
    Filtered made;
    while (out_) {
      if (data.empty()) {
        in_.reset();
      }
      std::array<pollfd, 2> waits = {
          {{.fd = out_.get(), .events = POLLIN, .revents = 0}, {.fd = in_ ? in_.get() : -1, .events = POLLOUT, .revents = 0}}};
      if (!wait_until(deadline, waits)) {
        made.how = FilterEnd::ran_too_long;
        return made;
      }
      if (waits[1].revents != 0 && !write_some(data)) {
        // It needs no more of it.
        in_.reset();
        data = {};
      }
      if (waits[0].revents != 0 && !read_some(made.output)) {
        out_.reset();
      }
      if (made.output.size() > room) {
        made.how = FilterEnd::wrote_too_much;
        return made;
      }
    }
    // It may have closed its end long before it ends.
    while (!child_.poll()) {
      pollfd end{.fd = child_.fd(), .events = POLLIN, .revents = 0};
      if (!wait_until(deadline, {&end, 1})) {
        made.how = FilterEnd::ran_too_long;
        return made;
      }
    }
    made.exit = child_.wait();
    return made;
  }

 private:
  RunningFilter(Child child, FileDescriptor in, FileDescriptor out) : child_(std::move(child)), in_(std::move(in)), out_(std::move(out)) {}

  /// Until one is ready, or for a second; false past the deadline.
  static bool wait_until(Instant deadline, std::span<pollfd> waits) {
    const auto left = std::chrono::ceil<Millis>(deadline - now());
    return left.count() > 0 &&
           (::poll(waits.data(), waits.size(), static_cast<int>(std::min<std::int64_t>(left.count(), 1000))) >= 0 || errno == EINTR);
  }

  bool write_some(ByteView& data) {
    const auto written = ::write(in_.get(), data.data(), data.size());
    if (written > 0) {
      data = data.subspan(static_cast<std::size_t>(written));
    }
    return written > 0 || errno == EAGAIN || errno == EINTR;
  }

  bool read_some(std::vector<std::byte>& given) {
    std::array<std::byte, 65'536> some;
    const auto count = ::read(out_.get(), some.data(), some.size());
    if (count > 0) {
      given.insert(given.end(), some.begin(), some.begin() + count);
    }
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
  }

  Child child_;
  FileDescriptor in_;
  FileDescriptor out_;
};

}  // namespace

Result<Filtered> run_filter(FilterCall call) {
  auto running = RunningFilter::start(std::move(call.program));
  if (!running) {
    return std::unexpected(running.error());
  }
  return running->talk(call.data, call.room, call.time_limit);
}

}  // namespace sublet::io
