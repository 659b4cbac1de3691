#pragma once

#include <cstdlib>
#include <string>

#include "paths.hpp"

namespace sublet::test {

/// A file of the source tree; of $SUBLET_SOURCE_DIR where a test runs on another machine than the one that built it.
inline std::string source(const std::string& path) {
  const char* const folder = std::getenv("SUBLET_SOURCE_DIR");
  return std::string(folder != nullptr ? folder : SUBLET_SOURCE_DIR) + "/" + path;
}

}  // namespace sublet::test
