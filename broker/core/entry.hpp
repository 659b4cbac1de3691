#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "broker/core/batch.hpp"
#include "broker/core/dead_batch.hpp"
#include "common/error.hpp"
#include "common/wire/messages.hpp"

namespace sublet::broker {

/// An entry of the output log while its settle is read: the chunks that became done or dead, in the order of their RUN.
class Entry {
 public:
  /// Chunks that are done, with their outputs' lengths and (when measured) durations.
  void add_done(const Batch& batch, const GrantPart& part, std::span<const std::uint32_t> lengths, std::span<const std::uint32_t> micros);
  /// Chunks that are dead of the same error.
  /// @param run  as it would have been but for its end
  void add_dead(Batch& batch, const GrantPart& part, const RunRecord& run, ErrorCode code, const std::string& detail);

  [[nodiscard]] bool empty() const { return output_.lengths.values.empty(); }
  [[nodiscard]] wire::Output& output() { return output_; }
  /// Of its chunks, those that are dead.
  [[nodiscard]] DeadDraft& dead() { return dead_; }

 private:
  [[nodiscard]] std::size_t size() const { return output_.lengths.values.size(); }

  wire::Output output_;
  DeadDraft dead_;
};

}  // namespace sublet::broker
