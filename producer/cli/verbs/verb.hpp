#pragma once

// What every verb is made of: options that fill a struct, and an action that is run once the whole command line is understood.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

// App makes a Config and a Formatter, and only these two define them.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "common/error.hpp"
#include "producer/cli/console.hpp"
#include "producer/cli/exit_code.hpp"
#include "producer/cli/interrupts.hpp"
#include "producer/client.hpp"

namespace sublet::cli {

/// What `main` made for the verbs.
struct Environment {
  Console& console;
  Interrupts& interrupts;
  std::vector<std::filesystem::path> pipeline_folders;
};

using Action = std::function<ExitCode(Environment&)>;

/// Adds a verb whose `--help` ends with `example`, a command line.
CLI::App* add_verb(CLI::App& app, const std::string& name, const std::string& description, const std::string& example);

/// Where brokers are and how long to wait for them.
struct Connection {
  std::vector<std::string> brokers = {"tcp://127.0.0.1:7450"};
  bool insecure_network = false;
  std::string timeout = "5s";
};

void add_connection(CLI::App& verb, Connection& connection);
/// The part of it that says where the brokers are.
void add_broker(CLI::App& verb, Connection& connection);

/// `-o table|json`.
struct Format {
  std::string name = "table";
};

void add_format(CLI::App& verb, Format& format);
Result<bool> wants_json(const Format& format);

/// A client of those brokers. From here on a first Ctrl-C makes its calls return `interrupted`.
Result<Client> connect(Environment& environment, const Connection& connection);

/// The job of that id or unique beginning of one.
Result<JobId> find_job(Client& client, const std::string& text);

/// Connects, understands `-o`, and hands both to `action`; complains about whatever went wrong.
ExitCode with_client(Environment& environment, const Connection& connection, const Format& format,
                     const std::function<Result<ExitCode>(Client&, bool json)>& action);

void add_run(CLI::App& app, Action& chosen);
void add_up(CLI::App& app, Action& chosen);
void add_submit(CLI::App& app, Action& chosen);
void add_outputs(CLI::App& app, Action& chosen);
void add_jobs(CLI::App& app, Action& chosen);
void add_dead(CLI::App& app, Action& chosen);
void add_queues(CLI::App& app, Action& chosen);
void add_kernel(CLI::App& app, Action& chosen);
void add_pipeline(CLI::App& app, Action& chosen);
void add_version(CLI::App& app, Action& chosen);

}  // namespace sublet::cli
