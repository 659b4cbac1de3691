#include "common/ids.hpp"

#include <fmt/format.h>

namespace sublet {

std::string to_hex(std::uint64_t value) { return fmt::format("{:016x}", value); }

}  // namespace sublet
