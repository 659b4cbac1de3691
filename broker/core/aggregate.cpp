#include "broker/core/aggregate.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

namespace sublet::broker {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are little-endian on the wire and folded as they lie");

template <class T>
T element_at(ByteView bytes, std::size_t index) {
  T element;
  std::memcpy(&element, bytes.data() + index * sizeof(T), sizeof(T));
  return element;
}

/// Neumaier's compensated sum.
void add(AggregateValue& value, double element) {
  const double sum = value.real + element;
  if (std::isfinite(sum)) {
    value.lost += std::abs(value.real) >= std::abs(element) ? (value.real - sum) + element : (element - sum) + value.real;
  }
  value.real = sum;
}

template <class T>
Result<void> fold_reals(AggregateKind kind, ByteView bytes, AggregateValue& value) {
  for (std::size_t index = 0; index < bytes.size() / sizeof(T); ++index) {
    const auto element = static_cast<double>(element_at<T>(bytes, index));
    if (kind == AggregateKind::sum) {
      add(value, element);
      ++value.elements;
      continue;
    }
    if (std::isnan(element)) continue;
    const bool better = kind == AggregateKind::min ? element < value.real : element > value.real;
    if (value.elements == 0 || better) value.real = element;
    ++value.elements;
  }
  return {};
}

Result<void> fold_integers(AggregateKind kind, ByteView bytes, AggregateValue& value) {
  for (std::size_t index = 0; index < bytes.size() / sizeof(std::int64_t); ++index) {
    const auto element = element_at<std::int64_t>(bytes, index);
    if (kind == AggregateKind::sum) {
      std::int64_t sum = 0;
      if (__builtin_add_overflow(value.integer, element, &sum)) {
        return fail(ErrorCode::out_of_range, "the sum of i64 outputs leaves the type; sum as f64 or scale the outputs down");
      }
      value.integer = sum;
    } else {
      const bool better = kind == AggregateKind::min ? element < value.integer : element > value.integer;
      if (value.elements == 0 || better) value.integer = element;
    }
    ++value.elements;
  }
  return {};
}

}  // namespace

std::uint32_t element_bytes(const JobSpec& spec) {
  if (keeps_outputs(spec.aggregate) || spec.aggregate == AggregateKind::count) return 1;
  return spec.element == ElementType::f32 ? 4 : 8;
}

Result<void> fold(const JobSpec& spec, ByteView bytes, AggregateValue& value) {
  switch (spec.element) {
    case ElementType::f32:
      return fold_reals<float>(spec.aggregate, bytes, value);
    case ElementType::f64:
      return fold_reals<double>(spec.aggregate, bytes, value);
    case ElementType::i64:
      break;
  }
  return fold_integers(spec.aggregate, bytes, value);
}

double real_value(const JobSpec& spec, const AggregateValue& value) {
  if (spec.aggregate == AggregateKind::sum) return value.real + (std::isfinite(value.real) ? value.lost : 0.0);
  return value.elements == 0 ? std::numeric_limits<double>::quiet_NaN() : value.real;
}

}  // namespace sublet::broker
