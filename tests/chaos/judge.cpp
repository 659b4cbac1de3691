#include "tests/chaos/judge.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sublet::chaos {
namespace {

/// Whoever has read these has read enough.
constexpr std::size_t kMostComplaints = 20;

std::string text_of(const Record& record) { return {reinterpret_cast<const char*>(record.bytes.data()), record.bytes.size()}; }

}  // namespace

void Judge::begin_fault(std::size_t fault, Instant now) {
  fault_ = fault + 1;
  last_ = now;
}

void Judge::take(const Record& record, Instant now) {
  switch (record.kind) {
    case RecordKind::output:
      return take_output(record, now);
    case RecordKind::dead:
      ++verdicts_[fault_].wrong;
      return complain(fmt::format("chunk {} of job {} is dead: {}", record.chunk, record.job, text_of(record)));
    case RecordKind::ended:
      if (record.job < ends_.size()) ends_[record.job] = end_of(record);
      return;
    case RecordKind::broken:
      ++verdicts_[fault_].wrong;
      return complain(fmt::format("job {}: the producer was answered {}", record.job, text_of(record)));
  }
}

void Judge::take_output(const Record& record, Instant now) {
  auto& verdict = verdicts_[fault_];
  const auto place = Burst::place_of(record.job, record.chunk);
  if (record.job >= Burst::kReadJobs || place >= seen_.size()) {
    ++verdict.wrong;
    return complain(fmt::format("an output of chunk {} of job {} came, which nobody submitted", record.chunk, record.job));
  }
  if (record.bytes != burst_.output_of(record.job, record.chunk)) {
    ++verdict.wrong;
    complain(fmt::format("the output of chunk {} of job {} has other bytes than it should", record.chunk, record.job));
  }
  auto& seen = seen_[place];
  if (seen.producer == producer_) {
    ++verdict.doubled;
    complain(fmt::format("the output of chunk {} of job {} came twice", record.chunk, record.job));
  }
  const bool first = seen.producer == 0;
  seen.producer = producer_;
  if (!first) {
    ++again_;
    return;
  }
  seen.fault = static_cast<std::uint32_t>(fault_);
  ++received_;
  if (last_) verdict.longest_pause = std::max<Nanos>(verdict.longest_pause, now - *last_);
  last_ = now;
}

bool Judge::all_ended() const {
  return std::ranges::all_of(ends_, [](const auto& end) { return end.has_value(); });
}

std::vector<std::uint64_t> Judge::lost() const {
  std::vector<std::uint64_t> places;
  for (std::uint64_t place = 0; place < seen_.size(); ++place) {
    if (seen_[place].producer == 0) places.push_back(place);
  }
  return places;
}

std::vector<Verdict> Judge::verdicts() const {
  auto verdicts = verdicts_;
  for (const auto place : lost()) {
    auto before = place;
    while (before >= Burst::kReadJobs && seen_[before].producer == 0) before -= Burst::kReadJobs;
    ++verdicts[seen_[before].fault].lost;
  }
  return verdicts;
}

std::vector<std::string> Judge::complaints() const {
  auto complaints = complaints_;
  const auto missing = lost();
  if (!missing.empty()) {
    const auto place = missing.front();
    complaints.push_back(fmt::format("{} outputs never came, the first that of chunk {} of job {}", missing.size(),
                                     place / Burst::kReadJobs, place % Burst::kReadJobs));
  }
  for (std::uint32_t job = 0; job < ends_.size(); ++job) {
    const auto count = Burst::count_of(job, burst_.chunks);
    const auto& end = ends_[job];
    if (!end) {
      complaints.push_back(fmt::format("job {} never ended", job));
    } else if (end->state != JobState::done || end->accepted != count || end->done != count || end->dead != 0) {
      complaints.push_back(fmt::format("job {} ended in state {} with {} accepted, {} done and {} dead chunks instead of {} done", job,
                                       static_cast<int>(end->state), end->accepted, end->done, end->dead, count));
    } else if (job == Burst::kSumJob && end->sum != burst_.sum()) {
      complaints.push_back(fmt::format("job {} came to {} instead of {}: an output counted other than once", job, end->sum, burst_.sum()));
    }
  }
  return complaints;
}

void Judge::complain(std::string text) {
  if (complaints_.size() < kMostComplaints) complaints_.push_back(std::move(text));
}

}  // namespace sublet::chaos
