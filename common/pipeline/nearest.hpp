#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace sublet {

/// Letters to insert, drop, replace or swap with their neighbour to make one word of the other (Damerau, restricted).
std::size_t edit_distance(std::string_view left, std::string_view right);

/// The word most like `word`, or empty when none is alike: more than a third of its letters, and more than one, are wrong.
std::string_view nearest(std::string_view word, std::span<const std::string_view> words);

/// The end of an error about a name that is not there: `; did you mean "raw"?`, else `; there is: "raw", "decoded"` (ten at most), else
/// `; there is none`.
std::string name_remedy(std::string_view word, std::span<const std::string_view> words);

}  // namespace sublet
