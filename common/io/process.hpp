#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "common/error.hpp"
#include "common/io/file_descriptor.hpp"

namespace sublet::io {

/// A descriptor of ours that the child finds under the number `child_fd`, which must be 3 or more and different for each.
struct InheritedFd {
  int fd = -1;
  int child_fd = -1;
};

struct SpawnOptions {
  /// A name without "/" is looked for in the folder of the running program; anything else is a path. PATH is never searched.
  std::string program;
  /// Without the program's own name.
  std::vector<std::string> args = {};
  /// `NAME=VALUE`, in place of what this process has under that name; the child gets everything else of our environment as it is.
  std::vector<std::string> environment = {};
  /// Everything else is closed in the child, except stdin (empty), stdout and stderr.
  std::vector<InheritedFd> inherited = {};
  /// The child gets SIGKILL when the thread that spawned it ends, however that happens; so spawn from a thread that lives as long as the
  /// child may.
  bool die_with_parent = true;
};

/// How a process ended.
struct Exit {
  int code = 0;    ///< when `signal` is 0
  int signal = 0;  ///< that ended it

  [[nodiscard]] bool clean() const { return code == 0 && signal == 0; }
};

/// A running child process. Destroying it kills the child and reaps it.
class Child {
 public:
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Becomes readable when the child has ended.
  [[nodiscard]] int fd() const { return pidfd_.get(); }

  /// Sends a signal; nothing happens when the child has ended.
  void kill(int signal) const;
  /// How it ended, or nothing while it runs. Never blocks. Repeats its answer.
  std::optional<Exit> poll();
  /// Blocks until it has ended.
  Exit wait();

 private:
  friend Result<Child> spawn(const SpawnOptions& options);
  Child(pid_t pid, FileDescriptor pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  std::optional<Exit> reap(int flags);
  void end();

  pid_t pid_ = -1;
  FileDescriptor pidfd_;
  std::optional<Exit> exit_;
};

/// Starts a program. `io_failed` names the program when it cannot be executed: that is known before this returns.
Result<Child> spawn(const SpawnOptions& options);

/// The folder of the running program.
Result<std::string> program_folder();

}  // namespace sublet::io
