// The `sublet` command: makes what its verbs need, and hands over to the one that was asked for.

#include <cstdlib>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "common/io/process.hpp"
#include "producer/cli/console.hpp"
#include "producer/cli/interrupts.hpp"
#include "producer/cli/pipelines.hpp"
#include "producer/cli/usage.hpp"
#include "producer/cli/verbs/verb.hpp"

namespace sublet::cli {
namespace {

void add_verbs(CLI::App& app, Action& chosen) {
  app.require_subcommand(1);
  app.footer("\nExample:\n  sublet run video --in clips/ --out decoded/\n\n\"sublet VERB --help\" says more about each.");
  app.set_version_flag("--version", std::string("sublet ") + SUBLET_VERSION);
  add_run(app, chosen);
  add_up(app, chosen);
  add_submit(app, chosen);
  add_outputs(app, chosen);
  add_jobs(app, chosen);
  add_dead(app, chosen);
  add_queues(app, chosen);
  add_pipeline(app, chosen);
  add_kernel(app, chosen);
  add_version(app, chosen);
}

/// Parses and runs; every error was printed when this returns.
ExitCode run_command(Console& console, const std::vector<std::string>& arguments) {
  CLI::App app("Lease a slice of a GPU, run the whole pipeline there, give it back.", "sublet");
  Action chosen;
  add_verbs(app, chosen);
  if (arguments.empty()) {
    console.say(app.help());
    return ExitCode::usage;
  }
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    console.print(help_text(app, arguments));
    return ExitCode::ok;
  } catch (const CLI::CallForVersion& version) {
    console.print(std::string(version.what()) + '\n');
    return ExitCode::ok;
  } catch (const CLI::ParseError& problem) {
    return console.complain(usage_error(app, problem, arguments));
  }
  const auto folder = io::program_folder();
  if (!folder) return console.complain(folder.error());
  auto interrupts = Interrupts::open();
  if (!interrupts) return console.complain(interrupts.error());
  Environment environment{
      .console = console, .interrupts = **interrupts, .pipeline_folders = pipeline_folders(std::getenv("SUBLET_KERNELS"), *folder)};
  return chosen(environment);
}

}  // namespace
}  // namespace sublet::cli

int main(int argc, char** argv) {
  auto console = sublet::cli::Console::standard();
  return static_cast<int>(sublet::cli::run_command(console, std::vector<std::string>(argv + 1, argv + argc)));
}
