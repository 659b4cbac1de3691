#include "broker/core/output_log.hpp"

#include <algorithm>

namespace sublet::broker {
namespace {

std::uint64_t chunks_of(const wire::Output& output) {
  std::uint64_t count = 0;
  for (const auto& range : output.chunks) count += range.count;
  return count;
}

}  // namespace

std::uint64_t texts_of(const wire::Output& output) {
  std::uint64_t bytes = 0;
  for (const auto& detail : output.details) bytes += detail.detail.size();
  return bytes;
}

void OutputLog::append(SharedOutput output, Blob payload) {
  last_ = output->cursor;
  chunks_total_ += chunks_of(*output);
  bytes_total_ += payload.size();
  texts_total_ += texts_of(*output);
  entries_.push_back({.output = std::move(output),
                      .payload = std::move(payload),
                      .chunks_through = chunks_total_,
                      .bytes_through = bytes_total_,
                      .texts_through = texts_total_});
}

void OutputLog::drop_front() {
  const auto& front = entries_.front();
  taken_ = front.output->cursor;
  chunks_taken_ = front.chunks_through;
  bytes_taken_ = front.bytes_through;
  texts_taken_ = front.texts_through;
  sent_ = std::max(sent_, taken_);
  entries_.pop_front();
}

void OutputLog::read(const Reader& reader, Cursor after) {
  if (reader.chunks == 0 || reader.bytes == 0) return forget_reader(reader.peer);
  std::erase_if(readers_, [&](const Reader& earlier) { return earlier.peer == reader.peer; });
  readers_.push_back(reader);
  sent_ = std::clamp(after, taken_, last_);
}

void OutputLog::forget_reader(PeerId peer) {
  const auto left = std::ranges::find(readers_, peer, &Reader::peer);
  if (left == readers_.end()) return;
  const bool newest = std::next(left) == readers_.end();
  readers_.erase(left);
  // How much the one before had received is not known: it drops what comes again.
  if (newest) sent_ = taken_;
}

const OutputLog::Entry* OutputLog::send_next() {
  if (readers_.empty() || sent_ == last_) return nullptr;
  const auto& reader = readers_.back();
  const auto& entry = at({.value = sent_.value + 1});
  const bool fits = entry.chunks_through - chunks_taken_ <= reader.chunks && entry.bytes_through - bytes_taken_ <= reader.bytes;
  // An entry larger than the whole window would never fit: it goes when nothing else is on its way.
  if (!fits && sent_ != taken_) return nullptr;
  ++sent_.value;
  return &entry;
}

void OutputLog::restore(Cursor taken, Cursor last_before_entries) {
  taken_ = taken;
  sent_ = taken;
  last_ = last_before_entries;
}

}  // namespace sublet::broker
