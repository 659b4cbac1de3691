#pragma once

#include <cstdint>
#include <span>

#include "broker/stores/record.hpp"
#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/job.hpp"

namespace sublet::broker {

/// Whether a job's outputs are kept in its output log. The others fold into a value, and the log holds their dead chunks only.
constexpr bool keeps_outputs(AggregateKind kind) { return kind == AggregateKind::collect || kind == AggregateKind::concat; }

/// Bytes that a chunk's output must be a multiple of.
std::uint32_t element_bytes(const JobSpec& spec);

/// Folds the elements in `bytes`, a multiple of `element_bytes` long, into `value`. Not for `collect`, `concat` and `count`.
///
/// `sum` of floats is compensated, so it hardly depends on the order in which outputs come; a NaN makes it NaN. `min` and `max` pass over
/// NaN, as C's fmin does. A sum of i64 that leaves the type is `out_of_range`: the job fails rather than wraps.
Result<void> fold(const JobSpec& spec, ByteView bytes, AggregateValue& value);

/// The f32 and f64 aggregate; NaN for a `min` or `max` of nothing.
double real_value(const JobSpec& spec, const AggregateValue& value);

}  // namespace sublet::broker
