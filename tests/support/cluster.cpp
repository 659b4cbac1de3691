#include "tests/support/cluster.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "common/io/ready.hpp"

namespace sublet::test {
namespace {

constexpr int kReadyFd = 3;
// Sanitized programs on two loaded cores start slowly.
constexpr Millis kStartTimeout = 60s;

[[noreturn]] void give_up(const std::string& what, const Error& error) {
  fmt::print(stderr, "cannot start {}: {}\n", what, to_text(error));
  std::abort();
}

/// The name and the parent of a process, from /proc/PID/stat: "pid (name) state parent …".
std::pair<std::string, pid_t> name_and_parent(const std::filesystem::path& folder) {
  std::ifstream stream(folder / "stat");
  std::stringstream text;
  text << stream.rdbuf();
  const auto line = text.str();
  const auto open = line.find('(');
  const auto close = line.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 4 >= line.size()) return {};
  return {line.substr(open + 1, close - open - 1), static_cast<pid_t>(std::strtol(line.c_str() + close + 4, nullptr, 10))};
}

}  // namespace

Starting begin_to_start(const std::string& program, std::vector<std::string> args, std::vector<io::InheritedFd> inherited) {
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) give_up(program, Error{.code = ErrorCode::io_failed, .detail = "no pipe"});
  const io::FileDescriptor theirs(pipe_ends[1]);
  io::FileDescriptor ours(pipe_ends[0]);
  args.insert(args.end(), {"--ready-fd", std::to_string(kReadyFd)});
  inherited.push_back({.fd = theirs.get(), .child_fd = kReadyFd});
  auto child = io::spawn({.program = program, .args = args, .inherited = std::move(inherited)});
  if (!child) give_up(program, child.error());
  return {.child = std::move(*child), .ready = std::move(ours)};
}

std::map<std::string, std::string> wait_until_ready(const Starting& starting) {
  auto ready = io::read_ready(starting.ready.get(), kStartTimeout);
  if (!ready) give_up("a program", ready.error());
  return *std::move(ready);
}

Started start(const std::string& program, std::vector<std::string> args, std::vector<io::InheritedFd> inherited) {
  auto starting = begin_to_start(program, std::move(args), std::move(inherited));
  auto ready = wait_until_ready(starting);
  return {.child = std::move(starting.child), .ready = std::move(ready)};
}

std::map<pid_t, std::string> children_of(pid_t parent) {
  std::map<pid_t, std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto pid = static_cast<pid_t>(std::strtol(entry.path().filename().c_str(), nullptr, 10));
    if (pid <= 0) continue;
    auto [its_name, its_parent] = name_and_parent(entry.path());
    if (its_parent == parent) found.emplace(pid, std::move(its_name));
  }
  return found;
}

std::vector<pid_t> children_of(pid_t parent, const std::string& name) {
  std::vector<pid_t> found;
  for (const auto& [pid, its_name] : children_of(parent)) {
    if (its_name == name) found.push_back(pid);
  }
  return found;
}

Cluster::Cluster(const std::vector<std::string>& broker_args) : broker_args_(broker_args) {
  start_broker("tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
}

Cluster::~Cluster() {
  for (auto& worker : workers_) worker.kill(SIGTERM);
  for (auto& worker : workers_) worker.wait();
}

void Cluster::start_broker(const std::string& control, const std::string& bulk) {
  auto args = broker_args_;
  args.insert(args.end(), {"--control", control, "--bulk", bulk, "--http", "127.0.0.1:0", "--log", "warn"});
  auto [child, ready] = start("sublet-broker", args);
  broker_.push_back(std::move(child));
  control_ = ready.at("control");
  endpoints_ = {control_};
  bulk_ = ready.at("bulk");
  http_ = ready.at("http");
}

std::size_t Cluster::add_worker(const std::vector<std::string>& args) {
  auto all = args;
  for (const auto& endpoint : endpoints_) all.insert(all.end(), {"--broker", endpoint});
  all.insert(all.end(), {"--log", "warn"});
  workers_.push_back(start("sublet-worker", all).child);
  return workers_.size() - 1;
}

std::vector<pid_t> Cluster::session_pids(std::size_t worker) const { return children_of(worker_pid(worker), "sublet-session"); }

void Cluster::kill_worker(std::size_t worker, int signal) { workers_.at(worker).kill(signal); }

void Cluster::restart_broker() {
  lose_broker();
  start_broker(control_, bulk_);
}

void Cluster::add_broker() {
  auto args = broker_args_;
  args.insert(args.end(), {"--control", "tcp://127.0.0.1:*", "--bulk", "tcp://127.0.0.1:*", "--log", "warn", "--http", "off"});
  auto [child, ready] = start("sublet-broker", args);
  broker_.push_back(std::move(child));
  endpoints_.push_back(ready.at("control"));
}

void Cluster::lose_broker() {
  broker_.front().kill(SIGKILL);
  broker_.front().wait();
  broker_.erase(broker_.begin());
}

std::uint64_t Cluster::broker_peak_bytes() const {
  std::ifstream status(fmt::format("/proc/{}/status", broker_pid()));
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  }
  return 0;
}

}  // namespace sublet::test
