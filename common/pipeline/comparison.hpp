#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sublet {

enum class Comparison : std::uint8_t { equal, unequal, less, at_most, greater, at_least };

/// `n % 4 == 0` as its two sides, without the blanks around them, and what stands between.
struct ComparisonText {
  std::string_view left;
  Comparison comparison = Comparison::equal;
  std::string_view right;
};

/// Nothing when there is not exactly one of == != < <= > >= in it.
std::optional<ComparisonText> split_comparison(std::string_view text);

template <class Number>
bool compare(Number left, Comparison comparison, Number right) {
  switch (comparison) {
    case Comparison::equal:
      return left == right;
    case Comparison::unequal:
      return left != right;
    case Comparison::less:
      return left < right;
    case Comparison::at_most:
      return left <= right;
    case Comparison::greater:
      return left > right;
    case Comparison::at_least:
      return left >= right;
  }
  return false;
}

}  // namespace sublet
