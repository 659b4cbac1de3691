#include "gpu-worker/session/host_command.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <span>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "common/io/clock.hpp"
#include "common/io/process.hpp"
#include "common/pipeline/wording.hpp"

namespace sublet::session {
namespace {

struct Pipe {
  io::FileDescriptor read;
  io::FileDescriptor write;
};

Result<Pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(ErrorCode::io_failed, fmt::format("no pipe for a command: {}", std::strerror(errno)));
  }
  return Pipe{.read = io::FileDescriptor(ends[0]), .write = io::FileDescriptor(ends[1])};
}

/// Numbers only go in, so that nothing needs quotes.
std::string with_values(std::string command, std::span<const NamedValue> values) {
  for (const auto& [name, value] : values) {
    const auto place = fmt::format("{{{}}}", name);
    const auto number = std::to_string(value);
    for (auto at = command.find(place); at != std::string::npos; at = command.find(place, at + number.size())) {
      command.replace(at, place.size(), number);
    }
  }
  return command;
}

/// A running command, with all that it starts.
class Running {
 public:
  static Result<Running> start(const std::string& command) {
    auto in = open_pipe();
    auto out = in ? open_pipe() : std::unexpected(in.error());
    if (!out) {
      return std::unexpected(out.error());
    }
    constexpr int kIn = 3;
    constexpr int kOut = 4;
    auto child = io::spawn({.program = "/bin/sh",
                            .args = {"-c", "exec 0<&3 1>&4 3<&- 4>&-; " + command},
                            .inherited = {{.fd = in->read.get(), .child_fd = kIn}, {.fd = out->write.get(), .child_fd = kOut}}});
    if (!child) {
      return std::unexpected(child.error());
    }
    ::fcntl(in->write.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(out->read.get(), F_SETFL, O_NONBLOCK);
    return Running(*std::move(child), std::move(in->write), std::move(out->read));
  }

  Running(Running&&) = default;
  ~Running() {
    // It leads a group of its own.
    if (child_.pid() > 0) {
      ::kill(-child_.pid(), SIGKILL);
    }
  }

  /// All that it writes, once it has ended.
  Result<std::vector<std::byte>> talk(ByteView data, std::size_t room, Nanos time_limit) {
    const Instant deadline = io::now() + time_limit;
    std::vector<std::byte> given;
    while (out_) {
      if (data.empty()) {
        in_.reset();
      }
      std::array<pollfd, 2> waits = {
          {{.fd = out_.get(), .events = POLLIN, .revents = 0}, {.fd = in_ ? in_.get() : -1, .events = POLLOUT, .revents = 0}}};
      if (!wait_until(deadline, waits)) {
        return too_long();
      }
      if (waits[1].revents != 0 && !write_some(data)) {
        // It needs no more of it.
        in_.reset();
        data = {};
      }
      if (waits[0].revents != 0 && !read_some(given)) {
        out_.reset();
      }
      if (given.size() > room + kLongestLine) {
        return too_large(room);
      }
    }
    // It may have closed its stdout long before it ends.
    while (!child_.poll()) {
      pollfd end{.fd = child_.fd(), .events = POLLIN, .revents = 0};
      if (!wait_until(deadline, {&end, 1})) {
        return too_long();
      }
    }
    const io::Exit exit = child_.wait();
    if (exit.clean()) {
      return given;
    }
    const auto how = exit.signal != 0 ? fmt::format("signal {}", exit.signal) : fmt::format("code {}", exit.code);
    return fail(ErrorCode::host_stage_failed, fmt::format("the command ended with {}; the worker's log has what it said", how));
  }

  static std::unexpected<Error> too_large(std::size_t room) {
    return fail(ErrorCode::output_too_large, fmt::format("the command gave more than the {} bytes of its buffer; make that larger", room));
  }

  static constexpr std::size_t kLongestLine = 4096;

 private:
  Running(io::Child child, io::FileDescriptor in, io::FileDescriptor out)
      : child_(std::move(child)), in_(std::move(in)), out_(std::move(out)) {}

  static std::unexpected<Error> too_long() {
    return fail(ErrorCode::kernel_timeout, "a command of the host ran past the pipeline's time_limit; raise it, or mend the command");
  }

  /// Until one is ready, or for a second; false past the deadline.
  static bool wait_until(Instant deadline, std::span<pollfd> waits) {
    const auto left = std::chrono::ceil<Millis>(deadline - io::now());
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

  io::Child child_;
  io::FileDescriptor in_;
  io::FileDescriptor out_;
};

/// Takes the values off the result's start.
Result<HostResult> with_line_read(std::vector<std::byte> given, std::size_t room) {
  constexpr std::string_view kMark = "#sublet ";
  HostResult result;
  const std::string_view text = as_text(given);
  if (text.starts_with(kMark)) {
    const auto end = text.substr(0, Running::kLongestLine).find('\n');
    std::string_view line = text.substr(kMark.size(), end == std::string_view::npos ? 0 : end - kMark.size());
    while (!line.empty()) {
      const auto word = line.substr(0, line.find(' '));
      line.remove_prefix(std::min(line.size(), word.size() + 1));
      const auto equals = std::min(word.find('='), word.size());
      double value = 0;
      const auto number = word.substr(std::min(equals + 1, word.size()));
      const auto [stop, problem] = std::from_chars(number.data(), number.data() + number.size(), value);
      if (equals == 0 || problem != std::errc{} || stop != number.data() + number.size()) {
        return fail(ErrorCode::host_stage_failed, fmt::format("the command says {} in its first line; write name=number", in_quotes(word)));
      }
      result.values.emplace_back(word.substr(0, equals), value);
    }
    given.erase(given.begin(), given.begin() + static_cast<std::ptrdiff_t>(end == std::string_view::npos ? text.size() : end + 1));
  }
  if (given.size() > room) {
    return Running::too_large(room);
  }
  result.data = std::move(given);
  return result;
}

}  // namespace

Result<HostResult> run_command(const std::string& command, const HostCall& call) {
  auto running = Running::start(with_values(command, call.values));
  if (!running) {
    return std::unexpected(running.error());
  }
  auto given = running->talk(call.data, call.room, call.time_limit);
  if (!given) {
    return std::unexpected(given.error());
  }
  return with_line_read(*std::move(given), call.room);
}

}  // namespace sublet::session
