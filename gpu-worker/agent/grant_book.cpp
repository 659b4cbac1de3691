#include "gpu-worker/agent/grant_book.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "common/reference.hpp"
#include "common/wire/codec.hpp"

namespace sublet::agent {
namespace {

/// Chunks of one command: enough that what a command costs does not show, few enough that their outcomes come in steps.
constexpr std::uint32_t kMostChunks = 4096;
/// A block holds this much for each chunk besides its bytes.
constexpr std::uint64_t kPerChunk = 4 + 4 + 2 + 4 + 4;
/// What a block takes besides chunks: details and alignment.
constexpr std::uint64_t kPerBlock = 16'384 + 8 * ring::kAlignment;
/// No larger chunk fits a message, nor do outputs of a grant that are more together.
constexpr std::uint64_t kLargestPayload = wire::Limits{}.max_payload_bytes;

}  // namespace

GrantBook::GrantBook(ring::AgentEnd& end, std::shared_ptr<const LoadedBundle> bundle, const wire::Lease& lease)
    : end_(&end),
      bundle_(std::move(bundle)),
      max_chunk_bytes_(most_payload(lease)),
      by_reference_(lease.by_reference),
      blocks_(Bytes{end.arena().size()}) {}

std::uint64_t GrantBook::most_payload(const wire::Lease& lease) { return lease.by_reference ? Reference::kBytes : lease.max_chunk_bytes; }

Result<Bytes> GrantBook::arena_needed(const LoadedBundle& bundle, const wire::Lease& lease, std::uint32_t lanes) {
  const std::uint64_t max_chunk_bytes = most_payload(lease);
  const auto empty = bundle.sizes.output_room(0);
  const auto largest = bundle.sizes.output_room(max_chunk_bytes);
  if (!empty || !largest) {
    return std::unexpected(empty ? largest.error() : empty.error());
  }
  const std::uint64_t output = lease.by_reference ? Reference::kBytes : std::max(*empty, *largest);
  if (max_chunk_bytes > kLargestPayload || output > kLargestPayload) {
    return fail(ErrorCode::chunk_too_large,
                fmt::format("chunks of {} bytes with outputs of {} bytes: a worker moves at most {} bytes; split the chunks",
                            max_chunk_bytes, output, kLargestPayload));
  }
  const std::uint64_t block = max_chunk_bytes + output + kPerChunk + kPerBlock;
  return Bytes{std::max<std::uint64_t>(lanes + 1, 4) * block + bundle.bytes.size()};
}

Result<void> GrantBook::add(wire::Run run, Blob payload) {
  if (std::ranges::any_of(grants_, [&](const Grant& grant) { return grant.run.grant == run.grant; })) {
    return {};
  }
  const auto& lengths = run.lengths.values;
  const auto chunks = std::accumulate(run.chunks.begin(), run.chunks.end(), std::uint64_t{0},
                                      [](std::uint64_t sum, const ChunkRange& range) { return sum + range.count; });
  if (chunks != lengths.size() || std::accumulate(lengths.begin(), lengths.end(), std::uint64_t{0}) != payload.size()) {
    return fail(ErrorCode::bad_message, fmt::format("RUN of grant {} whose lengths do not add up", run.grant.value));
  }
  Grant& grant = grants_.emplace_back(Grant{.run = std::move(run), .payload = std::move(payload), .outcome = {}});
  grant.outcome.outputs.reserve(grant.payload.size());
  if (stopped_) {
    return_rest(grant);
  }
  return {};
}

Result<void> GrantBook::feed(Instant now) {
  for (Grant& grant : grants_) {
    while (!stopped_ && !grant.cut && grant.begun < grant.run.lengths.values.size()) {
      auto fed = feed_grant(grant, now);
      if (!fed || *fed == Fed::no_room) {
        return fed ? Result<void>() : std::unexpected(fed.error());
      }
    }
  }
  return {};
}

Result<GrantBook::Fed> GrantBook::feed_grant(Grant& grant, Instant now) {
  if (parts_.size() + 1 >= ring::kSlots) {
    return Fed::no_room;
  }
  if (!has_room_for(grant.place_bytes, grant.run.lengths.values[grant.begun])) {
    // The broker could not know. What is left goes back with the outcome, and comes again.
    grant.cut = true;
    return Fed::more;
  }
  std::uint64_t input_bytes = 0;
  std::uint64_t output_bytes = 0;
  Part part = next_part(grant, input_bytes, output_bytes);
  if (part.count == 0) {
    // Refused here, in its turn: what is before it must have its outcome first.
    if (!parts_.empty()) {
      return Fed::no_room;
    }
    const std::uint32_t length = grant.run.lengths.values[grant.begun];
    grant.outcome.add_detail(grant.begun, fmt::format("{} bytes where the lease was made for chunks of {}: open the job with a larger "
                                                      "max_chunk_bytes",
                                                      length, max_chunk_bytes_));
    grant.outcome.add(ErrorCode::chunk_too_large);
    grant.begun += 1;
    grant.begun_bytes += length;
    return Fed::more;
  }
  const auto block = blocks_.take(part.layout.total);
  if (!block) {
    return Fed::no_room;
  }
  part.block = *block;
  fill(part, input_bytes);
  const ring::Command command{.kind = ring::CommandKind::run,
                              .count = part.count,
                              .number = ++last_number_,
                              .block = part.block,
                              .input_bytes = input_bytes,
                              .output_bytes = output_bytes,
                              .detail_bytes = part.detail_bytes,
                              .alone = grant.run.alone ? 1U : 0U};
  if (end_->push(command) != ring::PushOutcome::pushed) {
    return fail(ErrorCode::protocol_error, "the session process does not take commands as it must");
  }
  grant.begun += part.count;
  grant.begun_bytes += input_bytes;
  grant.place_bytes += output_bytes;
  handed_over_.push_back({.number = command.number, .count = part.count, .at = now});
  parts_.push_back(std::move(part));
  return Fed::more;
}

/// As many chunks as a quarter of the arena takes, so that one part can be collected while others run; no chunk when the next one is larger
/// than the lease was made for.
GrantBook::Part GrantBook::next_part(Grant& grant, std::uint64_t& input_bytes, std::uint64_t& output_bytes) {
  Part part{.grant = &grant};
  const auto& lengths = grant.run.lengths.values;
  const auto left = static_cast<std::uint32_t>(std::min<std::size_t>(lengths.size() - grant.begun, kMostChunks));
  const std::uint64_t most = blocks_.capacity() / 4;
  std::uint64_t taken = kPerBlock;
  part.places.reserve(left);
  while (part.count < left) {
    const std::uint32_t length = lengths[grant.begun + part.count];
    const std::uint32_t place = length > max_chunk_bytes_ ? 0 : place_for(length);
    taken += std::uint64_t{length} + place + kPerChunk;
    if (length > max_chunk_bytes_ || (part.count > 0 && taken > most) || !has_room_for(grant.place_bytes + output_bytes, length)) {
      break;
    }
    part.places.push_back(place);
    input_bytes += length;
    output_bytes += place;
    ++part.count;
  }
  part.detail_bytes = ring::detail_bytes_for(part.count);
  part.layout = ring::run_layout(part.count, input_bytes, part.detail_bytes, output_bytes);
  return part;
}

/// Whether a grant's outcome, with `taken` bytes kept for outputs, has room for that of a chunk of `length`. It always has for one.
bool GrantBook::has_room_for(std::uint64_t taken, std::uint32_t length) {
  const bool refused = length > max_chunk_bytes_;
  return taken == 0 || refused || taken + place_for(length) <= kLargestPayload;
}

void GrantBook::fill(const Part& part, std::uint64_t input_bytes) {
  std::byte* const block = end_->arena().data() + part.block;
  const Grant& grant = *part.grant;
  std::memcpy(block + part.layout.lengths, grant.run.lengths.values.data() + grant.begun, part.count * sizeof(std::uint32_t));
  std::memcpy(block + part.layout.places, part.places.data(), part.count * sizeof(std::uint32_t));
  if (input_bytes > 0) {
    std::memcpy(block + part.layout.input, grant.payload.view().data() + grant.begun_bytes, input_bytes);
  }
}

/// Bytes to keep for the output of a chunk; none when the pipeline cannot be sized for it, which the session process will say in words.
std::uint32_t GrantBook::place_for(std::uint32_t input_bytes) {
  if (by_reference_) {
    return Reference::kBytes;
  }
  if (last_place_ && last_place_->first == input_bytes) {
    return last_place_->second;
  }
  const auto length = bundle_->sizes.output_room(input_bytes);
  const bool fits = length && *length <= kLargestPayload && *length <= blocks_.capacity() / 4;
  const auto place = fits ? static_cast<std::uint32_t>(*length) : 0;
  last_place_ = {input_bytes, place};
  return place;
}

Result<std::uint32_t> GrantBook::take(const ring::Reply& reply) {
  if (parts_.empty() || reply.number != handed_over_.front().number) {
    return fail(ErrorCode::protocol_error, "the session process answers what it was not asked");
  }
  const Part& part = parts_.front();
  const ring::RunShape shape{.count = part.count, .detail_bytes = part.detail_bytes, .layout = part.layout, .places = part.places};
  const ByteView block = end_->arena().subspan(part.block, part.layout.total);
  if (auto read = ring::read_outcome(reply, block, shape, part.grant->outcome); !read) {
    return std::unexpected(read.error());
  }
  const std::uint32_t count = part.count;
  blocks_.give_back(part.block, part.layout.total);
  parts_.pop_front();
  handed_over_.erase(handed_over_.begin());
  return count;
}

void GrantBook::return_rest(Grant& grant) {
  // Outcomes stand in the order of the chunks, so this comes last: when nothing of the grant is under way any more.
  for (; grant.begun < grant.run.lengths.values.size(); ++grant.begun) {
    grant.outcome.add(ErrorCode::returned);
  }
}

void GrantBook::stop() {
  stopped_ = true;
  for (Grant& grant : grants_) {
    const bool under_way = std::ranges::any_of(parts_, [&](const Part& part) { return part.grant == &grant; });
    if (!under_way) {
      return_rest(grant);
    }
  }
}

void GrantBook::abandon(std::span<const RunningChunks> guilty, const Error& error) {
  for (std::size_t position = 0; position < parts_.size(); ++position) {
    Part& part = parts_[position];
    const auto stretch = std::ranges::find(guilty, position, &RunningChunks::command);
    for (std::uint32_t chunk = 0; chunk < part.count; ++chunk) {
      const bool blamed = stretch != guilty.end() && chunk >= stretch->first && chunk - stretch->first < stretch->count;
      if (blamed) {
        part.grant->outcome.add_detail(part.grant->outcome.count(), error.detail);
      }
      part.grant->outcome.add(blamed ? error.code : ErrorCode::returned);
    }
  }
  parts_.clear();
  handed_over_.clear();
  stopped_ = true;
  for (Grant& grant : grants_) {
    return_rest(grant);
  }
}

void GrantBook::clear() {
  parts_.clear();
  handed_over_.clear();
  grants_.clear();
  stopped_ = true;
}

std::optional<Settlement> GrantBook::next_settled() {
  if (grants_.empty()) {
    return std::nullopt;
  }
  Grant& grant = grants_.front();
  const bool under_way = std::ranges::any_of(parts_, [&](const Part& part) { return part.grant == &grant; });
  if ((stopped_ || grant.cut) && !under_way) {
    return_rest(grant);
  }
  if (grant.outcome.count() < grant.run.lengths.values.size()) {
    return std::nullopt;
  }
  Settlement settlement;
  settlement.message.lease = grant.run.lease;
  settlement.message.grant = grant.run.grant;
  settlement.message.token = grant.run.token;
  ring::Outcome& outcome = grant.outcome;
  if (outcome.failures) {
    settlement.message.codes.values = std::move(outcome.codes);
  }
  settlement.message.details = std::move(outcome.details);
  settlement.message.lengths.values = std::move(outcome.lengths);
  settlement.message.micros.values = std::move(outcome.micros);
  if (!outcome.outputs.empty()) {
    auto memory = std::make_shared<const std::vector<std::byte>>(std::move(outcome.outputs));
    const ByteView view(*memory);
    settlement.outputs = Blob(std::move(memory), view);
  }
  grants_.pop_front();
  return settlement;
}

std::vector<std::uint64_t> GrantBook::grants() const {
  std::vector<std::uint64_t> ids;
  ids.reserve(grants_.size());
  for (const Grant& grant : grants_) {
    ids.push_back(grant.run.grant.value);
  }
  return ids;
}

}  // namespace sublet::agent
