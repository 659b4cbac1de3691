#pragma once

#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "common/error.hpp"
#include "common/io/file_descriptor.hpp"
#include "common/io/process.hpp"

namespace sublet::test {

/// A program that was started with `--ready-fd`.
struct Started {
  io::Child child;
  std::map<std::string, std::string> ready;
};
/// Starts it and waits for its ready line.
/// @param inherited  for the program, besides its end of the ready pipe, which is descriptor 3
Started start(const std::string& program, std::vector<std::string> args, std::vector<io::InheritedFd> inherited = {});

/// One that was started and has not said that it is ready.
struct Starting {
  io::Child child;
  io::FileDescriptor ready;
};
Starting begin_to_start(const std::string& program, std::vector<std::string> args, std::vector<io::InheritedFd> inherited = {});
std::map<std::string, std::string> wait_until_ready(const Starting& starting);

/// One broker or two, and any number of workers, as real processes, on free ports of the loopback. They end with this object.
class Cluster {
 public:
  /// Starts the broker. A cluster that cannot start aborts the program with the reason: nothing could be tested.
  explicit Cluster(const std::vector<std::string>& broker_args = {});
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// The broker's control endpoint, for clients.
  [[nodiscard]] const std::string& endpoint() const { return control_; }
  /// Those of all brokers that were started.
  [[nodiscard]] const std::vector<std::string>& endpoints() const { return endpoints_; }
  [[nodiscard]] const std::string& bulk_endpoint() const { return bulk_; }
  /// "http://127.0.0.1:PORT" of the broker's metrics.
  [[nodiscard]] const std::string& http_url() const { return http_; }

  /// Starts a worker and returns once it has said HELLO to the broker. The number names it below.
  std::size_t add_worker(const std::vector<std::string>& args = {});

  [[nodiscard]] pid_t broker_pid() const { return broker_.front().pid(); }
  [[nodiscard]] pid_t worker_pid(std::size_t worker) const { return workers_.at(worker).pid(); }
  /// Its session processes, spares included.
  [[nodiscard]] std::vector<pid_t> session_pids(std::size_t worker) const;

  void kill_worker(std::size_t worker, int signal = SIGKILL);
  io::Exit wait_for_worker(std::size_t worker) { return workers_.at(worker).wait(); }
  /// `kill -9`, then a new one on the same ports.
  void restart_broker();
  /// Starts another broker with the same arguments, on ports of its own; workers that are added later know both.
  void add_broker();
  /// `kill -9` of the first broker, for ever: the other goes on.
  void lose_broker();
  /// The most memory the broker has had resident, in bytes.
  [[nodiscard]] std::uint64_t broker_peak_bytes() const;

 private:
  void start_broker(const std::string& control, const std::string& bulk);

  std::vector<std::string> broker_args_;
  std::vector<io::Child> broker_;  ///< the first, unless it was lost, and the other
  std::vector<std::string> endpoints_;
  std::vector<io::Child> workers_;
  std::string control_;
  std::string bulk_;
  std::string http_;
};

/// Processes whose parent is `parent`, with the names of their programs.
std::map<pid_t, std::string> children_of(pid_t parent);
/// Of these, those that are called `name`.
std::vector<pid_t> children_of(pid_t parent, const std::string& name);

}  // namespace sublet::test
