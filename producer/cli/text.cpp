#include "producer/cli/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace sublet::cli {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return result;
}

/// Three digits, without a tail of zeros after the point.
std::string three_digits(double value) {
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  auto text = fmt::format("{:.{}f}", value, decimals);
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

/// Splits "1.5 GiB" into 1.5 and "gib"; nothing when there is no number in front or it is negative or not finite.
std::optional<std::pair<double, std::string>> number_and_unit(std::string_view text) {
  double number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (problem != std::errc{} || !std::isfinite(number) || std::signbit(number)) return std::nullopt;
  auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  return std::pair{number, lower(unit)};
}

/// Length of the UTF-8 sequence at the front of `text`; 0 when it is not well formed.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xC2 && lead < 0xE0 ? 2 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  }
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F)) return 0;
  if ((lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F)) return 0;
  return length;
}

/// U+0000 to U+001F, U+007F to U+009F: they steer the terminal instead of showing.
bool is_control(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  if (lead < 0x20 || lead == 0x7F) return true;
  return lead == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  static constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    // 1023 B stays in bytes: a size below one unit of the next kind reads better whole.
    if (unit == 0 && bytes < 1024) break;
    value /= 1024;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} B", bytes);
  return fmt::format("{} {}", three_digits(value), kUnits[unit]);
}

std::string count_text(std::uint64_t count) {
  auto text = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string duration_text(Nanos duration) {
  const auto seconds = std::chrono::duration<double>(duration).count();
  if (seconds < 0.9995e-3) return fmt::format("{} us", three_digits(seconds * 1e6));
  if (seconds < 0.9995) return fmt::format("{} ms", three_digits(seconds * 1e3));
  if (seconds < 119.5) return fmt::format("{} s", three_digits(seconds));
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 7200) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string age_text(Millis age) {
  const auto seconds = std::max<std::int64_t>(0, age.count() / 1000);
  if (seconds < 1) return "now";
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (seconds < 7200) return fmt::format("{}m", seconds / 60);
  if (seconds < 172'800) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86'400);
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count_text(count), noun, count == 1 ? "" : "s");
}

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto length = sequence_length(text);
    const auto sequence = text.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0 || is_control(sequence)) {
      result += '?';
    } else {
      result += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return result;
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](unsigned char c) { return (c & 0xC0U) != 0x80; }));
}

std::string shorten(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end) {
    if ((static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80 && ++seen == columns) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

Result<Bytes> parse_size(std::string_view text, std::string_view what) {
  static constexpr std::array<Unit, 5> kUnits{{{"k", 0x1p10}, {"m", 0x1p20}, {"g", 0x1p30}, {"t", 0x1p40}, {"", 1}}};
  const auto refuse = [&] {
    return fail(ErrorCode::bad_argument, fmt::format("{} \"{}\" is no size; write 64MiB, 1.5GiB or 4096", what, printable(text)));
  };
  const auto parts = number_and_unit(text);
  if (!parts) return refuse();
  auto unit = parts->second;
  if (unit.ends_with("ib") && unit.size() == 3) unit.resize(1);
  if (unit.ends_with('b')) unit.pop_back();
  const auto* row = std::ranges::find(kUnits, unit, &Unit::name);
  if (row == kUnits.end()) return refuse();
  const double bytes = parts->first * row->factor;
  if (bytes >= 0x1p63) return refuse();
  return Bytes{static_cast<std::uint64_t>(bytes)};
}

Result<Millis> parse_duration(std::string_view text, std::string_view what) {
  static constexpr std::array<Unit, 5> kUnits{{{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"min", 60e3}, {"h", 3600e3}}};
  const auto refuse = [&] {
    return fail(ErrorCode::bad_argument, fmt::format("{} \"{}\" is no duration; write 200ms, 30s or 5m", what, printable(text)));
  };
  const auto parts = number_and_unit(text);
  if (!parts) return refuse();
  const auto* row = std::ranges::find(kUnits, parts->second, &Unit::name);
  if (row == kUnits.end()) return refuse();
  const double millis = parts->first * row->factor;
  // A year is more than any wait; the bound keeps later additions to a clock reading far from overflow.
  if (millis > 365.0 * 86'400e3) return refuse();
  return Millis{static_cast<std::int64_t>(std::ceil(millis))};
}

Result<std::string> parse_job_prefix(std::string_view text) {
  if (!text.empty() && text.size() <= 16 && is_hex(text)) return lower(text);
  return fail(ErrorCode::bad_argument,
              fmt::format("\"{}\" is no job id; an id is 16 hex digits, or the first few of them: see sublet jobs", printable(text)));
}

Result<std::uint64_t> parse_hex_id(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() == 16 && problem == std::errc{} && end == digits.data() + digits.size()) return value;
  return fail(ErrorCode::bad_argument, fmt::format("\"{}\" is no job id; an id is 16 hex digits", printable(digits)));
}

}  // namespace sublet::cli
