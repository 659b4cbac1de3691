#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/batch.hpp"
#include "broker/stores/record.hpp"
#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/wire/messages.hpp"

namespace sublet::broker {

/// Of a chunk's error text, so much is kept.
inline constexpr std::size_t kMaxDetailBytes = 4096;

/// Chunks that died together, as they are kept: what is known of each, and their payloads one after another.
struct DeadBatch {
  SharedDead record;
  Blob payload;  ///< empty when it is not kept

  [[nodiscard]] std::uint64_t chunks() const { return record->lengths.values.size(); }
  /// Bytes that it counts for.
  [[nodiscard]] std::uint64_t cost() const;
};

/// One of them.
struct DeadEntry {
  std::size_t index = 0;
  std::uint64_t id = 0;
  ErrorCode code = ErrorCode::internal;
  std::uint32_t attempts = 0;
  std::uint32_t crashes = 0;
  std::uint32_t bytes = 0;
  std::size_t offset = 0;  ///< of its payload
  JobId replayed;          ///< zero: not yet
  std::string_view detail;
};

/// All of them, in order. The details lie in the record.
std::vector<DeadEntry> entries_of(const DeadRecord& record);

bool selects(const wire::DeadSelection& selection, const DeadEntry& entry);

/// Those of `entries` alone, which are some of `batch`, in order.
DeadBatch only(const DeadBatch& batch, std::span<const DeadEntry> entries);

/// The same without the payloads.
DeadBatch without_payload(const DeadBatch& batch);

/// Gathers the chunks of one settle that died.
class DeadDraft {
 public:
  /// @param run  as it would have been but for its end: with all attempts and crashes
  void add(Batch& batch, const GrantPart& part, const RunRecord& run, ErrorCode code, const std::string& detail);

  [[nodiscard]] bool empty() const { return record_.lengths.values.empty(); }
  /// With a copy of the payloads, so that no whole batch stays in memory for a single chunk.
  [[nodiscard]] DeadBatch take();

 private:
  DeadRecord record_;
  std::vector<Blob> pieces_;
};

}  // namespace sublet::broker
