#include "producer/cli/verbs/verb.hpp"

#include <array>

#include <fmt/format.h>

#include "common/pipeline/nearest.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

/// The most jobs that a broker lists; a beginning of an id is looked for among them.
constexpr std::uint32_t kListed = 1000;

}  // namespace

CLI::App* add_verb(CLI::App& app, const std::string& name, const std::string& description, const std::string& example) {
  auto* verb = app.add_subcommand(name, description);
  verb->footer("\nExample:\n  " + example);
  return verb;
}

void add_broker(CLI::App& verb, Connection& connection) {
  verb.add_option("--broker", connection.brokers, "Control endpoint of a broker; of several: again, or with commas between")
      ->envname("SUBLET_BROKER")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("EP")
      ->default_str(connection.brokers.front());
  verb.add_flag("--insecure-network", connection.insecure_network, "Allow a broker that is not on this host, in clear text")
      ->envname("SUBLET_INSECURE_NETWORK");
}

void add_connection(CLI::App& verb, Connection& connection) {
  add_broker(verb, connection);
  verb.add_option("--timeout", connection.timeout, "How long to wait for an answer")->type_name("DURATION")->capture_default_str();
}

void add_format(CLI::App& verb, Format& format) {
  verb.add_option("-o,--output", format.name, "table or json")->type_name("FORMAT")->capture_default_str();
}

Result<bool> wants_json(const Format& format) {
  static constexpr std::array<std::string_view, 2> kFormats{"table", "json"};
  if (format.name == "json" || format.name == "table") return format.name == "json";
  return fail(ErrorCode::bad_argument,
              fmt::format("there is no format \"{}\"{}", printable(format.name), name_remedy(format.name, kFormats)));
}

Result<Client> connect(Environment& environment, const Connection& connection) {
  const auto timeout = parse_duration(connection.timeout, "--timeout");
  if (!timeout) return std::unexpected(timeout.error());
  auto client = Client::connect({.brokers = connection.brokers,
                                 .name = "",
                                 .connect_timeout = *timeout,
                                 .call_timeout = *timeout,
                                 .insecure_network = connection.insecure_network});
  if (client) environment.interrupts.on_first([shared = *client]() mutable { shared.interrupt(); });
  return client;
}

Result<JobId> find_job(Client& client, const std::string& text) {
  const auto prefix = parse_job_prefix(text);
  if (!prefix) return std::unexpected(prefix.error());
  if (prefix->size() == 16) {
    const auto id = parse_hex_id(*prefix);
    if (!id) return std::unexpected(id.error());
    return JobId{*id};
  }
  const auto jobs = client.jobs(kListed);
  if (!jobs) return std::unexpected(jobs.error());
  std::vector<JobId> found;
  for (const auto& job : *jobs) {
    if (to_hex(job.id).starts_with(*prefix)) found.push_back(job.id);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) return fail(ErrorCode::not_found, fmt::format("no job begins with {}; list them with: sublet jobs", *prefix));
  return fail(ErrorCode::bad_argument, fmt::format("{} jobs begin with {}, for example {} and {}; type more digits", found.size(), *prefix,
                                                   to_hex(found[0]), to_hex(found[1])));
}

ExitCode with_client(Environment& environment, const Connection& connection, const Format& format,
                     const std::function<Result<ExitCode>(Client&, bool json)>& action) {
  const auto json = wants_json(format);
  if (!json) return environment.console.complain(json.error());
  auto client = connect(environment, connection);
  if (!client) return environment.console.complain(client.error());
  const auto done = action(*client, *json);
  environment.interrupts.on_first({});
  return done ? *done : environment.console.complain(done.error());
}

}  // namespace sublet::cli
