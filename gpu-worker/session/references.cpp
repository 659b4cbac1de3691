#include "gpu-worker/session/references.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sublet::session {
namespace {

/// Of as many jobs as a lease serves in turns without mapping their memory anew.
constexpr std::size_t kMostSegments = 4;

}  // namespace

Result<ChunkBytes> References::resolve(ByteView reference, Session& session, Referred& referred) {
  const auto decoded = decode_reference(reference);
  if (!decoded) {
    return std::unexpected(decoded.error());
  }
  auto found = segment(decoded->segment, session);
  if (!found) {
    return std::unexpected(found.error());
  }
  io::Segment& memory = **found;
  if (decoded->place >= memory.shape().payloads || decoded->length > memory.shape().payload_bytes) {
    return fail(ErrorCode::out_of_range,
                fmt::format("a reference to {} bytes in place {} of a segment with {} places of {} bytes", decoded->length, decoded->place,
                            memory.shape().payloads, memory.shape().payload_bytes));
  }
  const auto output = memory.claim_output();
  if (!output) {
    return fail(ErrorCode::transient, "every place for an output is taken: let go of outputs that were read, or give the job more memory");
  }
  referred = {.segment = std::move(*found), .output_place = *output};
  return ChunkBytes{.input = memory.payload(decoded->place).first(decoded->length), .output = memory.output(*output)};
}

std::uint32_t References::answer(const Referred& referred, std::uint32_t output_bytes, std::span<std::byte> into) {
  const auto encoded = encode(Reference{.segment = referred.segment->name(), .place = referred.output_place, .length = output_bytes});
  std::ranges::copy(encoded, into.begin());
  return Reference::kBytes;
}

void References::give_up(Referred& referred) {
  if (referred.segment) {
    referred.segment->release_output(referred.output_place);
  }
  referred = {};
}

Result<std::shared_ptr<io::Segment>> References::segment(Token name, Session& session) {
  const auto known = std::ranges::find(segments_, name, [](const auto& segment) { return segment->name(); });
  if (known != segments_.end()) {
    std::rotate(known, known + 1, segments_.end());
    return segments_.back();
  }
  auto opened = io::Segment::open(name);
  if (!opened) {
    return std::unexpected(opened.error());
  }
  const auto unused = std::ranges::find_if(segments_, [](const auto& segment) { return segment.use_count() == 1; });
  if (segments_.size() >= kMostSegments && unused != segments_.end()) {
    session.unpin_host((*unused)->memory());
    segments_.erase(unused);
  }
  segments_.push_back(std::make_shared<io::Segment>(std::move(*opened)));
  session.pin_host(segments_.back()->memory());
  return segments_.back();
}

}  // namespace sublet::session
