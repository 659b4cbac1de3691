#pragma once

// How this folder's errors are worded.

#include <string>
#include <string_view>

#include "common/error.hpp"

namespace sublet {

/// `"text"`, cut after 80 bytes and with whatever is no printable ASCII as `?`, so that no input makes an error long or unreadable.
std::string in_quotes(std::string_view text);

/// The error with the place it was found in: `where: detail`.
std::unexpected<Error> fail_in(std::string_view where, Error error);

/// Without the blanks, tabs and line ends around it.
std::string_view trimmed(std::string_view text);

}  // namespace sublet
