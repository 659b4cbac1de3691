#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "producer/cli/verbs/verb.hpp"

namespace sublet::cli {
namespace {

ExitCode version(Environment& environment, const Format& format) {
  const auto json = wants_json(format);
  if (!json) return environment.console.complain(json.error());
  environment.console.print(*json ? nlohmann::ordered_json{{"version", SUBLET_VERSION}, {"protocol", "SUB/1"}}.dump(2) + '\n'
                                  : fmt::format("sublet {} (protocol SUB/1)\n", SUBLET_VERSION));
  return ExitCode::ok;
}

}  // namespace

void add_version(CLI::App& app, Action& chosen) {
  auto format = std::make_shared<Format>();
  auto* verb = add_verb(app, "version", "Say which release this is", "sublet version -o json");
  add_format(*verb, *format);
  verb->callback([format, &chosen] { chosen = [format](Environment& environment) { return version(environment, *format); }; });
}

}  // namespace sublet::cli
