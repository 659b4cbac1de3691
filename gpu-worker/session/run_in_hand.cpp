#include "gpu-worker/session/run_in_hand.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "gpu-worker/ring/outcome.hpp"

namespace sublet::session {
namespace {

/// What a chunk without an outcome holds: no error has this number.
constexpr std::uint16_t kUnfinished = std::numeric_limits<std::uint16_t>::max();

template <class Number>
std::span<Number> numbers(std::span<std::byte> block, std::uint64_t at, std::uint32_t count) {
  return {reinterpret_cast<Number*>(block.data() + at), count};
}

std::uint64_t sum(std::span<const std::uint32_t> values) { return std::accumulate(values.begin(), values.end(), std::uint64_t{0}); }

}  // namespace

Result<RunInHand> RunInHand::open(const ring::SessionEnd& end, const ring::Command& command) {
  const ring::RunLayout layout = ring::run_layout(command.count, command.input_bytes, command.detail_bytes, command.output_bytes);
  auto block = end.block(command.block, layout.total);
  if (!block) {
    return std::unexpected(block.error());
  }
  RunInHand run;
  run.command_ = command;
  run.lengths_ = numbers<std::uint32_t>(*block, layout.lengths, command.count);
  run.places_ = numbers<std::uint32_t>(*block, layout.places, command.count);
  run.codes_ = numbers<std::uint16_t>(*block, layout.codes, command.count);
  run.output_lengths_ = numbers<std::uint32_t>(*block, layout.output_lengths, command.count);
  run.micros_ = numbers<std::uint32_t>(*block, layout.micros, command.count);
  run.details_ = block->subspan(layout.details, command.detail_bytes);
  run.input_ = block->subspan(layout.input, command.input_bytes);
  run.outputs_ = block->subspan(layout.outputs, command.output_bytes);
  if (sum(run.lengths_) != command.input_bytes || sum(run.places_) > command.output_bytes) {
    return sublet::fail(ErrorCode::protocol_error, "a run's lengths do not add up");
  }
  std::ranges::fill(run.codes_, kUnfinished);
  return run;
}

bool RunInHand::has_ended(std::uint32_t chunk) const { return codes_[chunk] != kUnfinished; }

ChunkBytes RunInHand::take() {
  const ChunkBytes bytes{.input = input_.subspan(input_at_, lengths_[next_]), .output = outputs_.subspan(output_at_, places_[next_])};
  input_at_ += lengths_[next_];
  output_at_ += places_[next_];
  ++next_;
  return bytes;
}

void RunInHand::set(std::uint32_t chunk, ErrorCode code, std::uint32_t output_bytes, Micros took) {
  codes_[chunk] = static_cast<std::uint16_t>(code);
  output_lengths_[chunk] = output_bytes;
  micros_[chunk] = static_cast<std::uint32_t>(std::clamp<Micros::rep>(took.count(), 0, std::numeric_limits<std::uint32_t>::max()));
  ++ended_;
}

void RunInHand::succeed(std::uint32_t chunk, std::uint32_t output_bytes, Micros took) { set(chunk, ErrorCode::ok, output_bytes, took); }

void RunInHand::fail(std::uint32_t chunk, const Error& error, Micros took) {
  set(chunk, error.code, 0, took);
  ++failures_;
  detail_at_ = ring::write_detail(details_, detail_at_, chunk, error.detail);
}

void RunInHand::return_rest() {
  for (; next_ < command_.count; ++next_) {
    set(next_, ErrorCode::returned, 0, Micros{0});
    ++failures_;
  }
}

void RunInHand::return_unfinished() {
  next_ = command_.count;
  for (std::uint32_t chunk = 0; chunk < command_.count; ++chunk) {
    if (!has_ended(chunk)) {
      set(chunk, ErrorCode::returned, 0, Micros{0});
      ++failures_;
    }
  }
}

ring::Reply RunInHand::reply() const {
  return {.kind = ring::ReplyKind::ran, .text_bytes = detail_at_, .number = command_.number, .failures = failures_};
}

}  // namespace sublet::session
