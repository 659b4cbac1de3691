#pragma once

// A broker and a worker of our own, as child processes.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/io/process.hpp"
#include "common/time.hpp"

namespace sublet::cli {

struct ClusterOptions {
  /// Empty: a socket of its own in a private folder, which nobody else finds.
  std::string control;
  std::string bulk;
  /// Where the broker serves metrics; `off`: nowhere.
  std::string http = "off";
  std::string device = "cpu";
  /// Most sessions at a time; 0: as many as the worker thinks best.
  std::uint32_t sessions = 0;
  /// VRAM that the worker may lease out on each card; nothing: its own default.
  std::optional<Bytes> vram = {};
  std::string log_level = "error";
  /// Where the broker keeps jobs.
  std::string store = "memory:";
};

/// The command lines of the two programs.
std::vector<std::string> broker_arguments(const ClusterOptions& options, int ready_fd);
std::vector<std::string> worker_arguments(const ClusterOptions& options, const std::string& control, int ready_fd);

/// A folder that only we can read, removed with everything in it at the end.
class PrivateFolder {
 public:
  static Result<PrivateFolder> create();
  PrivateFolder(PrivateFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateFolder& operator=(PrivateFolder&& other) noexcept;
  ~PrivateFolder() { remove(); }

  [[nodiscard]] const std::string& path() const { return path_; }
  void remove();

 private:
  explicit PrivateFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

/// Removes such a folder by its name: for an end at once, which runs no destructors.
void remove_folder(const std::string& path);

/// The two running programs. To be used by the thread that started them, since they end with it.
class Cluster {
 public:
  /// Returns when both serve. `io_failed` names the program that could not start, as its own words on stderr say why.
  static Result<Cluster> start(ClusterOptions options);
  Cluster(Cluster&&) noexcept = default;
  Cluster& operator=(Cluster&&) noexcept = default;
  ~Cluster() = default;

  [[nodiscard]] const std::string& control() const { return control_; }
  [[nodiscard]] const std::string& bulk() const { return bulk_; }
  /// The private folder of its sockets; empty when it has none.
  [[nodiscard]] std::string folder() const { return folder_ ? folder_->path() : ""; }
  /// Become readable when that program has ended.
  [[nodiscard]] std::vector<int> fds() const;

  /// `session_lost` or `disconnected`, naming the program and how it ended, once one of them has ended without being asked to.
  std::optional<Error> ended();

  /// Asks both to end, the worker first so that its leases are returned while the broker is there; kills what is left after `patience`.
  void stop(Millis patience = 3s);

 private:
  Cluster(std::optional<PrivateFolder> folder, io::Child broker, std::string control, std::string bulk)
      : folder_(std::move(folder)), broker_(std::move(broker)), control_(std::move(control)), bulk_(std::move(bulk)) {}

  std::optional<PrivateFolder> folder_;
  io::Child broker_;
  std::optional<io::Child> worker_;
  std::string control_;
  std::string bulk_;
};

/// "exit code 1", "signal 9 (Killed)".
std::string exit_text(const io::Exit& exit);

}  // namespace sublet::cli
