#include "producer/cli/tally.hpp"

#include <algorithm>
#include <utility>

namespace sublet::cli {
namespace {

/// A worker that is there takes its first chunk far sooner.
constexpr Nanos kWorkerExpected = 2s;

bool keeps_outputs(AggregateKind kind) { return kind == AggregateKind::collect || kind == AggregateKind::concat; }

}  // namespace

void BurstTally::submitted(std::uint64_t chunks, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  submitted_ += chunks;
  bytes_in_ += bytes;
}

bool BurstTally::first_sight(std::uint64_t chunk) {
  if (chunk >= seen_.size()) return true;
  if (seen_[chunk]) return false;
  seen_[chunk] = true;
  return true;
}

std::uint64_t BurstTally::total() const {
  const auto accepted = status_ ? status_->accepted : 0;
  return std::max({static_cast<std::uint64_t>(seen_.size()), accepted, done_ + failed_});
}

void BurstTally::done(std::uint64_t chunk, std::uint64_t bytes, Micros took) {
  const std::lock_guard lock(mutex_);
  if (!first_sight(chunk)) return;
  ++done_;
  bytes_out_ += bytes;
  if (took > 0us) micros_.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(took.count(), UINT32_MAX)));
}

void BurstTally::failed(std::uint64_t chunk, std::string name, Error error) {
  const std::lock_guard lock(mutex_);
  if (!first_sight(chunk)) return;
  ++failed_;
  if (failures_.size() < kFailuresKept) failures_.push_back({std::move(name), std::move(error)});
}

void BurstTally::moved(const JobStatus& status) {
  const std::lock_guard lock(mutex_);
  status_ = status;
}

void BurstTally::stop(Error reason) {
  const std::lock_guard lock(mutex_);
  if (!stopped_) stopped_ = std::move(reason);
}

std::optional<Error> BurstTally::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

bool BurstTally::has_seen(std::uint64_t chunk) const {
  const std::lock_guard lock(mutex_);
  return seen_[chunk];
}

ProgressView BurstTally::view(Nanos elapsed) const {
  const std::lock_guard lock(mutex_);
  const bool untouched = done_ + failed_ == 0 && (!status_ || (status_->sessions == 0 && status_->leased == 0 && status_->done == 0));
  return {.total = total(),
          .submitted = submitted_,
          .done = done_,
          .failed = failed_,
          .retries = status_ ? status_->retries : 0,
          .bytes_out = bytes_out_,
          .elapsed = elapsed,
          .waiting_for_worker = untouched && elapsed >= kWorkerExpected};
}

void BurstTally::fill(BurstSummary& summary) {
  const std::lock_guard lock(mutex_);
  summary.chunks = total();
  summary.done = done_;
  summary.failed = failed_;
  summary.bytes_in = bytes_in_;
  summary.bytes_out = bytes_out_;
  summary.p50 = Micros(percentile(micros_, 50));
  summary.p95 = Micros(percentile(micros_, 95));
  summary.failures = failures_;
  summary.stopped = stopped_;
  if (!status_) return;
  summary.state = status_->state;
  summary.retries = status_->retries;
  summary.sessions = status_->sessions;
  summary.integer_value = status_->integer_value;
  summary.float_value = status_->float_value;
  if (!keeps_outputs(summary.aggregate)) {
    summary.done = std::min(summary.chunks, std::max(summary.done, status_->done));
    summary.failed = std::min(summary.chunks - summary.done, std::max(summary.failed, status_->dead));
    summary.bytes_out = std::max(summary.bytes_out, status_->bytes_out);
  }
  if (status_->state == JobState::failed && failures_.empty()) {
    summary.failures.push_back({"job", {.code = status_->error, .detail = status_->error_detail}});
  }
}

}  // namespace sublet::cli
