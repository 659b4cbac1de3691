#include "broker/core/batch.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <iterator>
#include <numeric>

namespace sublet::broker {
namespace {

bool is_final(ChunkState state) { return state >= ChunkState::done; }

/// Whether two neighbouring runs may be one.
bool joinable(const RunRecord& left, const RunRecord& right) {
  return left.state == right.state && left.attempts == right.attempts && left.faults == right.faults && left.crashes == right.crashes &&
         left.ref == right.ref;
}

std::vector<std::uint32_t> begins_of(const std::vector<ChunkRange>& ranges) {
  std::vector<std::uint32_t> begins;
  if (ranges.size() < 2) return begins;
  begins.reserve(ranges.size());
  std::uint32_t position = 0;
  for (const auto& range : ranges) {
    begins.push_back(position);
    position += static_cast<std::uint32_t>(range.count);
  }
  return begins;
}

}  // namespace

Batch::Batch(BatchId id, SharedBatch record, Blob payload)
    : id_(id),
      record_(std::move(record)),
      payload_(std::move(payload)),
      bytes_(total(record_->lengths.values)),
      range_begins_(begins_of(record_->chunks)) {
  runs_.push_back({.begin = 0, .record = {.count = count()}});
  count_run(runs_.front().record, 0, true);
}

Batch::Batch(BatchId id, SharedBatch record, Blob payload, const RunsRecord& runs) : Batch(id, std::move(record), std::move(payload)) {
  count_run(runs_.front().record, 0, false);
  runs_.clear();
  std::uint32_t position = 0;
  for (const auto& run : runs.runs) {
    runs_.push_back({.begin = position, .record = run});
    count_run(run, position, true);
    position += run.count;
  }
}

RunsRecord Batch::runs_record() const {
  RunsRecord record;
  record.runs.reserve(runs_.size());
  for (const auto& run : runs_) record.runs.push_back(run.record);
  return record;
}

std::size_t Batch::index_of(std::uint32_t position) const {
  const auto after = std::ranges::upper_bound(runs_, position, {}, &Run::begin);
  return static_cast<std::size_t>(std::distance(runs_.begin(), after)) - 1;
}

const Run& Batch::run_at(std::uint32_t position) const { return runs_[index_of(position)]; }

const Run* Batch::first_ready(std::uint32_t from) {
  if (ready_ == 0) return nullptr;
  const auto start = std::max(from, ready_hint_);
  if (start >= count()) return nullptr;
  for (auto index = index_of(start); index < runs_.size(); ++index) {
    const auto& run = runs_[index];
    if (!is_plainly_ready(run.record)) continue;
    if (start == ready_hint_) ready_hint_ = run.begin;
    return &run;
  }
  return nullptr;
}

void Batch::count_run(const RunRecord& record, std::uint32_t begin, bool added) {
  const auto delta = added ? record.count : 0U - record.count;
  if (!is_final(record.state)) unfinished_ += delta;
  if (!is_plainly_ready(record)) return;
  ready_ += delta;
  if (added) ready_hint_ = std::min(ready_hint_, begin);
}

void Batch::assign(std::uint32_t begin, const RunRecord& value) {
  const auto index = index_of(begin);
  const Run old = runs_[index];
  const auto end = begin + value.count;
  assert(value.count > 0 && end <= old.end());
  auto replaced = old.record;
  replaced.count = value.count;
  count_run(replaced, begin, false);
  count_run(value, begin, true);

  const Run middle{.begin = begin, .record = value};
  auto left = old;
  left.record.count = begin - old.begin;
  auto right = old;
  right.begin = end;
  right.record.count = old.end() - end;
  runs_[index] = middle;
  auto middle_index = index;
  if (left.record.count > 0 && right.record.count > 0) {
    const auto parts = std::to_array({left, middle});
    runs_[index] = right;
    runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(index), parts.begin(), parts.end());
    middle_index = index + 1;
  } else if (left.record.count > 0) {
    runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(index), left);
    middle_index = index + 1;
  } else if (right.record.count > 0) {
    runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(index) + 1, right);
  }
  join_around(middle_index);
}

void Batch::join_around(std::size_t index) {
  if (index + 1 < runs_.size() && joinable(runs_[index].record, runs_[index + 1].record)) {
    runs_[index].record.count += runs_[index + 1].record.count;
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(index) + 1);
  }
  if (index > 0 && joinable(runs_[index - 1].record, runs_[index].record)) {
    runs_[index - 1].record.count += runs_[index].record.count;
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(index));
  }
}

std::size_t Batch::bytes_of(std::uint32_t begin, std::uint32_t count) const {
  const auto from = record_->lengths.values.begin() + begin;
  return std::accumulate(from, from + count, std::size_t{0});
}

std::size_t Batch::offset_of(std::uint32_t position) {
  if (position < offset_position_) {
    offset_position_ = 0;
    offset_ = 0;
  }
  offset_ += bytes_of(offset_position_, position - offset_position_);
  offset_position_ = position;
  return offset_;
}

void Batch::append_ids(std::uint32_t begin, std::uint32_t count, std::vector<ChunkRange>& ids) const {
  std::size_t range = 0;
  std::uint32_t range_begin = 0;
  if (!range_begins_.empty()) {
    const auto after = std::ranges::upper_bound(range_begins_, begin);
    range = static_cast<std::size_t>(std::distance(range_begins_.begin(), after)) - 1;
    range_begin = range_begins_[range];
  }
  while (count > 0) {
    const auto& source = record_->chunks[range];
    const std::uint64_t skipped = begin - range_begin;
    const auto taken = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, source.count - skipped));
    const ChunkRange part{.first = source.first + skipped, .count = taken};
    if (!ids.empty() && ids.back().first + ids.back().count == part.first && part.first != 0) {
      ids.back().count += part.count;
    } else {
      ids.push_back(part);
    }
    range_begin += static_cast<std::uint32_t>(source.count);
    begin += taken;
    count -= taken;
    ++range;
  }
}

}  // namespace sublet::broker
