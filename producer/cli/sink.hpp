#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/job.hpp"
#include "producer/cli/files.hpp"
#include "producer/outputs.hpp"

namespace sublet::cli {

/// Where a job's outputs go. Used by one thread.
class OutputSink {
 public:
  virtual ~OutputSink() = default;

  /// The order in which it wants them.
  [[nodiscard]] virtual Order order() const { return Order::arrival; }
  /// @param name  of the chunk's input, or made from its id
  virtual Result<void> take(const std::string& name, ByteView output) = 0;
  /// Everything was taken.
  virtual Result<void> finish() { return {}; }
  /// Whether that chunk's output is there from an earlier run.
  [[nodiscard]] virtual bool has(const std::string& name) const = 0;
  /// For the summary; empty: outputs are not kept.
  [[nodiscard]] virtual std::string place() const = 0;
};

/// The sink that fits an aggregate: a folder for `collect`, one file for `concat`, none for values. `bad_argument` when `out` is missing
/// where one is needed or given where none is; `io_failed` when it cannot be written to.
Result<std::unique_ptr<OutputSink>> open_sink(AggregateKind aggregate, const std::string& out);

}  // namespace sublet::cli
