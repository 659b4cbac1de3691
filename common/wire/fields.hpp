#pragma once

// Field tables of the structs that are no messages of their own, and the last value of each enum: what reader and writer are driven by.

#include <tuple>

#include "common/job.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/wire/messages.hpp"

namespace sublet::wire {

/// The fields of a struct as they stand in its map. Structs with `kFields` bring their own; the others follow.
template <class Struct>
struct FieldTable;

template <class Struct>
  requires requires { Struct::kFields; }
struct FieldTable<Struct> {
  static constexpr auto& kFields = Struct::kFields;
};

template <>
struct FieldTable<RetryPolicy> {
  static constexpr auto kFields =
      std::tuple{Field{"max_retries", &RetryPolicy::max_retries}, Field{"initial_backoff_ms", &RetryPolicy::initial_backoff},
                 Field{"max_backoff_ms", &RetryPolicy::max_backoff}};
};

template <>
struct FieldTable<JobSpec> {
  static constexpr auto kFields = std::tuple{Field{"queue", &JobSpec::queue},
                                             Field{"idempotency_key", &JobSpec::idempotency_key},
                                             Field{"name", &JobSpec::name},
                                             Field{"pipeline", &JobSpec::pipeline},
                                             Field{"max_chunk_bytes", &JobSpec::max_chunk_bytes},
                                             Field{"priority", &JobSpec::priority},
                                             Field{"policy", &JobSpec::policy},
                                             Field{"quorum", &JobSpec::quorum},
                                             Field{"aggregate", &JobSpec::aggregate},
                                             Field{"element", &JobSpec::element},
                                             Field{"retry", &JobSpec::retry},
                                             Field{"open_timeout_ms", &JobSpec::open_timeout},
                                             Field{"isolation", &JobSpec::isolation},
                                             Field{"delay_ms", &JobSpec::delay},
                                             Field{"after", &JobSpec::after},
                                             Field{"after_any", &JobSpec::after_any},
                                             Field{"deadline_ms", &JobSpec::deadline},
                                             Field{"ttl_ms", &JobSpec::ttl},
                                             Field{"host", &JobSpec::host},
                                             Field{"durability", &JobSpec::durability},
                                             Field{"tenant", &JobSpec::tenant}};
};

template <>
struct FieldTable<JobStatus> {
  static constexpr auto kFields = std::tuple{Field{"id", &JobStatus::id},
                                             Field{"name", &JobStatus::name},
                                             Field{"queue", &JobStatus::queue},
                                             Field{"state", &JobStatus::state},
                                             Field{"accepted", &JobStatus::accepted},
                                             Field{"ready", &JobStatus::ready},
                                             Field{"waiting", &JobStatus::waiting},
                                             Field{"leased", &JobStatus::leased},
                                             Field{"done", &JobStatus::done},
                                             Field{"dead", &JobStatus::dead},
                                             Field{"dropped", &JobStatus::dropped},
                                             Field{"retries", &JobStatus::retries},
                                             Field{"bytes_in", &JobStatus::bytes_in},
                                             Field{"bytes_out", &JobStatus::bytes_out},
                                             Field{"sessions", &JobStatus::sessions},
                                             Field{"age_ms", &JobStatus::age_ms},
                                             Field{"integer_value", &JobStatus::integer_value},
                                             Field{"float_value", &JobStatus::float_value},
                                             Field{"last_output", &JobStatus::last_output},
                                             Field{"error", &JobStatus::error},
                                             Field{"error_detail", &JobStatus::error_detail},
                                             Field{"hold", &JobStatus::hold},
                                             Field{"hold_ms", &JobStatus::hold_ms},
                                             Field{"after", &JobStatus::after},
                                             Field{"deadline_ms", &JobStatus::deadline_ms},
                                             Field{"forgotten_ms", &JobStatus::forgotten_ms},
                                             Field{"origin", &JobStatus::origin},
                                             Field{"by_reference", &JobStatus::by_reference}};
};

template <>
struct FieldTable<PipelineModule> {
  static constexpr auto kFields = std::tuple{Field{"name", &PipelineModule::name}, Field{"file", &PipelineModule::file}};
};

template <>
struct FieldTable<PipelineParameter> {
  static constexpr auto kFields = std::tuple{Field{"name", &PipelineParameter::name}, Field{"value", &PipelineParameter::value},
                                             Field{"variation", &PipelineParameter::variation}, Field{"least", &PipelineParameter::least},
                                             Field{"most", &PipelineParameter::most}};
};

template <>
struct FieldTable<PipelineBuffer> {
  static constexpr auto kFields = std::tuple{Field{"name", &PipelineBuffer::name}, Field{"bytes", &PipelineBuffer::bytes}};
};

template <>
struct FieldTable<PipelineResident> {
  static constexpr auto kFields =
      std::tuple{Field{"name", &PipelineResident::name}, Field{"file", &PipelineResident::file}, Field{"bytes", &PipelineResident::bytes}};
};

template <>
struct FieldTable<PipelineRepeat> {
  static constexpr auto kFields = std::tuple{Field{"first", &PipelineRepeat::first},        Field{"stages", &PipelineRepeat::stages},
                                             Field{"check", &PipelineRepeat::check},        Field{"times", &PipelineRepeat::times},
                                             Field{"every", &PipelineRepeat::every},        Field{"until", &PipelineRepeat::until},
                                             Field{"otherwise", &PipelineRepeat::otherwise}};
};

template <>
struct FieldTable<PipelineRequirement> {
  static constexpr auto kFields =
      std::tuple{Field{"that", &PipelineRequirement::that}, Field{"otherwise", &PipelineRequirement::otherwise}};
};

template <>
struct FieldTable<PipelineArgument> {
  static constexpr auto kFields = std::tuple{Field{"type", &PipelineArgument::type}, Field{"value", &PipelineArgument::value}};
};

template <>
struct FieldTable<PipelineStage> {
  static constexpr auto kFields = std::tuple{Field{"kernel", &PipelineStage::kernel}, Field{"module", &PipelineStage::module},
                                             Field{"over", &PipelineStage::over},     Field{"grid", &PipelineStage::grid},
                                             Field{"block", &PipelineStage::block},   Field{"shared_bytes", &PipelineStage::shared_bytes},
                                             Field{"args", &PipelineStage::args}};
};

template <>
struct FieldTable<PipelineOutput> {
  static constexpr auto kFields = std::tuple{Field{"buffer", &PipelineOutput::buffer}, Field{"bytes", &PipelineOutput::bytes},
                                             Field{"length", &PipelineOutput::length}, Field{"each", &PipelineOutput::each}};
};

template <>
struct FieldTable<PipelineValue> {
  static constexpr auto kFields = std::tuple{Field{"name", &PipelineValue::name}, Field{"value", &PipelineValue::value}};
};

template <>
struct FieldTable<PipelineHostStage> {
  static constexpr auto kFields = std::tuple{Field{"before", &PipelineHostStage::before}, Field{"function", &PipelineHostStage::function},
                                             Field{"from", &PipelineHostStage::from},     Field{"bytes", &PipelineHostStage::bytes},
                                             Field{"to", &PipelineHostStage::to},         Field{"length", &PipelineHostStage::length},
                                             Field{"values", &PipelineHostStage::values}, Field{"sets", &PipelineHostStage::sets}};
};

template <>
struct FieldTable<Pipeline> {
  static constexpr auto kFields = std::tuple{Field{"name", &Pipeline::name},
                                             Field{"modules", &Pipeline::modules},
                                             Field{"parameters", &Pipeline::parameters},
                                             Field{"buffers", &Pipeline::buffers},
                                             Field{"residents", &Pipeline::residents},
                                             Field{"require", &Pipeline::require},
                                             Field{"stages", &Pipeline::stages},
                                             Field{"repeats", &Pipeline::repeats},
                                             Field{"host_stages", &Pipeline::host_stages},
                                             Field{"inputs", &Pipeline::inputs},
                                             Field{"outputs", &Pipeline::outputs},
                                             Field{"lanes", &Pipeline::lanes},
                                             Field{"time_limit_ms", &Pipeline::time_limit_ms}};
};

template <>
struct FieldTable<ModuleImage> {
  static constexpr auto kFields = std::tuple{Field{"name", &ModuleImage::name}, Field{"image", &ModuleImage::image}};
};

template <>
struct FieldTable<ResidentData> {
  static constexpr auto kFields = std::tuple{Field{"name", &ResidentData::name}, Field{"data", &ResidentData::data}};
};

template <>
struct FieldTable<Bundle> {
  static constexpr auto kFields =
      std::tuple{Field{"pipeline", &Bundle::pipeline}, Field{"modules", &Bundle::modules}, Field{"residents", &Bundle::residents}};
};

/// The highest enumerator; all below it, from 0, exist.
template <class Enum>
struct Last;

template <>
struct Last<Role> {
  static constexpr Role kValue = Role::worker;
};
template <>
struct Last<Plane> {
  static constexpr Plane kValue = Plane::bulk;
};
template <>
struct Last<Listing> {
  static constexpr Listing kValue = Listing::workers;
};
template <>
struct Last<PolicyKind> {
  static constexpr PolicyKind kValue = PolicyKind::best_effort;
};
template <>
struct Last<AggregateKind> {
  static constexpr AggregateKind kValue = AggregateKind::max;
};
template <>
struct Last<ElementType> {
  static constexpr ElementType kValue = ElementType::i64;
};
template <>
struct Last<Isolation> {
  static constexpr Isolation kValue = Isolation::mps;
};
template <>
struct Last<Durability> {
  static constexpr Durability kValue = Durability::replicated;
};
template <>
struct Last<JobState> {
  static constexpr JobState kValue = JobState::cancelled;
};
template <>
struct Last<JobHold> {
  static constexpr JobHold kValue = JobHold::blocked;
};
template <>
struct Last<Variation> {
  static constexpr Variation kValue = Variation::real;
};
template <>
struct Last<ArgumentType> {
  static constexpr ArgumentType kValue = ArgumentType::f64;
};

}  // namespace sublet::wire
