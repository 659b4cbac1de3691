#pragma once

#include <map>
#include <optional>

#include "broker/stores/store.hpp"
#include "common/random.hpp"

namespace sublet::broker {

/// Keeps everything in this process: nothing survives it, and every instance is another store. Answers at once.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(Random& random);

  [[nodiscard]] StoreInfo info() const override { return info_; }
  Result<std::map<RecordKey, RecordValue>> load() override { return records_; }
  void begin(Commit commit) override;
  std::optional<CommitResult> finished() override;
  [[nodiscard]] int fd() const override { return -1; }
  [[nodiscard]] const StoreHealth& health() const override { return health_; }
  Result<RecordValue> fetch(const RecordKey& key) override;

 private:
  Result<void> take(Commit& commit);

  StoreInfo info_;
  StoreHealth health_;
  std::map<RecordKey, RecordValue> records_;
  std::uint64_t last_number_ = 0;
  std::optional<CommitResult> answer_;
};

}  // namespace sublet::broker
