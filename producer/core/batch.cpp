#include "producer/core/batch.hpp"

#include <algorithm>
#include <memory>
#include <numeric>

namespace sublet::producer {

namespace {

void add_id(std::vector<ChunkRange>& ranges, std::uint64_t id) {
  // A range never passes 2^64 - 1, and ids ascend, so `first + count` cannot wrap onto a smaller id.
  if (!ranges.empty() && ranges.back().first + ranges.back().count == id && id != 0) {
    ++ranges.back().count;
    return;
  }
  ranges.push_back({.first = id, .count = 1});
}

}  // namespace

Batch lone_batch(ChunkId chunk, Blob payload, std::uint64_t sequence) {
  Batch batch;
  batch.chunks = {{.first = chunk.value, .count = 1}};
  batch.lengths.values = {static_cast<std::uint32_t>(payload.size())};
  batch.payload = std::move(payload);
  batch.first_sequence = sequence;
  return batch;
}

std::pair<Batch, Batch> cut(Batch batch, Load limit) {
  if (batch.load().fits(limit)) return {std::move(batch), Batch{}};
  const auto& lengths = batch.lengths.values;
  Load front;
  while (front.chunks < lengths.size()) {
    const Load longer = front + Load{.chunks = 1, .bytes = lengths[front.chunks]};
    if (front.chunks > 0 && !longer.fits(limit)) break;
    front = longer;
  }
  if (front.chunks == lengths.size()) return {std::move(batch), Batch{}};

  Batch head;
  Batch tail;
  head.first_sequence = tail.first_sequence = batch.first_sequence;
  std::uint64_t left = front.chunks;
  for (const ChunkRange& range : batch.chunks) {
    const std::uint64_t taken = std::min(left, range.count);
    if (taken > 0) head.chunks.push_back({.first = range.first, .count = taken});
    if (taken < range.count) tail.chunks.push_back({.first = range.first + taken, .count = range.count - taken});
    left -= taken;
  }
  const auto middle = lengths.begin() + static_cast<std::ptrdiff_t>(front.chunks);
  head.lengths.values.assign(lengths.begin(), middle);
  tail.lengths.values.assign(middle, lengths.end());
  head.payload = batch.payload.slice(0, front.bytes);
  tail.payload = batch.payload.slice(front.bytes, batch.payload.size() - front.bytes);
  return {std::move(head), std::move(tail)};
}

void BatchBuilder::append(ChunkId chunk, ByteView payload, std::uint64_t sequence) {
  if (ids_.empty()) first_sequence_ = sequence;
  if (!ids_.empty() && chunk.value <= ids_.back()) ascending_ = false;
  ids_.push_back(chunk.value);
  lengths_.push_back(static_cast<std::uint32_t>(payload.size()));
  payload_.insert(payload_.end(), payload.begin(), payload.end());
}

Batch BatchBuilder::seal() {
  if (!ascending_) sort();
  Batch batch;
  batch.first_sequence = first_sequence_;
  for (const std::uint64_t id : ids_) add_id(batch.chunks, id);
  // The next batch is likely to be as large, so its memory is taken at once and not grown into.
  const std::size_t chunks = ids_.size();
  const std::size_t bytes = payload_.size();
  batch.lengths.values = std::exchange(lengths_, {});
  auto memory = std::make_shared<const std::vector<std::byte>>(std::exchange(payload_, {}));
  const ByteView view(*memory);
  batch.payload = Blob(std::move(memory), view);
  ids_.clear();
  ascending_ = true;
  lengths_.reserve(chunks);
  payload_.reserve(bytes);
  return batch;
}

void BatchBuilder::sort() {
  std::vector<std::uint64_t> offsets(ids_.size());
  std::exclusive_scan(lengths_.begin(), lengths_.end(), offsets.begin(), std::uint64_t{0});
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
  order.reserve(ids_.size());
  for (std::uint32_t index = 0; index < ids_.size(); ++index) order.emplace_back(ids_[index], index);
  // Pairs order by id, then by arrival, so of equal ids the first to come stands first and `unique` keeps it.
  std::ranges::sort(order);
  const auto repeats = std::ranges::unique(order, {}, &std::pair<std::uint64_t, std::uint32_t>::first);
  order.erase(repeats.begin(), repeats.end());

  std::vector<std::uint32_t> lengths;
  std::vector<std::byte> payload;
  lengths.reserve(order.size());
  payload.reserve(payload_.size());
  ids_.clear();
  for (const auto& [id, index] : order) {
    const auto begin = payload_.begin() + static_cast<std::ptrdiff_t>(offsets[index]);
    ids_.push_back(id);
    lengths.push_back(lengths_[index]);
    payload.insert(payload.end(), begin, begin + static_cast<std::ptrdiff_t>(lengths_[index]));
  }
  lengths_ = std::move(lengths);
  payload_ = std::move(payload);
}

}  // namespace sublet::producer
