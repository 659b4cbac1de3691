#include "producer/places.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "common/io/clock.hpp"
#include "common/reference.hpp"

namespace sublet::producer {
namespace {

/// Between looks whether the caller was interrupted.
constexpr Millis kLook = 50ms;

/// Places for outputs beyond those of the chunks: one that was claimed by a session which was given up on stays taken.
constexpr std::uint64_t spare_of(std::uint64_t chunks) { return chunks / 8 + 2; }

}  // namespace

Result<std::shared_ptr<Places>> Places::create(const Pipeline& pipeline, std::uint64_t max_chunk_bytes, Bytes memory, Random& random) {
  const auto empty = output_room(pipeline, 0);
  const auto largest = output_room(pipeline, max_chunk_bytes);
  if (!empty || !largest) return std::unexpected(empty ? largest.error() : empty.error());
  const auto output_bytes = std::max(*empty, *largest);
  const auto needed = [&](std::uint64_t chunks) { return chunks * (max_chunk_bytes + output_bytes) + spare_of(chunks) * output_bytes; };
  const auto chunks = memory.count / std::max<std::uint64_t>(max_chunk_bytes + output_bytes + output_bytes / 8, 1);
  const auto fitting = needed(chunks) <= memory.count ? chunks : chunks - std::min<std::uint64_t>(chunks, 2);
  if (fitting == 0) {
    return fail(ErrorCode::bad_argument,
                fmt::format("{} bytes of memory for chunks of {} bytes with outputs of {}; give at least {}, or send smaller chunks",
                            memory.count, max_chunk_bytes, output_bytes, needed(3)));
  }
  auto segment = io::Segment::create(
      {.payloads = fitting, .payload_bytes = max_chunk_bytes, .outputs = fitting + spare_of(fitting), .output_bytes = output_bytes},
      random);
  if (!segment) return std::unexpected(segment.error());
  return std::make_shared<Places>(std::move(*segment));
}

Places::Places(io::Segment segment) : segment_(std::move(segment)), free_(segment_.shape().payloads) {
  std::iota(free_.rbegin(), free_.rend(), std::uint64_t{0});
}

Result<std::uint64_t> Places::take(Millis patience, const std::function<bool()>& is_interrupted) {
  const auto deadline = io::now() + patience;
  std::unique_lock lock(mutex_);
  while (!freed_.wait_for(lock, kLook, [this] { return !free_.empty(); })) {
    lock.unlock();
    if (is_interrupted()) return fail(ErrorCode::interrupted, "interrupted while waiting for a place for a payload");
    if (io::now() >= deadline) {
      return fail(
          ErrorCode::resource_exhausted,
          fmt::format("all {} places for payloads are taken: read outputs and let go of them while chunks are submitted, or give the "
                      "job more memory",
                      segment_.shape().payloads));
    }
    lock.lock();
  }
  const auto place = free_.back();
  free_.pop_back();
  return place;
}

void Places::give_back(std::uint64_t place) {
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(place);
  }
  freed_.notify_one();
}

Blob Places::submitted(ChunkId chunk, std::uint64_t place, std::uint64_t length) {
  std::unique_lock lock(mutex_);
  const auto [known, fresh] = of_chunks_.emplace(chunk, place);
  const auto first = known->second;
  lock.unlock();
  // The same chunk once more: it is run once, from where it was first.
  if (!fresh) give_back(place);
  return Blob::copy_of(encode(Reference{.segment = segment_.name(), .place = first, .length = length}));
}

Result<Blob> Places::output(ChunkId chunk, Result<Blob> travelled) {
  if (!travelled) {
    if (const auto place = forget(chunk)) give_back(*place);
    return travelled;
  }
  const auto place = forget(chunk);
  if (!place) {
    return fail(ErrorCode::payload_lost, "its output was handed out before, and its place may be another's by now; read each output once");
  }
  auto found = find_output(travelled->view(), *place);
  if (!found) give_back(*place);
  return found;
}

std::optional<std::uint64_t> Places::forget(ChunkId chunk) {
  const std::lock_guard lock(mutex_);
  const auto known = of_chunks_.extract(chunk);
  return known.empty() ? std::nullopt : std::optional(known.mapped());
}

Result<Blob> Places::find_output(ByteView travelled, std::uint64_t place) {
  const auto reference = decode_reference(travelled);
  if (!reference) return std::unexpected(reference.error());
  if (reference->segment != segment_.name()) {
    return fail(ErrorCode::payload_lost, "the output lies in the memory of another process, which has ended; submit the chunk again");
  }
  if (reference->place >= segment_.shape().outputs || reference->length > segment_.shape().output_bytes) {
    return fail(ErrorCode::protocol_error, "the worker refers to an output that cannot be; check that it is of this version");
  }
  const auto* const bytes = segment_.output(reference->place).data();
  const auto let_go = [places = shared_from_this(), output = reference->place, place](const std::byte*) {
    places->segment_.release_output(output);
    places->give_back(place);
  };
  return Blob(std::shared_ptr<const std::byte>(bytes, let_go), ByteView(bytes, reference->length));
}

}  // namespace sublet::producer
