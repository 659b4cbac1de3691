#pragma once

#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Error.hpp>

#include "common/error.hpp"

namespace sublet::cli {

/// What is wrong with a command line that could not be parsed, in our own words: the nearest right verb or option is suggested.
/// @param arguments  as typed, without the program's name
Error usage_error(const CLI::App& app, const CLI::ParseError& problem, const std::vector<std::string>& arguments);

/// The verb that `arguments` name as far as they do: `app` itself when there is none.
const CLI::App& named_verb(const CLI::App& app, const std::vector<std::string>& arguments);

/// What `--help` shows for them.
std::string help_text(const CLI::App& app, const std::vector<std::string>& arguments);

}  // namespace sublet::cli
