#include "common/pipeline/comparison.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "common/pipeline/wording.hpp"

namespace sublet {

std::optional<ComparisonText> split_comparison(std::string_view text) {
  // The longer ones first: "<=" begins as "<" does.
  static constexpr std::array<std::pair<std::string_view, Comparison>, 6> kOperators = {{{"==", Comparison::equal},
                                                                                         {"!=", Comparison::unequal},
                                                                                         {"<=", Comparison::at_most},
                                                                                         {">=", Comparison::at_least},
                                                                                         {"<", Comparison::less},
                                                                                         {">", Comparison::greater}}};
  constexpr std::string_view kSigns = "=!<>";
  const auto at = text.find_first_of(kSigns);
  if (at == std::string_view::npos) return std::nullopt;
  const auto rest = text.substr(at);
  const auto found = std::ranges::find_if(kOperators, [&](const auto& each) { return rest.starts_with(each.first); });
  if (found == kOperators.end() || rest.find_first_of(kSigns, found->first.size()) != std::string_view::npos) return std::nullopt;
  return ComparisonText{
      .left = trimmed(text.substr(0, at)), .comparison = found->second, .right = trimmed(rest.substr(found->first.size()))};
}

}  // namespace sublet
