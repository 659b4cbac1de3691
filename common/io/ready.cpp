#include "common/io/ready.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <unistd.h>

#include "common/io/clock.hpp"
#include "common/io/file_descriptor.hpp"

namespace sublet::io {

namespace {

constexpr std::size_t kLongestLine = 4'096;

Result<Ready> parse_ready(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) {
    return fail(ErrorCode::io_failed, fmt::format("the ready line is not a JSON object: {}", line));
  }
  Ready ready;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_string()) {
      return fail(ErrorCode::io_failed, fmt::format("\"{}\" of the ready line is not text", name));
    }
    ready.emplace(name, value.get<std::string>());
  }
  return ready;
}

}  // namespace

Result<void> write_ready(int fd, const Ready& ready) {
  const FileDescriptor owned(fd);
  const std::string line = nlohmann::json(ready).dump() + "\n";
  std::size_t written = 0;
  while (written < line.size()) {
    const ssize_t count = ::write(fd, line.data() + written, line.size() - written);
    if (count < 0 && errno != EINTR) {
      return fail(ErrorCode::io_failed, fmt::format("cannot write to --ready-fd {}: {}", fd, std::strerror(errno)));
    }
    written += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  return {};
}

Result<Ready> read_ready(int fd, Millis timeout) {
  const Instant deadline = now() + timeout;
  std::string line;
  while (line.size() < kLongestLine) {
    const auto left = std::chrono::ceil<Millis>(deadline - now()).count();
    pollfd item{.fd = fd, .events = POLLIN, .revents = 0};
    const int readable = left > 0 ? ::poll(&item, 1, static_cast<int>(left)) : 0;
    if (readable == 0) {
      return fail(ErrorCode::timeout, fmt::format("the program did not say that it is ready within {} ms", timeout.count()));
    }
    char next = 0;
    const ssize_t count = readable < 0 ? -1 : ::read(fd, &next, 1);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return fail(ErrorCode::io_failed, "the program ended before it was ready; its messages on stderr say why");
    }
    if (next == '\n') {
      return parse_ready(line);
    }
    line += next;
  }
  return fail(ErrorCode::io_failed, "the ready line has no end");
}

}  // namespace sublet::io
