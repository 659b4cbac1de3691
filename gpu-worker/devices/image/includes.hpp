#pragma once

#include <string_view>

#include "common/error.hpp"

namespace sublet::image {

/// Whether a source names no file of this host. NVRTC opens whatever file an `#include` or `__has_include` names, by path or beside the
/// process, and quotes its lines in the log; a source comes from another machine and has no business there. Allowed is `<name>` without
/// `..`, which is looked for among the headers that NVRTC itself has. Looks into comments and strings too, since what is one is the
/// compiler's to decide: `load_failed` for a path there as well.
Result<void> check_includes(std::string_view source);

}  // namespace sublet::image
