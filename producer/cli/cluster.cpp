#include "producer/cli/cluster.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "common/io/clock.hpp"
#include "common/io/ready.hpp"

namespace sublet::cli {
namespace {

/// The number under which a child finds the pipe for its ready line.
constexpr int kReadyFd = 3;
constexpr Millis kStartTimeout = 15s;

struct Started {
  io::Child child;
  io::Ready ready;
};

Result<Started> start_program(const std::string& program, std::vector<std::string> arguments) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(ErrorCode::io_failed, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  const io::FileDescriptor ours(ends[0]);
  io::FileDescriptor theirs(ends[1]);
  auto child = io::spawn({.program = program, .args = std::move(arguments), .inherited = {{.fd = theirs.get(), .child_fd = kReadyFd}}});
  if (!child) return std::unexpected(child.error());
  theirs.reset();
  auto ready = io::read_ready(ours.get(), kStartTimeout);
  if (ready) return Started{std::move(*child), std::move(*ready)};
  // The pipe of a program that fails closes a moment before its exit can be read, so the exit is worth a short wait.
  pollfd wait{child->fd(), POLLIN, 0};
  ::poll(&wait, 1, 1000);
  if (const auto exit = child->poll()) {
    return fail(ErrorCode::io_failed, fmt::format("{} ended with {} before it was ready; it says why above", program, exit_text(*exit)));
  }
  return fail(ErrorCode::io_failed, fmt::format("{} did not get ready: {}; start it by itself to see why: {} --log debug", program,
                                                ready.error().detail, program));
}

/// A program that ended by itself has said why; one that was killed could not.
std::string ended_text(std::string_view who, const io::Exit& exit) {
  return fmt::format("{} ended with {}{}", who, exit_text(exit), exit.signal == 0 ? "; it says why above" : "");
}

void wait_until(io::Child& child, Instant deadline) {
  while (!child.poll()) {
    const auto left = std::chrono::ceil<Millis>(deadline - io::now());
    if (left <= 0ms) break;
    pollfd wait{child.fd(), POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(left.count()));
  }
}

void end(io::Child& child, Instant deadline) {
  child.kill(SIGTERM);
  wait_until(child, deadline);
  if (child.poll()) return;
  child.kill(SIGKILL);
  child.wait();
}

}  // namespace

std::vector<std::string> broker_arguments(const ClusterOptions& options, int ready_fd) {
  return {"--control",  options.control,          "--bulk", options.bulk,     "--store", options.store, "--http", options.http,
          "--ready-fd", std::to_string(ready_fd), "--log",  options.log_level};
}

std::vector<std::string> worker_arguments(const ClusterOptions& options, const std::string& control, int ready_fd) {
  std::vector<std::string> arguments{"--broker", control,          "--device", options.device, "--ready-fd", std::to_string(ready_fd),
                                     "--log",    options.log_level};
  if (options.sessions != 0) arguments.insert(arguments.end(), {"--sessions", std::to_string(options.sessions)});
  if (options.vram) arguments.insert(arguments.end(), {"--vram", std::to_string(options.vram->count)});
  return arguments;
}

Result<PrivateFolder> PrivateFolder::create() {
  // Not TMPDIR when that is long: the path of an ipc socket has room for 107 characters only.
  const char* wished = std::getenv("TMPDIR");
  const std::string base = wished != nullptr && *wished != '\0' && std::strlen(wished) < 60 ? wished : "/tmp";
  auto path = base + "/sublet-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    return fail(ErrorCode::io_failed,
                fmt::format("cannot make a folder in {}: {}; set TMPDIR to one that can be written to", base, std::strerror(errno)));
  }
  return PrivateFolder(std::move(path));
}

PrivateFolder& PrivateFolder::operator=(PrivateFolder&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
  }
  return *this;
}

void PrivateFolder::remove() {
  remove_folder(path_);
  path_.clear();
}

void remove_folder(const std::string& path) {
  if (path.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

Result<Cluster> Cluster::start(ClusterOptions options) {
  std::optional<PrivateFolder> folder;
  if (options.control.empty() || options.bulk.empty()) {
    auto created = PrivateFolder::create();
    if (!created) return std::unexpected(created.error());
    folder = std::move(*created);
    if (options.control.empty()) options.control = "ipc://" + folder->path() + "/control";
    if (options.bulk.empty()) options.bulk = "ipc://" + folder->path() + "/bulk";
  }
  auto broker = start_program("sublet-broker", broker_arguments(options, kReadyFd));
  if (!broker) return std::unexpected(broker.error());
  Cluster cluster(std::move(folder), std::move(broker->child), broker->ready["control"], broker->ready["bulk"]);
  auto worker = start_program("sublet-worker", worker_arguments(options, cluster.control_, kReadyFd));
  if (!worker) {
    cluster.stop(1s);
    return std::unexpected(worker.error());
  }
  cluster.worker_ = std::move(worker->child);
  return cluster;
}

std::vector<int> Cluster::fds() const {
  std::vector<int> fds{broker_.fd()};
  if (worker_) fds.push_back(worker_->fd());
  return fds;
}

std::optional<Error> Cluster::ended() {
  if (const auto exit = broker_.poll()) {
    return Error{.code = ErrorCode::disconnected, .detail = ended_text("the broker", *exit)};
  }
  if (!worker_) return std::nullopt;
  if (const auto exit = worker_->poll()) {
    return Error{.code = ErrorCode::session_lost, .detail = ended_text("the worker", *exit)};
  }
  return std::nullopt;
}

void Cluster::stop(Millis patience) {
  const auto deadline = io::now() + patience;
  if (worker_) end(*worker_, deadline);
  end(broker_, std::max<Instant>(deadline, io::now() + 500ms));
  if (folder_) folder_->remove();
}

std::string exit_text(const io::Exit& exit) {
  if (exit.signal != 0) return fmt::format("signal {} ({})", exit.signal, ::strsignal(exit.signal));
  return fmt::format("exit code {}", exit.code);
}

}  // namespace sublet::cli
