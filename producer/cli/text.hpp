#pragma once

// How sizes, ages, durations and names are written for people, and read from what people type.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/time.hpp"

namespace sublet::cli {

/// "0 B", "999 B", "1.5 KiB", "32 MiB": at most four digits, binary units.
std::string size_text(std::uint64_t bytes);

/// "10,000".
std::string count_text(std::uint64_t count);

/// How long something took, in three digits: "312 us", "45.1 ms", "1.23 s", "4 min 05 s".
std::string duration_text(Nanos duration);

/// How long ago something was, in the largest unit that fits: "now", "12s", "3m", "2h", "5d".
std::string age_text(Millis age);

/// "1 chunk", "2 chunks", "10,000 chunks".
std::string plural(std::uint64_t count, std::string_view noun);

/// A name made safe to print: control characters and bytes that are no UTF-8 become "?", so that a file name cannot move the cursor.
std::string printable(std::string_view text);

/// Columns that printable UTF-8 text takes on a terminal, one per code point.
std::size_t display_width(std::string_view text);

/// The first `columns` columns of `text`, the last of them "…" when something was cut.
std::string shorten(std::string_view text, std::size_t columns);

/// "64MiB", "64M", "1.5 GiB", "4096": binary units, letters in any case. `bad_argument` otherwise, naming `what`.
Result<Bytes> parse_size(std::string_view text, std::string_view what);

/// "200ms", "30s", "1.5m", "2h". A unit is needed: "30" alone would be a guess. `bad_argument` otherwise, naming `what`.
Result<Millis> parse_duration(std::string_view text, std::string_view what);

/// A job id, or the beginning of one: 1 to 16 hex digits in any case; answered in lower case.
Result<std::string> parse_job_prefix(std::string_view text);

/// All 16 digits of an id.
Result<std::uint64_t> parse_hex_id(std::string_view digits);

}  // namespace sublet::cli
