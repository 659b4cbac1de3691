#pragma once

// What kernels are given, written in a word each.

#include <cstring>
#include <span>

#include "common/random.hpp"
#include "tests/golden/kernel_case.hpp"

namespace sublet::golden {

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  const auto view = std::as_bytes(std::span(values));
  return {view.begin(), view.end()};
}

template <class T>
constexpr Meaning meaning_of() {
  return std::is_same_v<T, float> ? Meaning::f32 : (std::is_same_v<T, double> ? Meaning::f64 : Meaning::none);
}

template <class T>
Argument number(T value) {
  Argument made;
  made.bytes.resize(sizeof(T));
  std::memcpy(made.bytes.data(), &value, sizeof(T));
  return made;
}
template <class T>
Argument input(const std::vector<T>& values) {
  return {.bytes = bytes_of(values), .buffer = true};
}
/// Read and written: compared afterwards.
template <class T>
Argument changed(const std::vector<T>& values, const Bound& bound = {}) {
  return {.bytes = bytes_of(values), .buffer = true, .element = sizeof(T), .meaning = meaning_of<T>(), .bound = bound};
}
/// `count` zeroes for the kernel to write over.
template <class T>
Argument output(std::size_t count, const Bound& bound = {}) {
  return changed(std::vector<T>(count), bound);
}
template <class T>
Argument unordered(std::size_t count) {
  Argument made = output<T>(count);
  made.unordered = true;
  return made;
}

/// From `low` to below `high`; the same for the same `count` and range.
inline std::vector<float> floats(std::size_t count, float low, float high) {
  SeededRandom random(count);
  std::vector<float> made(count);
  for (float& each : made) each = low + (high - low) * static_cast<float>(random.spread());
  return made;
}
/// From `low` to `high`.
template <class T>
std::vector<T> integers(std::size_t count, std::int64_t low, std::int64_t high) {
  SeededRandom random(count);
  std::vector<T> made(count);
  for (T& each : made) each = static_cast<T>(low + static_cast<std::int64_t>(random.next() % static_cast<std::uint64_t>(high - low + 1)));
  return made;
}

}  // namespace sublet::golden
