#include "tests/sim/disk.hpp"

#include <algorithm>
#include <ranges>

#include "tests/sim/checker.hpp"

namespace sublet::sim {

Disk::Disk(Simulation& simulation, Checker& checker) : simulation_(simulation), checker_(checker), id_(simulation.dice.next()) {}

std::uint64_t Disk::own() {
  ++epoch_;
  last_number_ = 0;
  lost_commits_ = false;
  // To take a store over is itself a write that is waited for, and what came before it is safe with it.
  unsafe_.clear();
  checker_.loaded(*this);
  return epoch_;
}

Result<void> Disk::take(std::uint64_t epoch, const broker::Commit& commit) {
  if (epoch != epoch_) return fail(ErrorCode::not_owner, fmt::format("epoch {} ended; the owner's is {}", epoch, epoch_));
  if (commit.number == last_number_ && commit.number != 0) return {};
  if (commit.number != last_number_ + 1) {
    return fail(ErrorCode::store_unavailable, fmt::format("commit {} does not follow commit {}; load again", commit.number, last_number_));
  }
  checker_.before(*this, commit);
  Undo undo{.number = last_number_, .before = {}};
  for (const auto& [key, value] : commit.writes) {
    const auto found = records_.find(key);
    undo.before.emplace_back(key, found == records_.end() ? std::nullopt : std::optional(found->second));
    write(key, value);
  }
  unsafe_.push_back(std::move(undo));
  last_number_ = commit.number;
  checker_.committed(*this, commit);
  return {};
}

void Disk::write(const broker::RecordKey& key, const broker::RecordValue& value) {
  if (std::holds_alternative<broker::Erase>(value)) {
    records_.erase(key);
  } else {
    records_.insert_or_assign(key, value);
  }
}

void Disk::fail_over() {
  const auto lost = simulation_.dice.between(0, unsafe_.size());
  simulation_.tell("store", "fails over, loses {} commits", lost);
  for (std::uint64_t count = 0; count < lost; ++count) {
    const auto undo = std::move(unsafe_.back());
    unsafe_.pop_back();
    for (const auto& [key, value] : undo.before | std::views::reverse) write(key, value.value_or(broker::Erase{}));
    last_number_ = undo.number;
  }
  unsafe_.clear();
  if (lost > 0) {
    // Elsewhere only what nobody was told of is lost.
    if (simulation_.plan.store == StoreClass::fast) lost_commits_ = ever_lost_ = true;
    checker_.lost_commits(*this);
  }
}

void Disk::go_away(Nanos duration) {
  simulation_.tell("store", "is away for {} ms", duration / 1ms);
  away_until_ = std::max(away_until_, simulation_.time.now() + duration);
}

void Disk::fill(Nanos duration) {
  simulation_.tell("store", "is full for {} ms", duration / 1ms);
  full_until_ = std::max(full_until_, simulation_.time.now() + duration);
}

void Disk::replace() {
  id_ = simulation_.dice.next();
  records_.clear();
  epoch_ += 1;
  last_number_ = 0;
  unsafe_.clear();
  lost_commits_ = false;
  checker_.replaced(*this);
}

}  // namespace sublet::sim
