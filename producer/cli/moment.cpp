#include "producer/cli/moment.hpp"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

/// Takes a number of exactly so many digits off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  int number = 0;
  if (text.size() < digits || text[0] < '0' || text[0] > '9') return std::nullopt;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + digits, number);
  if (problem != std::errc{} || end != text.data() + digits) return std::nullopt;
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, char letter) {
  if (!text.starts_with(letter)) return false;
  text.remove_prefix(1);
  return true;
}

/// Hours and minutes, with seconds where they follow and may.
std::optional<std::chrono::seconds> take_time(std::string_view& text, bool may_have_seconds) {
  const auto hours = take_number(text, 2);
  const bool colon = hours && take(text, ':');
  const auto minutes = colon ? take_number(text, 2) : std::nullopt;
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  auto time = std::chrono::hours(*hours) + std::chrono::minutes(*minutes) + std::chrono::seconds(0);
  if (!may_have_seconds || !take(text, ':')) return time;
  const auto seconds = take_number(text, 2);
  if (!seconds || *seconds > 59) return std::nullopt;
  return time + std::chrono::seconds(*seconds);
}

std::optional<std::chrono::sys_seconds> read_moment(std::string_view text) {
  const auto year = take_number(text, 4);
  const auto month = year && take(text, '-') ? take_number(text, 2) : std::nullopt;
  const auto day = month && take(text, '-') ? take_number(text, 2) : std::nullopt;
  if (!day || !(take(text, 'T') || take(text, ' '))) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  const auto time = take_time(text, true);
  if (!date.ok() || !time) return std::nullopt;
  const auto local = std::chrono::sys_days(date) + *time;
  if (text == "Z") return local;
  const bool east = text.starts_with('+');
  if (!take(text, '+') && !take(text, '-')) return std::nullopt;
  const auto offset = take_time(text, false);
  if (!offset || !text.empty()) return std::nullopt;
  return east ? local - *offset : local + *offset;
}

}  // namespace

Result<std::chrono::sys_seconds> parse_moment(std::string_view text, std::string_view what) {
  if (const auto moment = read_moment(text)) return *moment;
  return fail(ErrorCode::bad_argument,
              fmt::format("{} \"{}\" is no time with its zone; write 2026-12-01T10:00Z or 2026-12-01T10:00+01:00", what, printable(text)));
}

}  // namespace sublet::cli
