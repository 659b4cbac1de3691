#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace sublet::golden {

/// Values of an operand's type at which something happens, the foremost first, perhaps with bits beyond its width.
/// @param type, bytes  as in `Operand`
std::vector<std::uint64_t> corners_of(std::string_view type, unsigned bytes);

}  // namespace sublet::golden
