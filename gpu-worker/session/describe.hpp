#pragma once

#include <string>
#include <string_view>

#include "common/error.hpp"

namespace sublet::session {

/// What the cpu device makes of a file of PTX or CUDA C++, as JSON, for `sublet kernel check`: `version`, `target`, `kernels`, `refused`,
/// `refused_total`; or `error`, with `name` and `detail`.
std::string describe_module(const std::string& file);

/// `io_failed` when the reader is gone.
Result<void> write_all(int fd, std::string_view text);

}  // namespace sublet::session
