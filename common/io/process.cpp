#include "common/io/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sublet::io {

namespace {

/// Everything the child needs, made before the fork: after it, in a program with threads, only async-signal-safe calls are allowed.
struct Launch {
  std::string path;
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::vector<InheritedFd> inherited;  ///< with `fd` above every `child_fd`
  int empty_input = -1;
  int failure = -1;  ///< where the child writes its errno; closed by a successful exec
  pid_t parent = 0;
  bool die_with_parent = true;
};

[[noreturn]] void give_up(const Launch& launch) {
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(launch.failure, &error, sizeof error);
  ::_exit(127);
}

[[noreturn]] void become(const Launch& launch) {
  if (launch.die_with_parent && ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    give_up(launch);
  }
  // The parent may have ended before the line above, and then no signal comes.
  if (launch.die_with_parent && ::getppid() != launch.parent) {
    ::_exit(127);
  }
  // Ctrl-C goes to the terminal's foreground group: only the parent hears it, and stops its children in order.
  ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (::close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC) != 0 || ::dup2(launch.empty_input, STDIN_FILENO) < 0) {
    give_up(launch);
  }
  for (const InheritedFd& inherited : launch.inherited) {
    if (::dup2(inherited.fd, inherited.child_fd) < 0) {
      give_up(launch);
    }
  }
  ::execve(launch.path.c_str(), launch.argv.data(), launch.environment.data());
  give_up(launch);
}

Result<std::string> path_of(const std::string& program) {
  if (program.find('/') != std::string::npos) {
    return program;
  }
  Result<std::string> folder = program_folder();
  if (folder) {
    *folder += "/" + program;
  }
  return folder;
}

std::unexpected<Error> cannot_start(const std::string& path, int error) {
  return fail(ErrorCode::io_failed, fmt::format("cannot start {}: {}", path, std::strerror(error)));
}

/// Ours, with `changes` in place of what has the same names; points into both.
std::vector<char*> changed_environment(const std::vector<std::string>& changes) {
  const auto name_of = [](std::string_view entry) { return entry.substr(0, entry.find('=')); };
  std::vector<char*> changed;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (std::ranges::none_of(changes, [&](const std::string& change) { return name_of(change) == name_of(*entry); })) {
      changed.push_back(*entry);
    }
  }
  for (const std::string& change : changes) {
    changed.push_back(const_cast<char*>(change.c_str()));
  }
  changed.push_back(nullptr);
  return changed;
}

/// Through the system call: glibc 2.36 declares pidfd_open in a way that C++ cannot link to.
int open_pidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

/// A copy of `fd` at or above `lowest`, closed on exec.
FileDescriptor copy_above(int fd, int lowest) { return FileDescriptor(::fcntl(fd, F_DUPFD_CLOEXEC, lowest)); }

}  // namespace

Result<std::string> program_folder() {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0) {
    return fail(ErrorCode::io_failed, fmt::format("cannot read /proc/self/exe: {}", std::strerror(errno)));
  }
  const std::string_view whole(path.data(), static_cast<std::size_t>(length));
  return std::string(whole.substr(0, whole.rfind('/')));
}

Result<Child> spawn(const SpawnOptions& options) {
  const auto path = path_of(options.program);
  if (!path) {
    return std::unexpected(path.error());
  }
  Launch launch{.path = *path,
                .argv = {},
                .environment = changed_environment(options.environment),
                .inherited = {},
                .parent = ::getpid(),
                .die_with_parent = options.die_with_parent};
  launch.argv.push_back(launch.path.data());
  for (const std::string& arg : options.args) {
    launch.argv.push_back(const_cast<char*>(arg.c_str()));
  }
  launch.argv.push_back(nullptr);

  int lowest = 3;
  for (const InheritedFd& inherited : options.inherited) {
    lowest = std::max(lowest, inherited.child_fd + 1);
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return cannot_start(*path, errno);
  }
  const FileDescriptor failure(ends[0]);
  FileDescriptor low_failure(ends[1]);
  FileDescriptor child_failure = copy_above(low_failure.get(), lowest);
  low_failure.reset();
  const FileDescriptor empty_input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::vector<FileDescriptor> copies;
  for (const InheritedFd& inherited : options.inherited) {
    copies.push_back(copy_above(inherited.fd, lowest));
    if (!copies.back()) {
      return cannot_start(*path, errno);
    }
    launch.inherited.push_back({.fd = copies.back().get(), .child_fd = inherited.child_fd});
  }
  if (!child_failure || !empty_input) {
    return cannot_start(*path, errno);
  }
  launch.failure = child_failure.get();
  launch.empty_input = empty_input.get();

  const pid_t pid = ::fork();
  if (pid < 0) {
    return cannot_start(*path, errno);
  }
  if (pid == 0) {
    become(launch);
  }
  child_failure.reset();
  Child child(pid, FileDescriptor(open_pidfd(pid)));
  int error = 0;
  ssize_t told = 0;
  do {
    told = ::read(failure.get(), &error, sizeof error);
  } while (told < 0 && errno == EINTR);
  if (told > 0) {
    return cannot_start(*path, error);
  }
  if (child.fd() < 0) {
    return fail(ErrorCode::io_failed, "this kernel has no pidfd_open: Linux 5.11 or newer is needed");
  }
  return child;
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)), exit_(other.exit_) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    exit_ = other.exit_;
  }
  return *this;
}

Child::~Child() { end(); }

void Child::end() {
  if (pid_ > 0 && !exit_) {
    kill(SIGKILL);
    wait();
  }
}

void Child::kill(int signal) const {
  // Until it is reaped its pid names no other process.
  if (pid_ > 0 && !exit_) {
    ::kill(pid_, signal);
  }
}

std::optional<Exit> Child::poll() { return exit_ ? exit_ : reap(WNOHANG); }

Exit Child::wait() { return exit_ ? *exit_ : reap(0).value_or(Exit{.code = 127, .signal = 0}); }

std::optional<Exit> Child::reap(int flags) {
  int status = 0;
  pid_t ended = 0;
  do {
    ended = ::waitpid(pid_, &status, flags);
  } while (ended < 0 && errno == EINTR);
  if (ended != pid_) {
    return std::nullopt;
  }
  exit_ = WIFSIGNALED(status) ? Exit{.code = 0, .signal = WTERMSIG(status)} : Exit{.code = WEXITSTATUS(status), .signal = 0};
  return exit_;
}

}  // namespace sublet::io
