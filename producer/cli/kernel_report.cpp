#include "producer/cli/kernel_report.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "common/io/process.hpp"
#include "producer/cli/cluster.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

using Json = nlohmann::ordered_json;

/// The number under which the session finds the pipe for its answer.
constexpr int kAnswerFd = 3;

Result<std::string> read_to_end(int fd) {
  std::string text;
  std::array<char, 1U << 14U> part{};
  for (;;) {
    const ssize_t got = ::read(fd, part.data(), part.size());
    if (got == 0) return text;
    if (got > 0) text.append(part.data(), static_cast<std::size_t>(got));
    if (got < 0 && errno != EINTR) return fail(ErrorCode::io_failed, fmt::format("cannot read from a pipe: {}", std::strerror(errno)));
  }
}

/// What the session program writes about the file.
Result<std::string> ask_session(const std::string& file) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(ErrorCode::io_failed, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  const io::FileDescriptor ours(ends[0]);
  io::FileDescriptor theirs(ends[1]);
  auto child =
      io::spawn({.program = "sublet-session", .args = {"--describe=" + file}, .inherited = {{.fd = theirs.get(), .child_fd = kAnswerFd}}});
  if (!child) return std::unexpected(child.error());
  theirs.reset();
  auto answer = read_to_end(ours.get());
  const auto exit = child->wait();
  if (answer && !exit.clean()) {
    return fail(ErrorCode::io_failed, fmt::format("sublet-session ended with {} over {}", exit_text(exit), printable(file)));
  }
  return answer;
}

std::optional<std::array<std::uint32_t, 3>> extent_in(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return json.get<std::array<std::uint32_t, 3>>();
}

KernelReport kernel_in(const Json& json) {
  KernelReport kernel{.name = json.at("name"),
                      .parameters = {},
                      .shared_bytes = json.at("shared_bytes"),
                      .registers = {},
                      .required_threads = extent_in(json.at("required_threads")),
                      .maximum_threads = extent_in(json.at("maximum_threads"))};
  for (const auto& each : json.at("parameters")) {
    kernel.parameters.push_back({.name = each.at("name"),
                                 .type = each.at("type"),
                                 .bytes = each.at("bytes"),
                                 .pointer = each.at("pointer"),
                                 .read = each.at("read"),
                                 .written = each.at("written"),
                                 .element_bytes = each.at("element_bytes")});
  }
  for (const auto& [type, count] : json.at("registers").items()) kernel.registers.emplace_back(type, count.get<std::uint32_t>());
  return kernel;
}

Result<ModuleReport> report_in(const Json& json) {
  if (const auto error = json.find("error"); error != json.end()) {
    const std::string name = error->at("name");
    for (const auto& info : error_table()) {
      if (info.name == name) return fail(info.code, error->at("detail"));
    }
    return fail(ErrorCode::protocol_error, fmt::format("sublet-session answers with the unknown error \"{}\"", printable(name)));
  }
  ModuleReport report{
      .version = json.at("version"), .target = json.at("target"), .kernels = {}, .refused = {}, .refused_total = json.at("refused_total")};
  for (const auto& each : json.at("kernels")) report.kernels.push_back(kernel_in(each));
  for (const auto& each : json.at("refused")) {
    report.refused.push_back({.what = each.at("what"), .kernel = each.at("kernel"), .line = each.at("line"), .source = each.at("source")});
  }
  return report;
}

}  // namespace

Result<ModuleReport> parse_report(std::string_view json) {
  try {
    return report_in(Json::parse(json));
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::protocol_error, fmt::format("sublet-session answers with something else than a report: {}; use the programs of "
                                                       "one release",
                                                       problem.what()));
  }
}

Result<ModuleReport> report_on_module(const std::string& file) {
  const auto answer = ask_session(file);
  if (!answer) return std::unexpected(answer.error());
  auto report = parse_report(*answer);
  // A session that reads the file names it where it is missing; the parser and the compiler know no file.
  if (!report && report.error().code == ErrorCode::load_failed) {
    return fail(ErrorCode::load_failed, fmt::format("{}: {}", printable(file), report.error().detail));
  }
  return report;
}

}  // namespace sublet::cli
