#include "producer/core/submit_queue.hpp"

#include <algorithm>
#include <utility>

namespace sublet::producer {

void SubmitQueue::append(ChunkId chunk, const Blob& payload) {
  if (payload.size() < kLonePayloadBytes) {
    append(chunk, payload.view());
    return;
  }
  seal();
  sealed_.push_back(lone_batch(chunk, payload, next_sequence_++));
  sealed_load_ += sealed_.back().load();
}

void SubmitQueue::append(ChunkId chunk, ByteView payload) {
  begin({.chunks = 1, .bytes = payload.size()});
  open_.append(chunk, payload, next_sequence_++);
  if (open_.load().chunks >= full_.chunks || open_.load().bytes >= full_.bytes) seal();
}

void SubmitQueue::begin(Load batch) {
  if (!open_.empty() && !(open_.load() + batch).fits(full_)) seal();
}

void SubmitQueue::seal() {
  if (open_.empty()) return;
  const Load before = open_.load();
  sealed_.push_back(open_.seal());
  const Load after = sealed_.back().load();
  left_out_ += before;
  left_out_ -= after;
  sealed_load_ += after;
}

bool SubmitQueue::may_send() const {
  if (!sealed_.empty()) return in_flight_.size() < kMaxInFlight;
  return !open_.empty() && in_flight_.empty();
}

const Batch* SubmitQueue::send_next(std::uint64_t request, Room room, Instant now) {
  if (!may_send() || (retry_at_ && *retry_at_ > now)) return nullptr;
  retry_at_.reset();
  if (sealed_.empty()) seal();
  Batch& next = sealed_.front();
  if (!next.load().fits(room.free)) {
    // With something in flight its answer brings room for the whole batch; alone, the batch is cut to what there is.
    if (!room.idle || room.free.chunks == 0 || room.free.bytes == 0) return nullptr;
    auto [head, tail] = cut(std::move(next), room.free);
    next = std::move(head);
    if (tail.load().chunks > 0) sealed_.insert(sealed_.begin() + 1, std::move(tail));
  }
  auto [flight, added] = in_flight_.emplace(request, std::move(sealed_.front()));
  sealed_.pop_front();
  sealed_load_ -= flight->second.load();
  in_flight_load_ += flight->second.load();
  return &flight->second;
}

std::optional<Batch> SubmitQueue::end_flight(std::uint64_t request) {
  auto node = in_flight_.extract(request);
  if (!node) return std::nullopt;
  in_flight_load_ -= node.mapped().load();
  return std::move(node.mapped());
}

std::optional<Load> SubmitQueue::accepted(std::uint64_t request) {
  const auto batch = end_flight(request);
  if (!batch) return std::nullopt;
  return batch->load();
}

std::optional<Load> SubmitQueue::repeat_later(std::uint64_t request, Instant at) {
  auto batch = end_flight(request);
  if (!batch) return std::nullopt;
  const Load load = batch->load();
  sealed_load_ += load;
  const auto place = std::ranges::find_if(sealed_, [&](const Batch& other) { return other.first_sequence > batch->first_sequence; });
  sealed_.insert(place, std::move(*batch));
  retry_at_ = at;
  return load;
}

void SubmitQueue::repeat_all() {
  for (auto flight = in_flight_.rbegin(); flight != in_flight_.rend(); ++flight) {
    sealed_load_ += flight->second.load();
    sealed_.push_front(std::move(flight->second));
  }
  in_flight_.clear();
  in_flight_load_ = {};
  retry_at_.reset();
}

Load SubmitQueue::drop_all() {
  const Load load = unaccepted();
  open_ = {};
  sealed_.clear();
  in_flight_.clear();
  sealed_load_ = in_flight_load_ = {};
  retry_at_.reset();
  return load;
}

std::uint64_t SubmitQueue::accepted_through() const {
  std::uint64_t first = open_.empty() ? next_sequence_ : open_.first_sequence();
  for (const Batch& batch : sealed_) first = std::min(first, batch.first_sequence);
  for (const auto& [request, batch] : in_flight_) first = std::min(first, batch.first_sequence);
  return first;
}

Load SubmitQueue::unaccepted() const { return open_.load() + sealed_load_ + in_flight_load_; }

Load SubmitQueue::take_left_out() { return std::exchange(left_out_, {}); }

}  // namespace sublet::producer
