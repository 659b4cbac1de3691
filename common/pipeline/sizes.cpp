#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "common/pipeline/compiled.hpp"
#include "common/pipeline/lanes.hpp"
#include "common/pipeline/wording.hpp"

namespace sublet {

namespace {

std::unexpected<Error> too_much(const Pipeline& pipeline) {
  return fail(ErrorCode::bad_pipeline,
              fmt::format("pipeline {}: its buffers take more than 2^64 bytes together; make them or the chunks smaller",
                          in_quotes(pipeline.name)));
}

/// The sum over all buffers of what is allocated for the size that `bytes_of` gives for each.
template <class BytesOf>
Result<std::uint64_t> allocated_for(const CompiledPipeline& compiled, const Pipeline& pipeline, BytesOf bytes_of) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < compiled.buffers.size(); ++i) {
    const Result<std::uint64_t> bytes = bytes_of(i);
    if (!bytes) return bytes;
    const auto allocated = allocated_bytes(compiled.buffers[i].name, *bytes);
    if (!allocated) return allocated;
    if (__builtin_add_overflow(sum, *allocated, &sum)) return too_much(pipeline);
  }
  return sum;
}

}  // namespace

Result<Bytes> lane_bytes(const Pipeline& pipeline, std::uint64_t n) {
  const auto compiled = compile(pipeline);
  if (!compiled) return std::unexpected(compiled.error());
  const auto values = compiled->usual_values(n);
  const auto bytes = allocated_for(*compiled, pipeline, [&](std::size_t i) { return compiled->buffer_bytes(i, {n, values}); });
  if (!bytes) return std::unexpected(bytes.error());
  return Bytes{*bytes};
}

Bytes module_bytes(const Bundle& bundle) {
  constexpr std::uint64_t kUnit = (64_KiB).count;
  Bytes sum;
  for (const auto& module : bundle.modules) sum += {(module.image.size() + kUnit - 1) / kUnit * kUnit};
  return sum;
}

Result<Bytes> resident_bytes(const Pipeline& pipeline) {
  std::uint64_t sum = 0;
  for (const auto& resident : pipeline.residents) {
    const auto allocated = allocated_bytes(resident.name, resident.bytes);
    if (!allocated) return std::unexpected(allocated.error());
    if (__builtin_add_overflow(sum, *allocated, &sum)) return too_much(pipeline);
  }
  return Bytes{sum};
}

Result<LeaseNeed> lease_need(const Pipeline& pipeline, std::uint64_t max_chunk_bytes, Bytes modules) {
  const auto compiled = compile(pipeline);
  if (!compiled) return std::unexpected(compiled.error());
  const auto lane = allocated_for(*compiled, pipeline, [&](std::size_t i) {
    return compiled->largest({0, max_chunk_bytes}, [&](const ChunkValues& chunk) { return compiled->buffer_bytes(i, chunk); });
  });
  if (!lane) return std::unexpected(lane.error());
  std::uint64_t sum = 0;
  if (__builtin_mul_overflow(*lane, std::uint64_t{std::max(pipeline.lanes, 1U)}, &sum)) return too_much(pipeline);
  const auto residents = resident_bytes(pipeline);
  if (!residents) return std::unexpected(residents.error());
  if (__builtin_add_overflow(sum, modules.count, &sum) || __builtin_add_overflow(sum, residents->count, &sum)) return too_much(pipeline);
  return LeaseNeed{.least = {sum}, .further_lane = {pipeline.lanes == 0 ? *lane : 0}};
}

Result<LeaseNeed> lease_need(const Bundle& bundle, std::uint64_t max_chunk_bytes) {
  return lease_need(bundle.pipeline, max_chunk_bytes, module_bytes(bundle));
}

Result<Bytes> lease_bytes(const Pipeline& pipeline, std::uint64_t max_chunk_bytes, Bytes modules) {
  const auto need = lease_need(pipeline, max_chunk_bytes, modules);
  return need ? Result<Bytes>(need->least) : std::unexpected(need.error());
}

Result<Bytes> lease_bytes(const Bundle& bundle, std::uint64_t max_chunk_bytes) {
  return lease_bytes(bundle.pipeline, max_chunk_bytes, module_bytes(bundle));
}

Result<void> check_length(const Pipeline& pipeline, std::uint64_t n) {
  const auto compiled = compile(pipeline);
  if (!compiled) return std::unexpected(compiled.error());
  const auto values = compiled->usual_values(n);
  return compiled->check_length({n, values});
}

Result<std::uint64_t> output_length(const Pipeline& pipeline, std::uint64_t n) {
  const auto compiled = compile(pipeline);
  if (!compiled) return std::unexpected(compiled.error());
  const auto values = compiled->usual_values(n);
  return compiled->output_length({n, values});
}

Result<std::uint64_t> output_room(const Pipeline& pipeline, std::uint64_t n) {
  const auto compiled = compile(pipeline);
  if (!compiled) return std::unexpected(compiled.error());
  return compiled->output_room(n);
}

std::vector<PipelineParameter> variables_of(const Pipeline& pipeline) {
  constexpr double kMostBytes = 0x1.0p53;
  std::vector<PipelineParameter> variables = pipeline.parameters;
  if (pipeline.inputs.size() < 2) return variables;
  for (const std::string& input : pipeline.inputs) {
    variables.push_back({.name = "n_" + input, .value = 0, .variation = Variation::whole, .least = 0, .most = kMostBytes});
  }
  return variables;
}

bool may_be(const PipelineParameter& parameter, double value) {
  const bool right_kind = parameter.variation == Variation::real || value == std::floor(value);
  return right_kind && value >= parameter.least && value <= parameter.most;
}

bool has_header(const Pipeline& pipeline) {
  return std::ranges::any_of(variables_of(pipeline), [](const PipelineParameter& each) { return each.variation != Variation::none; });
}

}  // namespace sublet
