#include "broker/core/dead_batch.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace sublet::broker {
namespace {

/// What a chunk costs besides its payload and text.
constexpr std::uint64_t kChunkCost = 64;

Blob joined(std::span<const Blob> pieces) {
  std::vector<std::byte> bytes;
  for (const auto& piece : pieces) bytes.insert(bytes.end(), piece.view().begin(), piece.view().end());
  return Blob::copy_of(bytes);
}

void append_id(std::vector<ChunkRange>& ranges, std::uint64_t id) {
  if (!ranges.empty() && ranges.back().first + ranges.back().count == id) {
    ++ranges.back().count;
  } else {
    ranges.push_back({.first = id, .count = 1});
  }
}

void append_detail(DeadRecord& record, std::size_t index, std::string_view detail) {
  if (!record.details.empty() && record.details.back().detail == detail) return;
  record.details.push_back({.index = static_cast<std::uint32_t>(index), .detail = std::string(detail)});
}

}  // namespace

std::uint64_t DeadBatch::cost() const {
  std::uint64_t bytes = payload.size() + kChunkCost * chunks();
  for (const auto& detail : record->details) bytes += detail.detail.size();
  return bytes;
}

std::vector<DeadEntry> entries_of(const DeadRecord& record) {
  std::vector<DeadEntry> entries(record.lengths.values.size());
  std::size_t index = 0;
  std::size_t offset = 0;
  auto detail = record.details.begin();
  std::string_view said;
  for (const auto& range : record.chunks) {
    for (std::uint64_t step = 0; step < range.count && index < entries.size(); ++step, ++index) {
      for (; detail != record.details.end() && detail->index <= index; ++detail) said = detail->detail;
      entries[index] = {.index = index,
                        .id = range.first + step,
                        .code = static_cast<ErrorCode>(record.codes.values[index]),
                        .attempts = record.attempts.values[index],
                        .crashes = record.crashes.values[index],
                        .bytes = record.lengths.values[index],
                        .offset = offset,
                        .replayed = record.replayed.empty() ? JobId{} : record.replayed[index],
                        .detail = said};
      offset += entries[index].bytes;
    }
  }
  return entries;
}

bool selects(const wire::DeadSelection& selection, const DeadEntry& entry) {
  const auto& codes = selection.codes.values;
  if (!codes.empty() && std::ranges::find(codes, static_cast<std::uint16_t>(entry.code)) == codes.end()) return false;
  const auto holds = [&](const ChunkRange& range) { return entry.id >= range.first && entry.id - range.first < range.count; };
  return selection.chunks.empty() || std::ranges::any_of(selection.chunks, holds);
}

DeadBatch only(const DeadBatch& batch, std::span<const DeadEntry> entries) {
  DeadRecord record{.chunks = {}, .details = {}, .replayed = {}, .kept = batch.record->kept};
  std::vector<Blob> pieces;
  for (const auto& entry : entries) {
    append_id(record.chunks, entry.id);
    append_detail(record, record.lengths.values.size(), entry.detail);
    record.lengths.values.push_back(entry.bytes);
    record.codes.values.push_back(static_cast<std::uint16_t>(entry.code));
    record.attempts.values.push_back(entry.attempts);
    record.crashes.values.push_back(entry.crashes);
    if (!batch.record->replayed.empty()) record.replayed.push_back(entry.replayed);
    if (record.kept) pieces.push_back(batch.payload.slice(entry.offset, entry.bytes));
  }
  return {.record = std::make_shared<const DeadRecord>(std::move(record)), .payload = joined(pieces)};
}

DeadBatch without_payload(const DeadBatch& batch) {
  auto record = *batch.record;
  record.kept = false;
  return {.record = std::make_shared<const DeadRecord>(std::move(record)), .payload = {}};
}

void DeadDraft::add(Batch& batch, const GrantPart& part, const RunRecord& run, ErrorCode code, const std::string& detail) {
  append_detail(record_, record_.lengths.values.size(), detail);
  batch.append_ids(part.begin, part.count, record_.chunks);
  const auto lengths = std::span(batch.record()->lengths.values).subspan(part.begin, part.count);
  record_.lengths.values.insert(record_.lengths.values.end(), lengths.begin(), lengths.end());
  const auto chunks = record_.lengths.values.size();
  record_.codes.values.resize(chunks, static_cast<std::uint16_t>(code));
  record_.attempts.values.resize(chunks, run.attempts);
  record_.crashes.values.resize(chunks, run.crashes);
  pieces_.push_back(batch.payload().slice(batch.offset_of(part.begin), batch.bytes_of(part.begin, part.count)));
}

DeadBatch DeadDraft::take() {
  return {.record = std::make_shared<const DeadRecord>(std::exchange(record_, {})), .payload = joined(std::exchange(pieces_, {}))};
}

}  // namespace sublet::broker
