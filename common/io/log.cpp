#include "common/io/log.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace sublet::io {

Result<Log> make_log(const std::string& program, const std::string& level) {
  constexpr std::array<std::string_view, 5> kLevels{"debug", "info", "warn", "error", "off"};
  if (std::ranges::find(kLevels, level) == kLevels.end()) {
    return fail(ErrorCode::bad_argument, fmt::format("log level \"{}\" is unknown: choose debug, info, warn, error or off", level));
  }
  auto log = std::make_shared<spdlog::logger>(program, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  log->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %n: %v");
  log->set_level(spdlog::level::from_str(level));
  log->flush_on(spdlog::level::warn);
  return log;
}

Log silent_log() { return std::make_shared<spdlog::logger>("silent", std::make_shared<spdlog::sinks::null_sink_mt>()); }

}  // namespace sublet::io
