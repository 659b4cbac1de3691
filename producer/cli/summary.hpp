#pragma once

// What a burst came to, for people and for programs.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/error.hpp"
#include "common/job.hpp"
#include "common/time.hpp"

namespace sublet::cli {

/// A chunk without an output, and why.
struct FailedChunk {
  std::string name;
  Error error;
};

struct BurstSummary {
  std::string pipeline = {};
  JobId job = {};
  JobState state = JobState::open;
  AggregateKind aggregate = AggregateKind::collect;
  ElementType element = ElementType::f64;
  std::uint64_t chunks = 0;
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t retries = 0;
  std::uint64_t sessions = 0;
  Nanos elapsed{};
  Micros p50{};
  Micros p95{};
  std::uint64_t integer_value = 0;
  double float_value = 0;
  /// Where the outputs are; empty when there are none.
  std::string out = {};
  /// Files that are no regular files, or could not be looked at.
  std::uint64_t skipped = 0;
  /// The first of the failed chunks.
  std::vector<FailedChunk> failures = {};
  /// Why the burst as a whole stopped; nothing when it came to its end.
  std::optional<Error> stopped = {};

  /// Chunks that neither ended done nor failed, because the burst stopped before.
  [[nodiscard]] std::uint64_t not_run() const { return chunks > done + failed ? chunks - done - failed : 0; }
  [[nodiscard]] bool complete() const { return !stopped && failed == 0 && done == chunks && state == JobState::done; }
};

/// The value that at least `percent` of all values are not above (nearest rank); 0 of none. Reorders `values`.
std::uint32_t percentile(std::span<std::uint32_t> values, unsigned percent);

/// The aggregate of `count`, `sum`, `min` or `max` as text; empty for `collect` and `concat`.
std::string value_text(const BurstSummary& summary);

/// Aligned lines, at most `width` columns where that can be; names the first failures.
std::string summary_text(const BurstSummary& summary, std::size_t width);

/// The object of `--json`: docs/cli.md.
nlohmann::ordered_json summary_json(const BurstSummary& summary);

std::string_view name_of(AggregateKind kind);
std::string_view name_of(ElementType type);

/// `collect`, `concat`, …; `bad_argument` with the nearest right one.
Result<AggregateKind> parse_aggregate(std::string_view text);
Result<ElementType> parse_element(std::string_view text);
Result<Isolation> parse_isolation(std::string_view text);
Result<Durability> parse_durability(std::string_view text);
Result<PolicyKind> parse_policy(std::string_view text);

}  // namespace sublet::cli
