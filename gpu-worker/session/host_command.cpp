#include "gpu-worker/session/host_command.hpp"

#include <algorithm>
#include <charconv>
#include <span>

#include <fmt/format.h>

#include "common/io/filter.hpp"
#include "common/pipeline/wording.hpp"

namespace sublet::session {
namespace {

/// With which a command says values.
constexpr std::size_t kLongestLine = 4096;

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

std::unexpected<Error> too_large(std::size_t room) {
  return fail(ErrorCode::output_too_large, fmt::format("the command gave more than the {} bytes of its buffer; make that larger", room));
}

/// All that it wrote.
Result<std::vector<std::byte>> output_of(io::Filtered filtered, std::size_t room) {
  switch (filtered.how) {
    case io::FilterEnd::ran_too_long:
      // No `kernel_timeout`, after which a session is lost: what hung is killed, and this one goes on.
      return fail(ErrorCode::host_stage_failed, "the command ran past the pipeline's time_limit; raise it, or mend the command");
    case io::FilterEnd::wrote_too_much:
      return too_large(room);
    case io::FilterEnd::ended:
      break;
  }
  if (filtered.exit.clean()) {
    return std::move(filtered.output);
  }
  const auto how = filtered.exit.signal != 0 ? fmt::format("signal {}", filtered.exit.signal) : fmt::format("code {}", filtered.exit.code);
  return fail(ErrorCode::host_stage_failed, fmt::format("the command ended with {}; the worker's log has what it said", how));
}

/// Takes the values off the result's start.
Result<HostResult> with_line_read(std::vector<std::byte> given, std::size_t room) {
  constexpr std::string_view kMark = "#sublet ";
  HostResult result;
  const std::string_view text = as_text(given);
  if (text.starts_with(kMark)) {
    const auto end = text.substr(0, kLongestLine).find('\n');
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
    return too_large(room);
  }
  result.data = std::move(given);
  return result;
}

}  // namespace

Result<HostResult> run_command(const std::string& command, const HostCall& call) {
  const auto whole = fmt::format("exec 0<&{0} 1>&{1} {0}<&- {1}>&-; {2}", io::kFilterIn, io::kFilterOut, with_values(command, call.values));
  auto filtered = io::run_filter({.program = {.program = "/bin/sh", .args = {"-c", whole}},
                                  .data = call.data,
                                  .room = call.room + kLongestLine,
                                  .time_limit = call.time_limit});
  if (!filtered) {
    return std::unexpected(filtered.error());
  }
  auto given = output_of(*std::move(filtered), call.room);
  if (!given) {
    return std::unexpected(given.error());
  }
  return with_line_read(*std::move(given), call.room);
}

}  // namespace sublet::session
