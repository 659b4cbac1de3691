#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "broker/core/core.hpp"

namespace sublet::broker {
namespace {

std::uint64_t total(const std::vector<ChunkRange>& ranges) {
  std::uint64_t count = 0;
  for (const auto& range : ranges) count += range.count;
  return count;
}

/// The ranges are sound and no id stands in two of them.
Result<void> check_ranges(const std::vector<ChunkRange>& ranges) {
  for (const auto& range : ranges) {
    if (range.count == 0 || range.count - 1 > std::numeric_limits<std::uint64_t>::max() - range.first) {
      return fail(ErrorCode::bad_argument,
                  fmt::format("the chunk range from {} with {} chunks; a range has at least one chunk and ends by 2^64 - 1", range.first,
                              range.count));
    }
  }
  const auto overlaps = [](const ChunkRange& left, const ChunkRange& right) { return right.first <= last_of(left); };
  if (std::ranges::adjacent_find(ranges, overlaps) == ranges.end()) return {};
  auto sorted = ranges;
  std::ranges::sort(sorted, {}, &ChunkRange::first);
  const auto twice = std::ranges::adjacent_find(sorted, overlaps);
  if (twice == sorted.end()) return {};
  return fail(ErrorCode::duplicate, fmt::format("chunk {} stands twice in one batch; give each chunk its own id", std::next(twice)->first));
}

/// The id of the chunk at `position`.
std::uint64_t id_at(const std::vector<ChunkRange>& ranges, std::uint64_t position) {
  for (const auto& range : ranges) {
    if (position < range.count) return range.first + position;
    position -= range.count;
  }
  return 0;
}

/// Chunks of a SUBMIT that the job does not have yet and that stand together: by position, with their ids.
struct Piece {
  std::uint32_t begin = 0;
  std::uint32_t count = 0;
  std::vector<ChunkRange> ids;
};

std::vector<Piece> fresh_pieces(const IntervalSet& present, const std::vector<ChunkRange>& ranges) {
  std::vector<Piece> pieces;
  std::uint32_t position = 0;
  for (const auto& range : ranges) {
    for (const auto& part : present.missing(range)) {
      const auto begin = position + static_cast<std::uint32_t>(part.first - range.first);
      if (pieces.empty() || pieces.back().begin + pieces.back().count != begin) pieces.push_back({.begin = begin, .ids = {}});
      pieces.back().count += static_cast<std::uint32_t>(part.count);
      pieces.back().ids.push_back(part);
    }
    position += static_cast<std::uint32_t>(range.count);
  }
  return pieces;
}

/// Cuts a piece that is too large for one stored batch.
std::vector<Piece> cut(Piece piece) {
  if (piece.count <= kMaxStoredChunks) return {std::move(piece)};
  std::vector<Piece> parts;
  parts.push_back({.begin = piece.begin, .ids = {}});
  for (auto range : piece.ids) {
    while (range.count > 0) {
      if (parts.back().count == kMaxStoredChunks) parts.push_back({.begin = parts.back().begin + kMaxStoredChunks, .ids = {}});
      auto& part = parts.back();
      const auto taken = std::min<std::uint64_t>(range.count, kMaxStoredChunks - part.count);
      part.ids.push_back({.first = range.first, .count = taken});
      part.count += static_cast<std::uint32_t>(taken);
      range.first += taken;
      range.count -= taken;
    }
  }
  return parts;
}

}  // namespace

Result<void> Core::check_submit(const Job& job, const wire::Submit& message, const Blob& payload) const {
  const auto& lengths = message.lengths.values;
  if (auto ranges = check_ranges(message.chunks); !ranges) return ranges;
  // No range is larger than the whole, so the sum cannot overflow.
  const bool sound = std::ranges::all_of(message.chunks, [&](const ChunkRange& range) { return range.count <= lengths.size(); });
  const auto chunks = sound ? total(message.chunks) : 0;
  if (chunks != lengths.size() || chunks == 0) {
    return fail(
        ErrorCode::bad_argument,
        fmt::format("a batch of {} chunks with {} lengths; give one length per chunk, and at least one chunk", chunks, lengths.size()));
  }
  if (chunks > options_.max_batch_chunks || payload.size() > options_.max_batch_bytes) {
    return fail(ErrorCode::message_too_large, fmt::format("a batch of {} chunks and {} bytes; a batch has at most {} chunks and {} bytes",
                                                          chunks, payload.size(), options_.max_batch_chunks, options_.max_batch_bytes));
  }
  if (total(lengths) != payload.size()) {
    return fail(ErrorCode::bad_size,
                fmt::format("lengths sum up to {} bytes and the payload has {}; they must be equal", total(lengths), payload.size()));
  }
  const auto largest = std::ranges::max_element(lengths);
  if (*largest > job.spec.max_chunk_bytes) {
    const auto position = static_cast<std::uint64_t>(std::distance(lengths.begin(), largest));
    return fail(ErrorCode::chunk_too_large,
                fmt::format("chunk {} has {} bytes and job {} takes at most {}; open the job with a larger max_chunk_bytes",
                            id_at(message.chunks, position), *largest, to_hex(job.id), job.spec.max_chunk_bytes));
  }
  return {};
}

Result<void> Core::check_budget(const Queue& queue, const Admission& asked) const {
  if (store_full_) {
    return std::unexpected(
        Error{.code = ErrorCode::resource_exhausted,
              .detail = fmt::format("the memory of store {} is full; repeat the batch when some jobs are done", store_.name),
              .retry_after_ms = static_cast<std::uint32_t>(options_.store_retry_after.count())});
  }
  // A batch larger than the whole budget goes when nothing else is stored, else it would be refused for ever.
  if (queue.stored_chunks == 0) return {};
  // What is held may wait for the very job that is asked for, and would keep it out for ever.
  if (!asked.held && queue.stored_chunks == queue.held) return {};
  if (queue.stored_bytes + asked.bytes <= options_.input_budget_bytes.count &&
      queue.stored_chunks + asked.chunks <= options_.input_budget_chunks) {
    return {};
  }
  return std::unexpected(Error{
      .code = ErrorCode::resource_exhausted,
      .detail =
          fmt::format("queue \"{}\" holds {} bytes in {} chunks of at most {} bytes in {} chunks; repeat the batch "
                      "when some are done",
                      queue.name, queue.stored_bytes, queue.stored_chunks, options_.input_budget_bytes.count, options_.input_budget_chunks),
      .retry_after_ms = static_cast<std::uint32_t>(options_.retry_after.count())});
}

Core::Handled Core::on(Request request, wire::Submit& message) {
  const auto found = find_job(message.job);
  if (!found) return std::unexpected(found.error());
  auto& job = **found;
  touch(job);
  if (auto valid = check_submit(job, message, request.payload); !valid) return valid;

  const auto& lengths = message.lengths.values;
  const bool all_fresh = std::ranges::all_of(message.chunks, [&](const ChunkRange& range) { return job.ids.disjoint(range); });
  auto pieces = all_fresh ? std::vector{Piece{.count = static_cast<std::uint32_t>(lengths.size()), .ids = message.chunks}}
                          : fresh_pieces(job.ids, message.chunks);
  std::uint64_t fresh = 0;
  std::uint64_t bytes = 0;
  for (const auto& piece : pieces) {
    fresh += piece.count;
    bytes += total(std::span(lengths).subspan(piece.begin, piece.count));
  }
  // A repeat of what was accepted succeeds whatever has become of the job since.
  if (fresh > 0) {
    if (job.progress.state == JobState::cancelled) {
      return fail(ErrorCode::cancelled, fmt::format("job {} was cancelled and takes no more chunks", to_hex(job.id)));
    }
    if (job.progress.state != JobState::open) {
      return fail(ErrorCode::job_closed, fmt::format("job {} is closed and takes no more chunks; open another one", to_hex(job.id)));
    }
    if (auto budget = check_budget(*job.queue, {.chunks = fresh, .bytes = bytes, .held = job.held}); !budget) return budget;
  }
  std::size_t offset = 0;
  std::uint32_t position = 0;
  for (auto& piece : pieces) {
    for (auto& part : cut(std::move(piece))) {
      offset += total(std::span(lengths).subspan(position, part.begin - position));
      const auto own = std::span(lengths).subspan(part.begin, part.count);
      const auto size = total(own);
      for (const auto& range : part.ids) accept_ids(job, range);
      store_batch(job, {.chunks = std::move(part.ids), .lengths = {.values = {own.begin(), own.end()}}},
                  request.payload.slice(offset, size));
      offset += size;
      position = part.begin + part.count;
    }
  }
  counts_.submit_chunks.observe(lengths.size());
  reply(request, wire::Accepted{.job = job.id, .fresh = fresh});
  return {};
}

void Core::accept_ids(Job& job, ChunkRange range) {
  const auto change = job.ids.insert(range);
  for (const auto first : change.absorbed) erase({.kind = RecordKind::accepted, .owner = job.id.value, .item = first});
  write({.kind = RecordKind::accepted, .owner = job.id.value, .item = change.first}, AcceptedRecord{.last = change.last});
}

void Core::store_batch(Job& job, BatchRecord record, Blob payload) {
  const auto chunks = record.lengths.values.size();
  const auto bytes = payload.size();
  const BatchId id{.value = ++job.progress.last_batch.value};
  const auto at =
      job.batches.emplace_hint(job.batches.end(), std::piecewise_construct, std::forward_as_tuple(id),
                               std::forward_as_tuple(id, std::make_shared<const BatchRecord>(std::move(record)), std::move(payload)));
  auto& batch = at->second;
  batch.accepted_at = now_;
  batch.stands_at = std::exchange(job.next_position, job.next_position + bytes);
  resident_bytes_ += bytes;
  if (store_.pages) fresh_batches_.emplace_back(job.id, id);
  job.ready_batches.emplace_hint(job.ready_batches.end(), id);
  job.ready += chunks;
  job.progress.accepted += chunks;
  job.progress.bytes_in += bytes;
  auto& queue = *job.queue;
  queue.counts[static_cast<std::size_t>(ChunkState::ready)] += chunks;
  queue.stored_bytes += bytes;
  queue.stored_chunks += chunks;
  queue.seen.bytes_in += bytes;
  count_ready(job, static_cast<std::int64_t>(chunks));
  place_in_index(job);
  job.bucket->size->pool->touch();
  mark(job, batch);
}

}  // namespace sublet::broker
