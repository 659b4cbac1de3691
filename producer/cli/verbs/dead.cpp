#include <fstream>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "producer/cli/dead_listing.hpp"
#include "producer/cli/listing.hpp"
#include "producer/cli/pipelines.hpp"
#include "producer/cli/text.hpp"
#include "producer/cli/verbs/verb.hpp"

namespace sublet::cli {
namespace {

struct DeadArguments {
  std::string job;
  std::string queue;
  std::string codes;
  std::string chunks;
  std::string chunk;
  std::string payload;
  std::string pipeline;
  std::vector<std::string> settings;
  std::optional<std::uint32_t> retries;
  std::string max_chunk_bytes;
  std::string new_queue;
  bool again = false;
  Connection connection;
  Format format;
};

Result<DeadSelection> selection_of(const DeadArguments& arguments) {
  DeadSelection selection;
  if (!arguments.codes.empty()) {
    auto codes = parse_codes(arguments.codes);
    if (!codes) return std::unexpected(codes.error());
    selection.codes.values = std::move(*codes);
  }
  const auto& text = arguments.chunk.empty() ? arguments.chunks : arguments.chunk;
  if (!text.empty()) {
    auto chunks = parse_chunks(text);
    if (!chunks) return std::unexpected(chunks.error());
    selection.chunks = std::move(*chunks);
  }
  return selection;
}

Result<ExitCode> list(Environment& environment, const DeadArguments& arguments, Client& client, bool json) {
  JobId job;
  if (!arguments.job.empty()) {
    const auto found = find_job(client, arguments.job);
    if (!found) return std::unexpected(found.error());
    job = *found;
  }
  const auto classes = client.dead(job, arguments.queue);
  if (!classes) return std::unexpected(classes.error());
  environment.console.print(json ? json_line(dead_classes_json(*classes)) : dead_classes_table(*classes, environment.console.width()));
  return ExitCode::ok;
}

Result<void> write_payload(Client& client, JobId job, const DeadSelection& selection, const std::string& path) {
  if (selection.chunks.size() != 1 || selection.chunks.front().count != 1) {
    return fail(ErrorCode::bad_argument, "--payload takes one chunk; name it: sublet dead show JOB CHUNK --payload FILE");
  }
  const auto payload = client.dead_payload(job, ChunkId{selection.chunks.front().first});
  if (!payload) return std::unexpected(payload.error());
  std::ofstream file(path, std::ios::binary);
  const auto bytes = as_text(payload->view());
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return fail(ErrorCode::io_failed, fmt::format("{} could not be written; check the path and the disk", printable(path)));
  return {};
}

Result<ExitCode> show(Environment& environment, const DeadArguments& arguments, Client& client, bool json) {
  const auto selection = selection_of(arguments);
  if (!selection) return std::unexpected(selection.error());
  const auto job = find_job(client, arguments.job);
  if (!job) return std::unexpected(job.error());
  const auto chunks = client.dead_chunks(*job, *selection);
  if (!chunks) return std::unexpected(chunks.error());
  if (!arguments.payload.empty()) {
    if (auto written = write_payload(client, *job, *selection, arguments.payload); !written) return std::unexpected(written.error());
  }
  if (json) {
    auto array = nlohmann::ordered_json::array();
    for (const auto& chunk : *chunks) array.push_back(dead_chunk_json(chunk));
    environment.console.print(json_line(array));
  } else {
    environment.console.print(dead_chunks_table(*chunks, environment.console.width()));
  }
  return ExitCode::ok;
}

Result<ReplayRequest> replay_of(const Environment& environment, const DeadArguments& arguments) {
  ReplayRequest request;
  auto selection = selection_of(arguments);
  if (!selection) return std::unexpected(selection.error());
  request.select = std::move(*selection);
  request.again = arguments.again;
  if (!arguments.pipeline.empty()) {
    auto bundle = load_pipeline(arguments.pipeline, environment.pipeline_folders, arguments.settings);
    if (!bundle) return std::unexpected(bundle.error());
    request.bundle = std::move(*bundle);
  }
  std::optional<std::uint64_t> bytes;
  if (!arguments.max_chunk_bytes.empty()) {
    const auto size = parse_size(arguments.max_chunk_bytes, "--max-chunk-bytes");
    if (!size) return std::unexpected(size.error());
    bytes = size->count;
  }
  request.change = [retries = arguments.retries, bytes, queue = arguments.new_queue](JobSpec& spec) {
    if (retries) spec.retry.max_retries = *retries;
    if (bytes) spec.max_chunk_bytes = *bytes;
    if (!queue.empty()) spec.queue = queue;
  };
  return request;
}

Result<ExitCode> replay(Environment& environment, const DeadArguments& arguments, Client& client, bool json) {
  const auto request = replay_of(environment, arguments);
  if (!request) return std::unexpected(request.error());
  const auto job = find_job(client, arguments.job);
  if (!job) return std::unexpected(job.error());
  const auto replayed = client.replay(*job, *request);
  if (!replayed) return std::unexpected(replayed.error());
  const auto id = to_hex(replayed->id());
  const auto chunks = replayed->accepted_before();
  environment.console.print(json ? json_line({{"id", id}, {"origin", to_hex(*job)}, {"chunks", chunks}})
                                 : fmt::format("Replaying {} of {} as job {}.\nwatch it: sublet job {} --watch\n",
                                               plural(chunks, "dead chunk"), to_hex(*job), id, id));
  return ExitCode::ok;
}

Result<ExitCode> remove(Environment& environment, const DeadArguments& arguments, Client& client, bool json) {
  const auto selection = selection_of(arguments);
  if (!selection) return std::unexpected(selection.error());
  const auto job = find_job(client, arguments.job);
  if (!job) return std::unexpected(job.error());
  const auto removed = client.forget_dead(*job, *selection);
  if (!removed) return std::unexpected(removed.error());
  environment.console.print(json ? json_line({{"job", to_hex(*job)}, {"chunks", *removed}})
                                 : fmt::format("Forgot {} of {}.\n", plural(*removed, "dead chunk"), to_hex(*job)));
  return ExitCode::ok;
}

using DeadAction = Result<ExitCode> (*)(Environment&, const DeadArguments&, Client&, bool);

void choose(CLI::App& verb, const std::shared_ptr<DeadArguments>& arguments, Action& chosen, DeadAction action) {
  add_connection(verb, arguments->connection);
  add_format(verb, arguments->format);
  verb.callback([arguments, &chosen, action] {
    chosen = [arguments, action](Environment& environment) {
      if (!arguments->job.empty()) {
        if (const auto prefix = parse_job_prefix(arguments->job); !prefix) return environment.console.complain(prefix.error());
      }
      return with_client(environment, arguments->connection, arguments->format,
                         [&](Client& client, bool json) { return action(environment, *arguments, client, json); });
    };
  });
}

void add_selection(CLI::App& verb, DeadArguments& arguments) {
  verb.add_option("JOB", arguments.job, "The job's id, or the beginning of it")->type_name("")->required();
  verb.add_option("--code", arguments.codes, "Only those with these errors, as transient,poison")->type_name("NAME");
  verb.add_option("--chunks", arguments.chunks, "Only these chunks, as 1,4,10-20")->type_name("IDS");
}

void add_replay(CLI::App& dead, Action& chosen) {
  auto arguments = std::make_shared<DeadArguments>();
  auto* verb =
      add_verb(dead, "replay", "Run dead chunks again, as a job of their own", "sublet dead replay 5f2c --code transient --max-retries 10");
  add_selection(*verb, *arguments);
  verb->add_option("--pipeline", arguments->pipeline, "By this pipeline, instead of the one they died in")->type_name("PIPELINE");
  verb->add_option("--set", arguments->settings, "With --pipeline: another value for one of its parameters")
      ->type_name("NAME=NUMBER")
      ->take_all()
      ->allow_extra_args(false);
  verb->add_option("--max-retries", arguments->retries, "Attempts after the first, for errors that may pass")->type_name("N");
  verb->add_option("--max-chunk-bytes", arguments->max_chunk_bytes, "Size its sessions for chunks of that many bytes")->type_name("SIZE");
  verb->add_option("--queue", arguments->new_queue, "In this queue, instead of the one they died in")->type_name("NAME");
  verb->add_flag("--again", arguments->again, "Also those that were replayed before");
  choose(*verb, arguments, chosen, replay);
}

}  // namespace

void add_dead(CLI::App& app, Action& chosen) {
  auto* dead = add_verb(app, "dead", "Chunks that failed for good: look at them, run them again", "sublet dead ls");
  dead->require_subcommand(1);

  auto listed = std::make_shared<DeadArguments>();
  auto* ls = add_verb(*dead, "ls", "Dead chunks by error", "sublet dead ls --queue default");
  ls->add_option("JOB", listed->job, "Of one job")->type_name("");
  ls->add_option("--queue", listed->queue, "Of the jobs in one queue")->type_name("NAME");
  choose(*ls, listed, chosen, list);

  auto shown = std::make_shared<DeadArguments>();
  auto* show_verb = add_verb(*dead, "show", "Each dead chunk of a job", "sublet dead show 5f2c 17 --payload chunk17.bin");
  add_selection(*show_verb, *shown);
  show_verb->add_option("CHUNK", shown->chunk, "Only this chunk")->type_name("");
  show_verb->add_option("--payload", shown->payload, "Write the chunk's payload to this file")->type_name("FILE");
  choose(*show_verb, shown, chosen, show);

  add_replay(*dead, chosen);

  auto removed = std::make_shared<DeadArguments>();
  auto* rm = add_verb(*dead, "rm", "Forget dead chunks and their payloads", "sublet dead rm 5f2c --code bad_size");
  add_selection(*rm, *removed);
  choose(*rm, removed, chosen, remove);
}

}  // namespace sublet::cli
