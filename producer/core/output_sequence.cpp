#include "producer/core/output_sequence.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

namespace sublet::producer {

Result<void> check_output(const wire::Output& output, const Blob& payload) {
  std::uint64_t chunks = 0;
  for (const ChunkRange& range : output.chunks) {
    if (range.count == 0 || range.count > output.lengths.values.size()) chunks = output.lengths.values.size() + 1;
    if (chunks <= output.lengths.values.size()) chunks += range.count;
  }
  const auto& lengths = output.lengths.values;
  const std::uint64_t bytes = std::accumulate(lengths.begin(), lengths.end(), std::uint64_t{0});
  const auto agrees = [&](std::size_t count) { return count == 0 || count == lengths.size(); };
  if (chunks == lengths.size() && bytes == payload.size() && agrees(output.codes.values.size()) && agrees(output.micros.values.size())) {
    return {};
  }
  return fail(ErrorCode::protocol_error,
              fmt::format("output {} of job {} has lists of different lengths; the broker and this library do not fit each other",
                          output.cursor.value, to_hex(output.job)));
}

void OutputSequence::add(OutputEntry received) {
  received.left = received.load().chunks;
  held_ += received.load();
  auto entry = std::make_shared<OutputEntry>(std::move(received));
  entries_.push_back(entry);
  const auto& lengths = entry->message.lengths.values;
  const auto& details = entry->message.details;
  Run next{.entry = entry, .ids = {}};
  for (const ChunkRange& ids : entry->message.chunks) {
    next.ids = ids;
    const std::size_t end = next.index + ids.count;
    while (next.detail < details.size() && details[next.detail].index < next.index) ++next.detail;
    const std::size_t index = next.index;
    if (order_ == Order::arrival) {
      runs_.push_back(next);
    } else {
      waiting_.insert_or_assign(ids.first, next);
    }
    next.offset = std::accumulate(lengths.begin() + static_cast<std::ptrdiff_t>(index), lengths.begin() + static_cast<std::ptrdiff_t>(end),
                                  next.offset);
    next.index = end;
  }
}

// Moves runs whose turn has come. An id below the next one (another `first`, or taken by an earlier reader) waits for nothing either.
void OutputSequence::release() {
  while (!waiting_.empty()) {
    const auto first = waiting_.begin();
    if (!ended_ && first->first > next_id_) return;
    next_id_ = std::max(next_id_, first->second.ids.first + first->second.ids.count);
    runs_.push_back(std::move(first->second));
    waiting_.erase(first);
  }
}

void OutputSequence::fill(std::vector<ChunkOutput>& outputs, std::size_t most) {
  release();
  while (!runs_.empty() && most > 0) {
    Run& run = runs_.front();
    for (; run.ids.count > 0 && most > 0; --most) outputs.push_back(take(run));
    if (run.ids.count == 0) runs_.pop_front();
  }
}

ChunkOutput OutputSequence::take(Run& run) {
  OutputEntry& entry = *run.entry;
  const wire::Output& message = entry.message;
  const std::size_t length = message.lengths.values[run.index];
  ChunkOutput output{.id = {run.ids.first}, .output = entry.payload.slice(run.offset, length)};
  if (!message.micros.values.empty()) output.took = Micros(message.micros.values[run.index]);
  const auto code = static_cast<ErrorCode>(message.codes.values.empty() ? 0 : message.codes.values[run.index]);
  if (code != ErrorCode::ok) {
    while (run.detail < message.details.size() && message.details[run.detail].index < run.index) ++run.detail;
    const bool told = run.detail < message.details.size() && message.details[run.detail].index == run.index;
    output.output = fail(code, told ? message.details[run.detail].detail : std::string(error_info(code).meaning));
  }
  ++run.ids.first;
  --run.ids.count;
  ++run.index;
  run.offset += length;
  --entry.left;
  held_ -= Load{.chunks = 1, .bytes = length};
  return output;
}

Cursor OutputSequence::handed_out() {
  while (!entries_.empty() && entries_.front()->left == 0) {
    handed_out_ = entries_.front()->message.cursor;
    entries_.pop_front();
  }
  return handed_out_;
}

}  // namespace sublet::producer
