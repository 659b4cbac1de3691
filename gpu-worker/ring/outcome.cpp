#include "gpu-worker/ring/outcome.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>

#include <fmt/format.h>

namespace sublet::ring {
namespace {

constexpr std::size_t kMaxText = 2000;
constexpr std::size_t kMaxDetail = 480;
constexpr std::size_t kDetailHead = 8;
constexpr std::size_t kMaxDetails = 1000;

std::unexpected<Error> broken(std::string what) {
  return fail(ErrorCode::protocol_error, fmt::format("the session process wrote {}: it is broken and is ended", what));
}

template <class Number>
void append_copy(std::vector<Number>& into, ByteView block, std::uint64_t at, std::uint32_t count) {
  const std::size_t before = into.size();
  into.resize(before + count);
  std::memcpy(into.data() + before, block.data() + at, count * sizeof(Number));
}

std::uint32_t read_u32(ByteView bytes, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

/// @param first  index in the grant of the run's first chunk
Result<void> read_details(ByteView details, std::uint32_t first, std::uint32_t count, Outcome& into) {
  std::size_t at = 0;
  std::uint32_t next = 0;
  while (at < details.size()) {
    if (details.size() - at < kDetailHead) {
      return broken("half a detail");
    }
    const std::uint32_t index = read_u32(details, at);
    const std::uint32_t length = read_u32(details, at + 4);
    at += kDetailHead;
    if (index < next || index >= count || length > details.size() - at) {
      return broken(fmt::format("a detail of {} bytes for chunk {} of {}", length, index, count));
    }
    into.add_detail(first + index, clean_text(details.subspan(at, length)));
    at += length;
    next = index + 1;
  }
  return {};
}

Result<void> check_chunks(std::span<const std::uint16_t> codes, std::span<const std::uint32_t> lengths,
                          std::span<const std::uint32_t> places) {
  for (std::size_t chunk = 0; chunk < lengths.size(); ++chunk) {
    if (lengths[chunk] > places[chunk]) {
      return broken(fmt::format("an output of {} bytes where {} fit", lengths[chunk], places[chunk]));
    }
    if (codes[chunk] != 0 && (lengths[chunk] != 0 || !is_error_number(codes[chunk]))) {
      return broken(fmt::format("code {} with an output of {} bytes", codes[chunk], lengths[chunk]));
    }
  }
  return {};
}

void append_outputs(ByteView outputs, std::span<const std::uint32_t> lengths, std::span<const std::uint32_t> places,
                    std::vector<std::byte>& into) {
  // Neighbours whose places are full lie side by side, and go in one copy.
  std::uint64_t from = 0;
  std::uint64_t place = 0;
  std::uint64_t pending = 0;
  for (std::size_t chunk = 0; chunk < lengths.size(); ++chunk) {
    pending += lengths[chunk];
    place += places[chunk];
    if (lengths[chunk] == places[chunk] && chunk + 1 < lengths.size()) {
      continue;
    }
    const ByteView piece = outputs.subspan(from, pending);
    into.insert(into.end(), piece.begin(), piece.end());
    from = place;
    pending = 0;
  }
}

Result<void> append_checked(const Reply& reply, ByteView block, const RunShape& shape, Outcome& into) {
  const std::uint32_t first = into.count();
  append_copy(into.codes, block, shape.layout.codes, shape.count);
  append_copy(into.lengths, block, shape.layout.output_lengths, shape.count);
  append_copy(into.micros, block, shape.layout.micros, shape.count);
  // What is checked below is our copy, whatever the other process does to its own meanwhile.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const std::span codes = std::span(into.codes).subspan(first);
  const std::span lengths = std::span(into.lengths).subspan(first);
  if (auto checked = check_chunks(codes, lengths, shape.places); !checked) {
    return checked;
  }
  into.failures = into.failures || std::ranges::any_of(codes, [](std::uint16_t code) { return code != 0; });
  if (reply.text_bytes > shape.detail_bytes) {
    return broken(fmt::format("{} bytes of details where {} fit", reply.text_bytes, shape.detail_bytes));
  }
  if (reply.text_bytes > 0) {
    const auto copied = block.subspan(shape.layout.details, reply.text_bytes);
    const std::vector<std::byte> details(copied.begin(), copied.end());
    if (auto read = read_details(details, first, shape.count, into); !read) {
      return read;
    }
  }
  append_outputs(block.subspan(shape.layout.outputs), lengths, shape.places, into.outputs);
  return {};
}

}  // namespace

void Outcome::add(ErrorCode code, std::uint32_t took_micros) {
  codes.push_back(static_cast<std::uint16_t>(code));
  lengths.push_back(0);
  micros.push_back(took_micros);
  failures = failures || code != ErrorCode::ok;
}

void Outcome::add_detail(std::uint32_t index, std::string detail) {
  if (details.size() < kMaxDetails) {
    details.push_back({.index = index, .detail = std::move(detail)});
  }
}

Result<void> read_outcome(const Reply& reply, ByteView block, const RunShape& shape, Outcome& into) {
  const std::size_t chunks = into.codes.size();
  const std::size_t details = into.details.size();
  const std::size_t outputs = into.outputs.size();
  const bool failures = into.failures;
  auto read = append_checked(reply, block, shape, into);
  if (!read) {
    into.codes.resize(chunks);
    into.lengths.resize(chunks);
    into.micros.resize(chunks);
    into.details.resize(details);
    into.outputs.resize(outputs);
    into.failures = failures;
  }
  return read;
}

std::string clean_text(ByteView bytes) {
  std::string text(as_text(bytes.first(std::min(bytes.size(), kMaxText))));
  // Every text of ours is ASCII but for names that users gave; those lose their other characters only in such a text.
  std::ranges::replace_if(text, [](char letter) { return (letter < ' ' && letter != '\n') || letter == 0x7f; }, '?');
  return text;
}

std::uint32_t write_detail(std::span<std::byte> details, std::uint32_t at, std::uint32_t index, std::string_view text) {
  const auto length = static_cast<std::uint32_t>(std::min(text.size(), kMaxDetail));
  if (at + kDetailHead + length > details.size()) {
    return at;
  }
  std::memcpy(details.data() + at, &index, sizeof(index));
  std::memcpy(details.data() + at + 4, &length, sizeof(length));
  std::memcpy(details.data() + at + kDetailHead, text.data(), length);
  return at + static_cast<std::uint32_t>(kDetailHead) + length;
}

}  // namespace sublet::ring
