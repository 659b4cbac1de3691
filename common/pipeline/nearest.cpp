#include "common/pipeline/nearest.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/pipeline/wording.hpp"

namespace sublet {

std::size_t edit_distance(std::string_view left, std::string_view right) {
  // Three rows of the table are alive at a time; the one before the last is for swapped neighbours.
  std::vector<std::size_t> before(right.size() + 1);
  std::vector<std::size_t> above(right.size() + 1);
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t j = 0; j <= right.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    std::swap(before, above);
    std::swap(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[right.size()];
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> words) {
  // Nothing of ours has a longer name, and the distance costs the product of both lengths.
  constexpr std::size_t kLongest = 256;
  if (word.empty() || word.size() > kLongest) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : words) {
    if (candidate.size() > kLongest) continue;
    const std::size_t distance = edit_distance(word, candidate);
    // Replacing every letter of a short word makes it any other word.
    if (distance >= best_distance || distance >= std::max(word.size(), candidate.size())) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

std::string name_remedy(std::string_view word, std::span<const std::string_view> words) {
  if (words.empty()) return "; there is none";
  if (const std::string_view best = nearest(word, words); !best.empty()) return "; did you mean " + in_quotes(best) + "?";
  constexpr std::size_t kMost = 10;
  std::string result = "; there is: ";
  for (std::size_t i = 0; i < std::min(words.size(), kMost); ++i) result += (i == 0 ? "" : ", ") + in_quotes(words[i]);
  return words.size() > kMost ? result + ", …" : result;
}

}  // namespace sublet
