#pragma once

// The fields of records as they stand in a store that keeps bytes: what common/wire's reader and writer are driven by.

#include <tuple>

#include "broker/stores/record.hpp"
#include "common/wire/fields.hpp"

namespace sublet::broker {

/// Runs as 32-bit numbers, five to a run, since there may be thousands of them in a batch.
struct PackedRuns {
  wire::U32List words;
};

}  // namespace sublet::broker

namespace sublet::wire {

template <>
struct FieldTable<broker::JobRecord> {
  using Record = broker::JobRecord;
  static constexpr auto kFields = std::tuple{Field{"id", &Record::id},
                                             Field{"spec", &Record::spec},
                                             Field{"number", &Record::number},
                                             Field{"lease_bytes", &Record::lease_bytes},
                                             Field{"lane_bytes", &Record::lane_bytes},
                                             Field{"opened_ms", &Record::opened_ms},
                                             Field{"origin", &Record::origin}};
};

template <>
struct FieldTable<broker::AggregateValue> {
  using Record = broker::AggregateValue;
  static constexpr auto kFields = std::tuple{Field{"elements", &Record::elements}, Field{"integer", &Record::integer},
                                             Field{"real", &Record::real}, Field{"lost", &Record::lost}};
};

template <>
struct FieldTable<broker::ProgressRecord> {
  using Record = broker::ProgressRecord;
  static constexpr auto kFields = std::tuple{Field{"state", &Record::state},
                                             Field{"error", &Record::error},
                                             Field{"error_detail", &Record::error_detail},
                                             Field{"accepted", &Record::accepted},
                                             Field{"done", &Record::done},
                                             Field{"dead", &Record::dead},
                                             Field{"dropped", &Record::dropped},
                                             Field{"retries", &Record::retries},
                                             Field{"bytes_in", &Record::bytes_in},
                                             Field{"bytes_out", &Record::bytes_out},
                                             Field{"sessions", &Record::sessions},
                                             Field{"value", &Record::value},
                                             Field{"last_batch", &Record::last_batch},
                                             Field{"last_output", &Record::last_output},
                                             Field{"taken", &Record::taken}};
};

template <>
struct FieldTable<broker::AcceptedRecord> {
  static constexpr auto kFields = std::tuple{Field{"last", &broker::AcceptedRecord::last}};
};

template <>
struct FieldTable<broker::BatchRecord> {
  using Record = broker::BatchRecord;
  static constexpr auto kFields = std::tuple{Field{"chunks", &Record::chunks}, Field{"lengths", &Record::lengths}};
};

template <>
struct FieldTable<broker::PackedRuns> {
  static constexpr auto kFields = std::tuple{Field{"words", &broker::PackedRuns::words}};
};

template <>
struct FieldTable<broker::QueueRecord> {
  using Record = broker::QueueRecord;
  static constexpr auto kFields = std::tuple{Field{"name", &Record::name}, Field{"paused", &Record::paused}};
};

template <>
struct FieldTable<broker::LeaseRecord> {
  using Record = broker::LeaseRecord;
  static constexpr auto kFields = std::tuple{Field{"id", &Record::id},
                                             Field{"token", &Record::token},
                                             Field{"instance", &Record::instance},
                                             Field{"pipeline", &Record::pipeline},
                                             Field{"bytes", &Record::bytes},
                                             Field{"max_chunk_bytes", &Record::max_chunk_bytes},
                                             Field{"tenant", &Record::tenant},
                                             Field{"isolation", &Record::isolation},
                                             Field{"host", &Record::host},
                                             Field{"got", &Record::got},
                                             Field{"up", &Record::up},
                                             Field{"window_chunks", &Record::window_chunks},
                                             Field{"window_bytes", &Record::window_bytes},
                                             Field{"deadline_ms", &Record::deadline_ms}};
};

template <>
struct FieldTable<broker::TimingRecord> {
  using Record = broker::TimingRecord;
  static constexpr auto kFields = std::tuple{Field{"clock", &Record::clock},
                                             Field{"written_ms", &Record::written_ms},
                                             Field{"starts_ms", &Record::starts_ms},
                                             Field{"deadline_ms", &Record::deadline_ms},
                                             Field{"forgotten_ms", &Record::forgotten_ms},
                                             Field{"awaits", &Record::awaits}};
};

template <>
struct FieldTable<broker::DeadRecord> {
  using Record = broker::DeadRecord;
  static constexpr auto kFields =
      std::tuple{Field{"chunks", &Record::chunks},     Field{"lengths", &Record::lengths}, Field{"codes", &Record::codes},
                 Field{"attempts", &Record::attempts}, Field{"crashes", &Record::crashes}, Field{"details", &Record::details},
                 Field{"replayed", &Record::replayed}, Field{"kept", &Record::kept}};
};

template <>
struct FieldTable<broker::GrantPart> {
  using Record = broker::GrantPart;
  static constexpr auto kFields =
      std::tuple{Field{"batch", &Record::batch}, Field{"begin", &Record::begin}, Field{"count", &Record::count}};
};

template <>
struct FieldTable<broker::GrantRecord> {
  using Record = broker::GrantRecord;
  static constexpr auto kFields = std::tuple{Field{"id", &Record::id},   Field{"lease", &Record::lease}, Field{"token", &Record::token},
                                             Field{"job", &Record::job}, Field{"parts", &Record::parts}, Field{"alone", &Record::alone}};
};

}  // namespace sublet::wire
