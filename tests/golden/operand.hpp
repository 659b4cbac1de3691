#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/golden/bound.hpp"

namespace sublet::golden {

/// A source or a result of an instruction form: a PTX type, or one of these, which are types with values of their own: `shift` counts
/// around the widths, `field` places and lengths, `lane` numbers, `turn` and `turns` angles of up to 2 and 100 pi.
struct Operand {
  std::string type;
  unsigned bytes = 4;  ///< in memory and in its register; 1 is a predicate's

  [[nodiscard]] bool is_predicate() const { return bytes == 1; }
  [[nodiscard]] std::string_view register_type() const;
  [[nodiscard]] Meaning meaning() const;
};

/// @param type  has to be one that PTX or the list above has
Operand operand_of(std::string_view type);

/// How many threads run a form of `sources` sources, a multiple of a warp.
std::size_t lanes_of(std::size_t sources);

/// The values of source `index` of `sources`, one a lane: the same for every form. First every combination of the foremost corner cases,
/// then corner cases beside numbers drawn from a seed.
std::vector<std::uint64_t> values_of(const Operand& operand, std::size_t index, std::size_t sources);

}  // namespace sublet::golden
