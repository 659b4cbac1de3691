#include "tests/support/redis_server.hpp"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/io/clock.hpp"
#include "common/io/file_descriptor.hpp"

namespace sublet::test {
namespace {

constexpr Millis kStartTimeout = 60s;
constexpr Millis kCallTimeout = 60s;

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "cannot run redis-server: {}\n", why);
  std::abort();
}

std::string program() {
  const char* path = std::getenv("PATH");
  std::stringstream folders(path == nullptr ? "/usr/bin" : path);
  std::string folder;
  while (std::getline(folders, folder, ':')) {
    const auto file = std::filesystem::path(folder) / "redis-server";
    if (std::filesystem::exists(file)) return file.string();
  }
  give_up("it is not on the PATH; install the package redis-server");
}

std::filesystem::path new_folder() {
  // Short, since the path of a unix socket has room for 107 characters only.
  const char* wished = std::getenv("TMPDIR");
  const std::string base = wished != nullptr && *wished != '\0' && std::strlen(wished) < 60 ? wished : "/tmp";
  auto path = base + "/sublet-redis-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) give_up("no folder can be made in " + base);
  return path;
}

broker::RespCommands one(const std::vector<std::string>& command) {
  broker::RespWriter writer;
  writer.begin(command.size());
  for (const auto& argument : command) writer.add(argument);
  return writer.take();
}

/// One that is free now, for the bus of a cluster, which cannot be turned off.
std::string free_port() {
  const io::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), raw, size) != 0 || ::getsockname(socket.get(), raw, &size) != 0) give_up("no port is free");
  return std::to_string(ntohs(address.sin_port));
}

}  // namespace

RedisServer::RedisServer(std::vector<std::string> settings) : settings_(std::move(settings)), folder_(new_folder()) { start(); }

RedisServer::~RedisServer() {
  child_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

broker::RedisAddress RedisServer::address() const { return broker::parse_redis_url(url()).value(); }

void RedisServer::kill() {
  child_->kill(SIGKILL);
  child_->wait();
}

void RedisServer::start(const std::vector<std::string>& more) {
  std::vector<std::string> arguments{"--port",       "0",
                                     "--unixsocket", socket().string(),
                                     "--dir",        folder_.string(),
                                     "--save",       "",
                                     "--appendonly", "yes",
                                     "--logfile",    (folder_ / "log").string(),
                                     "--daemonize",  "no",
                                     "--loglevel",   "warning",
                                     "--databases",  "4"};
  arguments.insert(arguments.end(), settings_.begin(), settings_.end());
  arguments.insert(arguments.end(), more.begin(), more.end());
  std::filesystem::remove(socket());
  auto child = io::spawn({.program = program(), .args = arguments});
  if (!child) give_up(to_text(child.error()));
  child_ = std::move(*child);
  const auto deadline = io::now() + kStartTimeout;
  for (;;) {
    auto connection = broker::RedisConnection::open(address());
    if (connection) {
      const auto replies = connection->call(one({"PING"}), kCallTimeout);
      // One that wants a password answers too.
      if (replies && !replies->front().text().starts_with("LOADING")) return;
    }
    if (child_->poll() || io::now() > deadline) {
      std::ifstream log(folder_ / "log");
      give_up(std::string(std::istreambuf_iterator<char>(log), {}));
    }
    ::poll(nullptr, 0, 2);
  }
}

broker::RedisReply RedisServer::run(const std::vector<std::string>& command) const {
  auto connection = broker::RedisConnection::open(address());
  if (!connection) give_up(to_text(connection.error()));
  auto replies = connection->call(one(command), kCallTimeout);
  if (!replies) give_up(to_text(replies.error()));
  return std::move(replies->front());
}

std::vector<std::string> RedisServer::keys(const std::string& pattern) const {
  const auto reply = run({"KEYS", pattern});
  std::vector<std::string> found;
  for (std::size_t index = 0; index < reply.size(); ++index) found.emplace_back(reply.at(index).text());
  return found;
}

RedisClusterNode::RedisClusterNode() : RedisServer({"--cluster-enabled", "yes", "--bind", "127.0.0.1", "--cluster-port", free_port()}) {
  static_cast<void>(run({"CLUSTER", "ADDSLOTSRANGE", "0", "16383"}));
  const auto deadline = io::now() + kStartTimeout;
  while (text({"CLUSTER", "INFO"}).find("cluster_state:ok") == std::string::npos) {
    if (io::now() > deadline) give_up("its cluster takes no writes");
    ::poll(nullptr, 0, 20);
  }
}

}  // namespace sublet::test
