#include "producer/cli/verbs/burst_arguments.hpp"

#include <utility>

#include <fmt/format.h>

#include "common/wire/chunk_header.hpp"
#include "producer/cli/pipelines.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {

void add_burst_options(CLI::App& verb, BurstArguments& arguments) {
  verb.add_option("PIPELINE", arguments.pipeline, "A pipeline's YAML file, or a shipped one (sublet pipeline ls)")
      ->type_name("")
      ->required();
  verb.add_option("--in", arguments.in, "Folders and files to submit, one chunk per file")->type_name("DIR|FILE")->required();
  verb.add_option("--out", arguments.out, "Where the outputs go: a folder, under the names of the inputs; a file for concat")
      ->type_name("DIR|FILE");
  verb.add_option("--set", arguments.settings, "Another value for a parameter of the pipeline")
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

/// A file is one input; only a folder keeps several outputs apart.
Result<void> check_ends(const Pipeline& pipeline, AggregateKind aggregate) {
  if (pipeline.inputs.size() > 1) {
    return fail(ErrorCode::bad_argument,
                fmt::format("pipeline {} takes {} inputs, and a file is one; submit its chunks through the client library", pipeline.name,
                            pipeline.inputs.size()));
  }
  if (pipeline.outputs.size() < 2 || aggregate == AggregateKind::collect || aggregate == AggregateKind::count) return {};
  return fail(ErrorCode::bad_argument, fmt::format("--aggregate {}: pipeline {} has {} outputs; use collect, which keeps each",
                                                   name_of(aggregate), pipeline.name, pipeline.outputs.size()));
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
  auto inputs = collect_inputs(arguments.in, arguments.limit);
  if (!inputs) return std::unexpected(inputs.error());
  plan.inputs = std::move(*inputs);
  if (auto ends = check_ends(plan.bundle.pipeline, plan.spec.aggregate); !ends) return std::unexpected(ends.error());
  if (has_header(plan.bundle.pipeline)) plan.header = wire::make_chunk({}, {});
  plan.spec.max_chunk_bytes = plan.header.size() + plan.inputs.largest().bytes;
  // A size expression that has no value for the largest file is better said now than by every chunk.
  if (auto needed = lease_bytes(plan.bundle, plan.spec.max_chunk_bytes); !needed) return std::unexpected(needed.error());
  if (!fetch) return plan;
  if (!arguments.out.empty() && plan.spec.aggregate == AggregateKind::collect) {
    if (auto checked = check_output_folder(arguments.in, plan.inputs, arguments.out); !checked) return std::unexpected(checked.error());
  }
  auto sink = open_sink(plan.spec.aggregate, arguments.out);
  if (!sink) return std::unexpected(sink.error());
  plan.sink = std::move(*sink);
  return plan;
}

}  // namespace sublet::cli
