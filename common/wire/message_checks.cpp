#include "common/wire/message_checks.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>

#include <fmt/format.h>

namespace sublet::wire {
namespace {

constexpr std::uint8_t kLastPriority = 9;
constexpr std::uint32_t kMaxListed = 1000;

using Check = std::optional<Error>;

Check fault(ErrorCode code, std::string detail) { return Error{.code = code, .detail = std::move(detail)}; }

Check check_lengths(std::string_view name, const U32List& lengths, std::size_t payload_bytes) {
  if (lengths.values.empty()) return fault(ErrorCode::bad_size, fmt::format("{}.lengths: a batch holds at least one chunk", name));
  const auto sum = std::reduce(lengths.values.begin(), lengths.values.end(), std::uint64_t{0});
  if (sum == payload_bytes) return std::nullopt;
  return fault(ErrorCode::bad_size, fmt::format("{}.lengths: they sum up to {} bytes, the payload has {}", name, sum, payload_bytes));
}

Check check_count(std::string_view name, const std::vector<ChunkRange>& ranges, std::size_t lengths) {
  std::uint64_t left = lengths;
  for (const auto& range : ranges) {
    if (range.count > left) return fault(ErrorCode::bad_size, fmt::format("{}.chunks: more chunks than the {} lengths", name, lengths));
    left -= range.count;
  }
  if (left == 0) return std::nullopt;
  return fault(ErrorCode::bad_size, fmt::format("{}.chunks: {} chunks for {} lengths", name, lengths - left, lengths));
}

Check check_distinct(std::string_view name, const std::vector<ChunkRange>& ranges) {
  if (ranges.size() < 2) return std::nullopt;
  const auto ends_before = [](const ChunkRange& a, const ChunkRange& b) { return a.first + (a.count - 1) < b.first; };
  // Ranges usually come in ascending order, and then no copy is needed.
  if (std::ranges::adjacent_find(ranges, std::not_fn(ends_before)) == ranges.end()) return std::nullopt;
  auto sorted = ranges;
  std::ranges::sort(sorted, {}, &ChunkRange::first);
  const auto overlap = std::ranges::adjacent_find(sorted, std::not_fn(ends_before));
  if (overlap == sorted.end()) return std::nullopt;
  return fault(ErrorCode::duplicate, fmt::format("{}.chunks: chunk {} comes twice; send each once", name, std::next(overlap)->first));
}

Check check_ranges(std::string_view name, const std::vector<ChunkRange>& ranges, std::size_t lengths) {
  if (auto error = check_count(name, ranges, lengths)) return error;
  return check_distinct(name, ranges);
}

/// What SETTLE and OUTPUT say of each chunk besides its length.
template <class Outcomes>
Check check_outcomes(std::string_view name, const Outcomes& message) {
  const auto chunks = message.lengths.values.size();
  const auto& codes = message.codes.values;
  if (!codes.empty() && codes.size() != chunks) {
    return fault(ErrorCode::bad_size, fmt::format("{}.codes: {} for {} chunks; none, or one each", name, codes.size(), chunks));
  }
  const auto& micros = message.micros.values;
  if (!micros.empty() && micros.size() != chunks) {
    return fault(ErrorCode::bad_size, fmt::format("{}.micros: {} for {} chunks; none, or one each", name, micros.size(), chunks));
  }
  const auto outside = std::ranges::find_if(message.details, [&](const auto& detail) { return detail.index >= chunks; });
  if (outside == message.details.end()) return std::nullopt;
  return fault(ErrorCode::out_of_range, fmt::format("{}.details: index {} in a batch of {}", name, outside->index, chunks));
}

Check check_priority(std::string_view name, const JobSpec& spec) {
  if (spec.priority <= kLastPriority) return std::nullopt;
  return fault(ErrorCode::out_of_range, fmt::format("{}.spec.priority: {}; 0 is first, {} is last", name, spec.priority, kLastPriority));
}

Check check_limit(std::string_view name, std::uint32_t limit) {
  if (limit <= kMaxListed) return std::nullopt;
  return fault(ErrorCode::out_of_range, fmt::format("{}.limit: {}; at most {}", name, limit, kMaxListed));
}

}  // namespace

Check check_message(const Submit& message, std::size_t payload_bytes) {
  if (auto error = check_lengths("SUBMIT", message.lengths, payload_bytes)) return error;
  return check_ranges("SUBMIT", message.chunks, message.lengths.values.size());
}

Check check_message(const Run& message, std::size_t payload_bytes) {
  if (auto error = check_lengths("RUN", message.lengths, payload_bytes)) return error;
  return check_ranges("RUN", message.chunks, message.lengths.values.size());
}

Check check_message(const Settle& message, std::size_t payload_bytes) {
  if (auto error = check_lengths("SETTLE", message.lengths, payload_bytes)) return error;
  return check_outcomes("SETTLE", message);
}

Check check_message(const Output& message, std::size_t payload_bytes) {
  if (auto error = check_lengths("OUTPUT", message.lengths, payload_bytes)) return error;
  if (auto error = check_ranges("OUTPUT", message.chunks, message.lengths.values.size())) return error;
  return check_outcomes("OUTPUT", message);
}

Check check_message(const Open& message, std::size_t /*payload_bytes*/) { return check_priority("OPEN", message.spec); }
Check check_message(const Replay& message, std::size_t /*payload_bytes*/) { return check_priority("REPLAY", message.spec); }

Check check_message(const List& message, std::size_t /*payload_bytes*/) { return check_limit("LIST", message.limit); }
Check check_message(const DeadQuery& message, std::size_t /*payload_bytes*/) { return check_limit("DEAD", message.limit); }

}  // namespace sublet::wire
