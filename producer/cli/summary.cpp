#include "producer/cli/summary.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/job_text.hpp"
#include "common/pipeline/nearest.hpp"
#include "producer/cli/table.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 6> kAggregates{"collect", "concat", "count", "sum", "min", "max"};
constexpr std::array<std::string_view, 3> kElements{"f32", "f64", "i64"};

constexpr std::size_t kFailuresShown = 5;

/// The position of `text` among `names`, or an error with the nearest of them.
Result<std::size_t> position_of(std::string_view text, std::span<const std::string_view> names, std::string_view what) {
  const auto found = std::ranges::find(names, text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  return fail(ErrorCode::bad_argument, fmt::format("there is no {} \"{}\"{}", what, printable(text), name_remedy(text, names)));
}

/// The enumerator that stands at the position of `text`.
template <class Enum>
Result<Enum> value_named(std::string_view text, std::span<const std::string_view> names, std::string_view what) {
  const auto position = position_of(text, names, what);
  if (!position) return std::unexpected(position.error());
  return static_cast<Enum>(*position);
}

bool has_value(AggregateKind kind) { return kind != AggregateKind::collect && kind != AggregateKind::concat; }

bool is_integer(const BurstSummary& summary) { return summary.aggregate == AggregateKind::count || summary.element == ElementType::i64; }

double chunks_per_second(const BurstSummary& summary) {
  const auto seconds = std::chrono::duration<double>(summary.elapsed).count();
  return seconds > 0 ? static_cast<double>(summary.done) / seconds : 0;
}

std::string chunks_text(const BurstSummary& summary) {
  if (summary.done == summary.chunks) return count_text(summary.done) + " done";
  auto text = fmt::format("{} of {} done", count_text(summary.done), count_text(summary.chunks));
  if (summary.failed > 0) text += fmt::format(", {} failed", count_text(summary.failed));
  if (summary.not_run() > 0) text += fmt::format(", {} not run", count_text(summary.not_run()));
  return text;
}

std::string rate_text(double rate) { return rate >= 100 ? count_text(static_cast<std::uint64_t>(rate)) : fmt::format("{:.1f}", rate); }

std::string failure_text(const FailedChunk& failure) {
  auto text = printable(failure.name) + ": " + to_text(failure.error);
  std::ranges::replace(text, '\n', ' ');
  return printable(text);
}

Json error_json(const Error& error) { return {{"name", error_info(error.code).name}, {"detail", error.detail}}; }

/// A number that JSON can hold: NaN and infinities become null.
Json number_json(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json value_json(const BurstSummary& summary) {
  if (!has_value(summary.aggregate)) return nullptr;
  if (summary.aggregate == AggregateKind::count) return summary.integer_value;
  return is_integer(summary) ? Json(std::bit_cast<std::int64_t>(summary.integer_value)) : number_json(summary.float_value);
}

}  // namespace

std::uint32_t percentile(std::span<std::uint32_t> values, unsigned percent) {
  if (values.empty()) return 0;
  const auto rank = std::max<std::size_t>(1, (values.size() * percent + 99) / 100);
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::min(rank, values.size()) - 1);
  std::ranges::nth_element(values, nth);
  return *nth;
}

std::string value_text(const BurstSummary& summary) {
  if (!has_value(summary.aggregate)) return "";
  if (summary.aggregate == AggregateKind::count) return std::to_string(summary.integer_value);
  if (is_integer(summary)) return std::to_string(std::bit_cast<std::int64_t>(summary.integer_value));
  return fmt::format("{}", summary.float_value);
}

std::string summary_text(const BurstSummary& summary, std::size_t width) {
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.emplace_back("chunks", chunks_text(summary));
  if (const auto value = value_text(summary); !value.empty()) pairs.emplace_back(std::string(name_of(summary.aggregate)), value);
  pairs.emplace_back("bytes", fmt::format("{} in, {} out", size_text(summary.bytes_in), size_text(summary.bytes_out)));
  pairs.emplace_back("time", fmt::format("{}, {} chunks/s", duration_text(summary.elapsed), rate_text(chunks_per_second(summary))));
  if (summary.p95 > 0us) {
    pairs.emplace_back("per chunk", fmt::format("p50 {}, p95 {}", duration_text(summary.p50), duration_text(summary.p95)));
  }
  pairs.emplace_back("retries", count_text(summary.retries));
  pairs.emplace_back("sessions", count_text(summary.sessions));
  if (!summary.out.empty()) pairs.emplace_back("outputs", printable(summary.out));
  if (summary.skipped > 0) pairs.emplace_back("skipped", plural(summary.skipped, "path") + " that could not be submitted");
  for (std::size_t i = 0; i < std::min(summary.failures.size(), kFailuresShown); ++i) {
    pairs.emplace_back(i == 0 ? "failed" : "", failure_text(summary.failures[i]));
  }
  if (summary.failed > kFailuresShown) pairs.emplace_back("", fmt::format("and {} more", count_text(summary.failed - kFailuresShown)));
  return render_pairs(pairs, width);
}

Json summary_json(const BurstSummary& summary) {
  Json failures = Json::array();
  for (const auto& failure : summary.failures) {
    failures.push_back({{"file", failure.name}, {"error", error_json(failure.error)}});
  }
  return {
      {"ok", summary.complete()},
      {"job", to_hex(summary.job)},
      {"pipeline", summary.pipeline},
      {"state", to_text(summary.state)},
      {"chunks", summary.chunks},
      {"done", summary.done},
      {"failed", summary.failed},
      {"not_run", summary.not_run()},
      {"bytes_in", summary.bytes_in},
      {"bytes_out", summary.bytes_out},
      {"seconds", std::chrono::duration<double>(summary.elapsed).count()},
      {"chunks_per_second", chunks_per_second(summary)},
      {"retries", summary.retries},
      {"sessions", summary.sessions},
      {"p50_us", summary.p50.count()},
      {"p95_us", summary.p95.count()},
      {"aggregate", name_of(summary.aggregate)},
      {"value", value_json(summary)},
      {"out", summary.out.empty() ? Json(nullptr) : Json(summary.out)},
      {"skipped", summary.skipped},
      {"failures", std::move(failures)},
      {"error", summary.stopped ? error_json(*summary.stopped) : Json(nullptr)},
  };
}

std::string_view name_of(AggregateKind kind) { return kAggregates.at(static_cast<std::size_t>(kind)); }
std::string_view name_of(ElementType type) { return kElements.at(static_cast<std::size_t>(type)); }

Result<AggregateKind> parse_aggregate(std::string_view text) { return value_named<AggregateKind>(text, kAggregates, "aggregate"); }
Result<ElementType> parse_element(std::string_view text) { return value_named<ElementType>(text, kElements, "element type"); }

Result<Isolation> parse_isolation(std::string_view text) {
  static constexpr std::array<std::string_view, 3> kNames{"tenant", "process", "mps"};
  return value_named<Isolation>(text, kNames, "isolation class");
}

Result<Durability> parse_durability(std::string_view text) {
  static constexpr std::array<std::string_view, 4> kNames{"none", "fast", "fsync", "replicated"};
  return value_named<Durability>(text, kNames, "durability class");
}

Result<PolicyKind> parse_policy(std::string_view text) {
  static constexpr std::array<std::string_view, 2> kNames{"all", "best_effort"};
  const auto position = position_of(text, kNames, "policy");
  if (!position) return std::unexpected(position.error());
  return *position == 0 ? PolicyKind::all : PolicyKind::best_effort;
}

}  // namespace sublet::cli
