#include "gpu-worker/devices/cpu/run/lane_set.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sublet::cpu {

namespace {

/// Predicates that are looked at together: a byte of a word each, the first one lowest.
constexpr std::uint32_t kWord = 8;
constexpr std::uint64_t kEveryByte = 0x0101'0101'0101'0101;

static_assert(std::endian::native == std::endian::little);

std::uint64_t word_at(const std::uint8_t* predicate) {
  std::uint64_t word = 0;
  std::memcpy(&word, predicate, kWord);
  return word;
}

/// The first lane from `at` on whose predicate is another than `value`, or `last`.
std::uint32_t end_of(std::uint8_t value, const std::uint8_t* predicate, std::uint32_t at, std::uint32_t last) {
  for (; at + kWord <= last; at += kWord) {
    const std::uint64_t other = word_at(predicate + at) ^ (value * kEveryByte);
    if (other != 0) {
      return at + static_cast<std::uint32_t>(std::countr_zero(other)) / 8;
    }
  }
  while (at < last && predicate[at] == value) {
    ++at;
  }
  return at;
}

/// How many of `count` predicates are set. A block has at most 1024, so each byte of a word can count those that stand there.
std::uint32_t count_set(const std::uint8_t* predicate, std::uint32_t count) {
  constexpr std::uint64_t kEvenBytes = 0x00FF'00FF'00FF'00FF;
  const std::uint32_t whole = count / kWord * kWord;
  std::uint64_t counts = 0;
  for (std::uint32_t i = 0; i < whole; i += kWord) {
    counts += word_at(predicate + i);
  }
  counts = (counts & kEvenBytes) + (counts >> 8U & kEvenBytes);
  auto set = static_cast<std::uint32_t>(counts * 0x0001'0001'0001'0001 >> 48U);
  for (std::uint32_t i = whole; i < count; ++i) {
    set += predicate[i];
  }
  return set;
}

}  // namespace

void LaneSet::clear() {
  runs_.clear();
  count_ = 0;
}

void LaneSet::append(LaneRun run) {
  if (mask_.size() < run.last) {
    mask_.resize(run.last);
  }
  // What lies between two runs is off, whatever stood there.
  const std::uint32_t from = runs_.empty() ? run.first : runs_.back().last;
  std::memset(mask_.data() + from, 0, run.first - from);
  std::memset(mask_.data() + run.first, 1, run.count());
  runs_.push_back(run);
  count_ += run.count();
}

void LaneSet::assign_all(std::uint32_t count) {
  clear();
  append({.first = 0, .last = count});
}

void LaneSet::assign_where(const LaneSet& base, const std::uint8_t* predicate, bool negated) {
  clear();
  const std::uint8_t wanted = negated ? 0 : 1;
  for (const LaneRun& run : base.runs_) {
    std::uint32_t at = run.first;
    while (at < run.last) {
      const std::uint32_t first = end_of(1 - wanted, predicate, at, run.last);
      at = end_of(wanted, predicate, first, run.last);
      if (at > first) {
        append({.first = first, .last = at});
      }
    }
  }
}

void LaneSet::remove(const LaneSet& gone) {
  if (empty() || gone.empty() || gone.last() <= first() || gone.first() >= last()) {
    return;
  }
  std::vector<LaneRun> before;
  before.swap(runs_);
  count_ = 0;
  std::size_t next = 0;
  for (LaneRun run : before) {
    while (run.first < run.last) {
      while (next < gone.runs_.size() && gone.runs_[next].last <= run.first) {
        ++next;
      }
      if (next == gone.runs_.size() || gone.runs_[next].first >= run.last) {
        append(run);
        break;
      }
      const LaneRun cut = gone.runs_[next];
      if (cut.first > run.first) {
        append({.first = run.first, .last = cut.first});
      }
      run.first = std::min(cut.last, run.last);
    }
  }
}

std::uint32_t count_where(const LaneSet& lanes, const std::uint8_t* predicate) {
  std::uint32_t total = 0;
  for (const LaneRun& run : lanes.runs()) {
    total += count_set(predicate + run.first, run.count());
  }
  return total;
}

}  // namespace sublet::cpu
