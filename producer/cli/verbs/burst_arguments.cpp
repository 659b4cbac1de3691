#include "producer/cli/verbs/burst_arguments.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "producer/cli/joined_inputs.hpp"
#include "producer/cli/payload.hpp"
#include "producer/cli/pipelines.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {

void add_burst_options(CLI::App& verb, BurstArguments& arguments) {
  verb.add_option("PIPELINE", arguments.pipeline, "A pipeline's YAML file, or a shipped one (sublet pipeline ls)")
      ->type_name("")
      ->required();
  verb.add_option("--in", arguments.in, "Folders and files to submit, one chunk per file; of several inputs, NAME=DIR for each")
      ->type_name("DIR|FILE")
      ->required();
  verb.add_option("--out", arguments.out, "Where the outputs go: a folder, under the names of the inputs; a file for concat")
      ->type_name("DIR|FILE");
  verb.add_option("--set", arguments.settings, "Another value for a parameter of the pipeline, in all chunks")
      ->type_name("NAME=NUMBER")
      ->take_all()
      ->allow_extra_args(false);
  verb.add_option("--limit", arguments.limit, "Only the first N files, in order of their names")->type_name("N");
  verb.add_option("--retries", arguments.retries, "Attempts after the first, for errors that may pass")
      ->type_name("N")
      ->capture_default_str();
  verb.add_option("--policy", arguments.policy, "all: one dead chunk fails the job; best_effort: the others go on")
      ->type_name("POLICY")
      ->capture_default_str();
  verb.add_option("--aggregate", arguments.aggregate, "collect, concat, count, sum, min or max")->type_name("KIND")->capture_default_str();
  verb.add_option("--element", arguments.element, "Type of the numbers in sum, min and max: f32, f64 or i64")
      ->type_name("TYPE")
      ->capture_default_str();
  verb.add_option(
          "--isolation", arguments.isolation,
          "tenant: sessions share a process with your others on a card; process: each has its own; mps: as tenant, side by side with "
          "others, where a worker's host runs an MPS daemon")
      ->type_name("CLASS")
      ->capture_default_str();
  verb.add_option("--tenant", arguments.tenant, "Whose work it is: tenants have turns on the cards, and share no session process")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--durability", arguments.durability,
                  "The least that the broker's store has to give, else nothing is submitted: none, fast, fsync or replicated")
      ->type_name("CLASS")
      ->capture_default_str();
  verb.add_option("--by-reference", arguments.by_reference,
                  "Files and outputs stay in that much memory which the workers of this host share, for example 256MiB")
      ->type_name("SIZE");
}

namespace {

/// A job by reference ends with its producer, and the broker never sees an output.
Result<std::optional<ByReference>> shared_memory(const BurstArguments& arguments, AggregateKind aggregate, bool fetch) {
  if (arguments.by_reference.empty()) return std::nullopt;
  const auto memory = parse_size(arguments.by_reference, "--by-reference");
  if (!memory) return std::unexpected(memory.error());
  if (!fetch) return fail(ErrorCode::bad_argument, "--by-reference keeps the files in this process until they have run; add --wait");
  if (aggregate != AggregateKind::collect) {
    return fail(ErrorCode::bad_argument,
                fmt::format("--by-reference with --aggregate {}: such outputs never reach the broker; use collect", name_of(aggregate)));
  }
  return ByReference{.memory = *memory};
}

Result<JobSpec> make_spec(const BurstArguments& arguments) {
  const auto policy = parse_policy(arguments.policy);
  if (!policy) return std::unexpected(policy.error());
  const auto aggregate = parse_aggregate(arguments.aggregate);
  if (!aggregate) return std::unexpected(aggregate.error());
  const auto element = parse_element(arguments.element);
  if (!element) return std::unexpected(element.error());
  const auto isolation = parse_isolation(arguments.isolation);
  if (!isolation) return std::unexpected(isolation.error());
  const auto durability = parse_durability(arguments.durability);
  if (!durability) return std::unexpected(durability.error());
  JobSpec spec;
  spec.durability = *durability;
  spec.policy = *policy;
  spec.aggregate = *aggregate;
  spec.element = *element;
  spec.isolation = *isolation;
  spec.tenant = arguments.tenant;
  spec.retry.max_retries = arguments.retries;
  return spec;
}

/// Only a folder keeps several outputs apart.
Result<void> check_outputs(const Pipeline& pipeline, AggregateKind aggregate) {
  if (pipeline.outputs.size() < 2 || aggregate == AggregateKind::collect || aggregate == AggregateKind::count) return {};
  return fail(ErrorCode::bad_argument, fmt::format("--aggregate {}: pipeline {} has {} outputs; use collect, which keeps each",
                                                   name_of(aggregate), pipeline.name, pipeline.outputs.size()));
}

/// The files, and the chunks that they make.
Result<std::vector<InputSources>> find_inputs(const BurstArguments& arguments, BurstPlan& plan) {
  auto sources = sources_of_inputs(arguments.in, plan.bundle.pipeline);
  if (!sources) return sources;
  auto inputs = collect_joined(*sources, arguments.limit);
  if (!inputs) return std::unexpected(inputs.error());
  plan.inputs = *std::move(inputs);
  const PayloadReader payloads(plan.bundle.pipeline);
  plan.spec.max_chunk_bytes = 0;
  for (const InputFile& file : plan.inputs.files) {
    plan.spec.max_chunk_bytes = std::max(plan.spec.max_chunk_bytes, payloads.bytes_of(file));
  }
  return sources;
}

Result<void> check_out(const BurstPlan& plan, std::span<const InputSources> sources, const std::string& out) {
  if (out.empty() || plan.spec.aggregate != AggregateKind::collect) return {};
  std::vector<std::string> paths;
  for (const InputSources& each : sources) paths.insert(paths.end(), each.paths.begin(), each.paths.end());
  return check_output_folder(paths, plan.inputs, out, output_endings(plan.bundle.pipeline));
}

}  // namespace

Result<BurstPlan> make_plan(const Environment& environment, const BurstArguments& arguments, bool fetch) {
  BurstPlan plan;
  auto spec = make_spec(arguments);
  if (!spec) return std::unexpected(spec.error());
  plan.spec = std::move(*spec);
  auto by_reference = shared_memory(arguments, plan.spec.aggregate, fetch);
  if (!by_reference) return std::unexpected(by_reference.error());
  plan.by_reference = *by_reference;
  auto bundle = load_pipeline(arguments.pipeline, environment.pipeline_folders, arguments.settings);
  if (!bundle) return std::unexpected(bundle.error());
  plan.bundle = std::move(*bundle);
  if (auto outputs = check_outputs(plan.bundle.pipeline, plan.spec.aggregate); !outputs) return std::unexpected(outputs.error());
  const auto sources = find_inputs(arguments, plan);
  if (!sources) return std::unexpected(sources.error());
  // A size expression that has no value for the largest file is better said now than by every chunk.
  if (auto needed = lease_bytes(plan.bundle, plan.spec.max_chunk_bytes); !needed) return std::unexpected(needed.error());
  if (!fetch) return plan;
  if (auto checked = check_out(plan, *sources, arguments.out); !checked) return std::unexpected(checked.error());
  auto sink = open_sink(plan.spec.aggregate, arguments.out);
  if (!sink) return std::unexpected(sink.error());
  plan.sink = std::move(*sink);
  return plan;
}

}  // namespace sublet::cli
