#include "broker/stores/memory_store.hpp"

#include <utility>

#include <fmt/format.h>

namespace sublet::broker {

MemoryStore::MemoryStore(Random& random) : info_{.id = random.next(), .durable = false, .name = "memory:"} {}

void MemoryStore::begin(Commit commit) {
  const auto number = commit.number;
  answer_ = {.number = number, .outcome = take(commit), .refused = {}};
}

Result<void> MemoryStore::take(Commit& commit) {
  // A repeat was taken the first time.
  if (commit.number == last_number_ && commit.number != 0) return {};
  if (commit.number != last_number_ + 1) {
    return fail(ErrorCode::store_unavailable, fmt::format("commit {} does not follow commit {}; load again", commit.number, last_number_));
  }
  for (auto& write : commit.writes) {
    if (std::holds_alternative<Erase>(write.value)) {
      records_.erase(write.key);
    } else {
      records_.insert_or_assign(write.key, std::move(write.value));
    }
  }
  last_number_ = commit.number;
  return {};
}

std::optional<CommitResult> MemoryStore::finished() { return std::exchange(answer_, std::nullopt); }

Result<RecordValue> MemoryStore::fetch(const RecordKey& key) {
  const auto found = records_.find(key);
  if (found == records_.end()) {
    return fail(ErrorCode::not_found,
                fmt::format("no record of kind {} with owner {} and item {}", static_cast<int>(key.kind), to_hex(key.owner), key.item));
  }
  return found->second;
}

}  // namespace sublet::broker
