#include "producer/cli/usage.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "common/pipeline/nearest.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

std::vector<std::string> verb_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* verb : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(verb->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const auto* option : verb.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    for (const auto& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  const auto near = nearest(word, views);
  return near.empty() ? "" : fmt::format("did you mean {}?", near);
}

/// What the user calls that verb: "sublet pipeline check".
std::string path_of(const CLI::App& verb) {
  return verb.get_parent() == nullptr ? verb.get_name() : path_of(*verb.get_parent()) + " " + verb.get_name();
}

Error wrong(const CLI::App& verb, std::string what, std::string remedy = "") {
  if (remedy.empty()) remedy = fmt::format("see: {} --help", path_of(verb));
  return {.code = ErrorCode::bad_argument, .detail = fmt::format("{}; {}", what, remedy)};
}

/// The first option that the verb does not have.
std::optional<std::string> unknown_option(const CLI::App& verb, const std::vector<std::string>& arguments) {
  const auto names = option_names(verb);
  for (const auto& argument : arguments) {
    if (argument == "--") return std::nullopt;
    if (argument.size() < 2 || argument[0] != '-' || std::isdigit(static_cast<unsigned char>(argument[1])) != 0) continue;
    const auto name = argument.substr(0, argument.find('='));
    if (std::ranges::find(names, name) == names.end() &&
        (argument[1] == '-' || std::ranges::find(names, argument.substr(0, 2)) == names.end())) {
      return name;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string help_text(const CLI::App& app, const std::vector<std::string>& arguments) {
  const auto& verb = named_verb(app, arguments);
  return verb.help(verb.get_parent() == nullptr ? "" : path_of(*verb.get_parent()));
}

const CLI::App& named_verb(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* verb = &app;
  for (const auto& argument : arguments) {
    const auto below = verb->get_subcommands([&](const CLI::App* candidate) { return candidate->get_name() == argument; });
    if (!below.empty()) verb = below.front();
  }
  return *verb;
}

Error usage_error(const CLI::App& app, const CLI::ParseError& problem, const std::vector<std::string>& arguments) {
  const auto& verb = named_verb(app, arguments);
  if (const auto option = unknown_option(verb, arguments)) {
    return wrong(verb, fmt::format("there is no option {} of \"{}\"", printable(*option), path_of(verb)),
                 did_you_mean(*option, option_names(verb)));
  }
  const auto names = verb_names(verb);
  const auto word = std::ranges::find_if(
      arguments, [&](const std::string& argument) { return !argument.starts_with('-') && argument != verb.get_name(); });
  if (!names.empty()) {
    if (word == arguments.end()) return wrong(verb, fmt::format("\"{}\" needs a command after it", path_of(verb)));
    return wrong(verb, fmt::format("there is no command \"{} {}\"", path_of(verb), printable(*word)), did_you_mean(*word, names));
  }
  const std::string_view text = problem.what();
  if (problem.get_name() == "ExtrasError") return wrong(verb, fmt::format("\"{}\" takes fewer arguments than that", path_of(verb)));
  if (problem.get_name() == "ArgumentMismatch") {
    return wrong(verb, fmt::format("{} needs a value", text.substr(0, text.find(':'))));
  }
  if (const auto equals = text.find(" = "); problem.get_name() == "ConversionError" && equals != std::string_view::npos) {
    const auto option = text.substr(0, equals);
    return wrong(verb,
                 fmt::format("{} takes a number, not \"{}\"", option.substr(option.rfind(' ') + 1), printable(text.substr(equals + 3))));
  }
  return wrong(verb, printable(text.substr(0, text.find('\n'))));
}

}  // namespace sublet::cli
