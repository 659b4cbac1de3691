#include "common/wire/item_reader.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sublet::wire {
namespace {

std::string_view name_of(ItemKind kind) {
  switch (kind) {
    case ItemKind::nil:
      return "nil";
    case ItemKind::boolean:
      return "a boolean";
    case ItemKind::integer:
      return "an integer";
    case ItemKind::negative:
      return "a negative integer";
    case ItemKind::real:
      return "a float";
    case ItemKind::text:
      return "a string";
    case ItemKind::binary:
      return "a binary";
    case ItemKind::extension:
      return "an extension type";
    case ItemKind::array:
      return "an array";
    case ItemKind::map:
      return "a map";
  }
  return "";
}

}  // namespace

Error ItemReader::error(std::string_view subject) const {
  const auto separator = path_.empty() ? "" : ".";
  return {.code = code_, .detail = fmt::format("{}{}{}: {}", subject, separator, path_, what_)};
}

bool ItemReader::take_kind(ItemKind kind, const Item*& item) {
  item = &take();
  if (item->kind == kind) return true;
  return fail_with(ErrorCode::bad_type, fmt::format("{} stands where {} belongs", name_of(item->kind), name_of(kind)));
}

bool ItemReader::enter_map(std::uint32_t& pairs) {
  const Item* item = nullptr;
  if (!take_kind(ItemKind::map, item)) return false;
  pairs = item->size;
  return true;
}

bool ItemReader::enter_array(std::uint32_t& elements) {
  const Item* item = nullptr;
  if (!take_kind(ItemKind::array, item)) return false;
  elements = item->size;
  return true;
}

bool ItemReader::enter_array_of(std::size_t elements) {
  std::uint32_t found = 0;
  if (!enter_array(found)) return false;
  if (found == elements) return true;
  return fail_with(ErrorCode::bad_size, fmt::format("{} elements stand where {} belong", found, elements));
}

bool ItemReader::read_key(std::string_view& out) {
  const Item* item = nullptr;
  if (!take_kind(ItemKind::text, item)) return false;
  out = as_text(bytes_of(*item));
  return true;
}

bool ItemReader::read_boolean(bool& out) {
  const Item* item = nullptr;
  if (!take_kind(ItemKind::boolean, item)) return false;
  out = item->value != 0;
  return true;
}

bool ItemReader::read_integer(std::uint64_t& out, std::uint64_t most) {
  const Item& item = take();
  if (item.kind == ItemKind::negative) {
    return fail_with(ErrorCode::out_of_range, fmt::format("{} is negative", std::bit_cast<std::int64_t>(item.value)));
  }
  if (item.kind != ItemKind::integer) {
    return fail_with(ErrorCode::bad_type, fmt::format("{} stands where an integer belongs", name_of(item.kind)));
  }
  if (item.value > most) return fail_with(ErrorCode::out_of_range, fmt::format("{} is more than {}", item.value, most));
  out = item.value;
  return true;
}

bool ItemReader::read_real(double& out) {
  const Item* item = nullptr;
  if (!take_kind(ItemKind::real, item)) return false;
  out = item->real();
  return true;
}

bool ItemReader::read_duration(Millis& out) {
  std::uint64_t count = 0;
  if (!read_integer(count, static_cast<std::uint64_t>(kMaxDuration.count()))) return false;
  out = Millis(static_cast<Millis::rep>(count));
  return true;
}

bool ItemReader::read_text(std::string& out, TextRule rule) {
  const Item* item = nullptr;
  if (!take_kind(ItemKind::text, item)) return false;
  const auto text = as_text(bytes_of(*item));
  if (auto fault = text_fault(rule, text, limits_.max_text)) return fail_with(ErrorCode::bad_name, *std::move(fault));
  out = text;
  return true;
}

bool ItemReader::read_error_code(ErrorCode& out) {
  std::uint64_t number = 0;
  if (!read_integer(number, std::numeric_limits<std::uint16_t>::max())) return false;
  if (!is_error_number(static_cast<std::uint16_t>(number))) {
    return fail_with(ErrorCode::out_of_range, fmt::format("{} is no error number", number));
  }
  out = static_cast<ErrorCode>(number);
  return true;
}

bool ItemReader::read_binary(std::vector<std::byte>& out) {
  ByteView bytes;
  if (!take_binary(bytes, 1)) return false;
  out.assign(bytes.begin(), bytes.end());
  return true;
}

bool ItemReader::take_binary(ByteView& out, std::size_t unit) {
  const Item* item = nullptr;
  if (!take_kind(ItemKind::binary, item)) return false;
  out = bytes_of(*item);
  if (out.size() % unit == 0) return true;
  return fail_with(ErrorCode::bad_size, fmt::format("{} bytes are no whole number of {}-byte values", out.size(), unit));
}

bool ItemReader::take_binary_of(ByteView& out, std::size_t length) {
  if (!take_binary(out, 1)) return false;
  if (out.size() == length) return true;
  return fail_with(ErrorCode::bad_size, fmt::format("{} bytes stand where {} belong", out.size(), length));
}

bool ItemReader::check_codes(const CodeList& codes) {
  const auto unknown = std::ranges::find_if_not(codes.values, is_error_number);
  if (unknown == codes.values.end()) return true;
  return fail_with(ErrorCode::out_of_range, fmt::format("{} is no error number", *unknown));
}

bool ItemReader::check_range(const ChunkRange& range) {
  if (range.count == 0) return fail_with(ErrorCode::out_of_range, "a range of 0 chunks; leave it out");
  if (range.count - 1 <= std::numeric_limits<std::uint64_t>::max() - range.first) return true;
  return fail_with(ErrorCode::out_of_range, fmt::format("{} chunks from {} on pass the highest id", range.count, range.first));
}

std::size_t ItemReader::find_name(std::span<const std::string_view> names, std::string_view key, std::size_t guess) {
  if (guess < names.size() && names[guess] == key) return guess;
  return static_cast<std::size_t>(std::ranges::find(names, key) - names.begin());
}

bool ItemReader::mark_seen(std::uint64_t& seen, std::size_t index, std::string_view key) {
  const auto bit = std::uint64_t{1} << index;
  if ((seen & bit) != 0) return fail_with(ErrorCode::bad_message, fmt::format("the field {} comes twice", quoted(key)));
  seen |= bit;
  return true;
}

bool ItemReader::fail_with(ErrorCode code, std::string what) {
  code_ = code;
  what_ = std::move(what);
  return false;
}

bool ItemReader::fail_unknown(std::string_view key, std::span<const std::string_view> names) {
  const auto known = names.empty() ? std::string("has none") : fmt::format("has {}", fmt::join(names, ", "));
  return fail_with(ErrorCode::unknown_field, fmt::format("no field {}; it {}", quoted(key), known));
}

bool ItemReader::fail_missing(std::span<const std::string_view> names, std::uint64_t seen) {
  const auto first = static_cast<std::size_t>(std::countr_one(seen));
  return fail_with(ErrorCode::bad_message, fmt::format("the field \"{}\" is missing", names[first]));
}

bool ItemReader::fail_inside(std::string_view field) {
  const bool joins = !path_.empty() && path_.front() != '[';
  path_ = fmt::format("{}{}{}", field, joins ? "." : "", path_);
  return false;
}

bool ItemReader::fail_inside(std::size_t index) {
  const bool joins = !path_.empty() && path_.front() != '[';
  path_ = fmt::format("[{}]{}{}", index, joins ? "." : "", path_);
  return false;
}

}  // namespace sublet::wire
