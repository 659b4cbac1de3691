#include "producer/outputs.hpp"

#include <utility>

#include <fmt/format.h>

#include "common/io/clock.hpp"
#include "producer/outputs_state.hpp"

namespace sublet {

namespace {

/// Bounds the vector behind a span; more would only leave the processor's cache.
constexpr std::size_t kMostAtOnce = 4'096;

}  // namespace

Outputs::Outputs(std::unique_ptr<State> state) : state_(std::move(state)) {}
Outputs::Outputs(Outputs&&) noexcept = default;

Outputs& Outputs::operator=(Outputs&& other) noexcept {
  if (state_ && this != &other) state_->engine->close_reader(*state_->job, state_->reader);
  state_ = std::move(other.state_);
  return *this;
}

Outputs::~Outputs() {
  if (state_) state_->engine->close_reader(*state_->job, state_->reader);
}

Result<std::optional<ChunkOutput>> Outputs::next(Millis timeout) {
  if (auto filled = state_->fill(1, timeout); !filled) return std::unexpected(std::move(filled.error()));
  if (state_->batch.empty()) return std::nullopt;
  return std::move(state_->batch.front());
}

Result<std::span<const ChunkOutput>> Outputs::next_batch(Millis timeout) {
  if (auto filled = state_->fill(kMostAtOnce, timeout); !filled) return std::unexpected(std::move(filled.error()));
  return state_->batch;
}

void Outputs::taken() { state_->confirm(true); }

Result<void> Outputs::State::fill(std::size_t most, Millis timeout) {
  if (reader == producer::kNoReader) {
    return fail(ErrorCode::bad_argument,
                fmt::format("the outputs of job {} stay in the memory of the process that opened it by reference; read them there",
                            to_hex(job->state->id)));
  }
  confirm(false);
  batch.clear();
  const std::optional<Instant> deadline = timeout == kForever ? std::nullopt : std::optional(io::now() + timeout);
  bool last = false;
  while (true) {
    sequence.fill(batch, most);
    if (!batch.empty()) break;
    if (last) {
      confirm(true);
      return {};
    }
    const Millis left = deadline ? std::max(Millis(0), std::chrono::ceil<Millis>(*deadline - io::now())) : kForever;
    auto fetched = engine->fetch(*job, reader, sequence.held(), left);
    if (!fetched) return std::unexpected(std::move(fetched.error()));
    for (auto& entry : fetched->entries) sequence.add(std::move(entry));
    last = fetched->last;
    if (last) sequence.end();
  }
  for (const ChunkOutput& output : batch) untold += {.chunks = 1, .bytes = output.output ? output.output->size() : 0};
  if (job->places) {
    for (ChunkOutput& output : batch) output.output = job->places->output(output.id, std::move(output.output));
  }
  return {};
}

void Outputs::State::confirm(bool now) {
  const Cursor cursor = sequence.handed_out();
  // At the end, or when asked for, the broker is told even what was left for later before.
  if (cursor <= confirmed && !now) return;
  confirmed = cursor;
  engine->take(*job, reader, cursor, std::exchange(untold, {}), now);
}

}  // namespace sublet
