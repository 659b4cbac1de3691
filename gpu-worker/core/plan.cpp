#include "gpu-worker/core/plan.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "common/pipeline/wording.hpp"

namespace sublet {

static_assert(std::endian::native == std::endian::little, "arguments are written as they stand in memory");

namespace {

/// A launch with everything that does not depend on a chunk.
PlannedLaunch prepare(const CompiledStage& stage) {
  PlannedLaunch launch;
  launch.module = stage.module;
  launch.kernel = stage.kernel;
  launch.block = stage.block;
  launch.shared_bytes = stage.shared_bytes;
  std::uint32_t offset = 0;
  for (const CompiledArgument& argument : stage.args) {
    if (argument.is_buffer()) {
      launch.handles.push_back({.argument = static_cast<std::uint32_t>(launch.arg_sizes.size()), .buffer = argument.buffer()});
    }
    launch.arg_sizes.push_back(argument_size(argument.type()));
    offset += launch.arg_sizes.back();
  }
  launch.args.resize(offset);
  return launch;
}

Result<void> fill_numbers(const CompiledStage& stage, const ChunkValues& chunk, PlannedLaunch& launch) {
  std::size_t offset = 0;
  for (std::size_t i = 0; i < stage.args.size(); ++i) {
    const std::uint32_t size = launch.arg_sizes[i];
    if (!stage.args[i].is_buffer()) {
      const auto bits = stage.args[i].bits(chunk);
      if (!bits) return fail_in(fmt::format("{}, argument {}", stage.label, i + 1), bits.error());
      std::memcpy(launch.args.data() + offset, &*bits, size);
    }
    offset += size;
  }
  return {};
}

std::unexpected<Error> past_capacity(ErrorCode code, const PlannedBuffer& buffer, std::uint64_t bytes, std::uint64_t n) {
  return fail(code,
              fmt::format("buffer {} needs {} bytes for a chunk of {}, more than the {} that were allocated for the job's largest chunk; "
                          "make its size grow with n",
                          in_quotes(buffer.name), bytes, n, buffer.capacity.count));
}

/// At most one more than a chunk may have.
std::uint64_t launches_of(const PlannedPart& part) {
  const std::uint64_t looks = part.has_until() ? part.times / part.every + (part.times % part.every == 0 ? 0 : 1) : 0;
  const auto most = [](std::uint64_t times, std::uint64_t launches) {
    constexpr std::uint64_t kTooMany = PipelineLimits::kLaunches + 1;
    return launches == 0 ? 0 : times > kTooMany / launches ? kTooMany : times * launches;
  };
  return std::min(most(part.times, part.launches) + most(looks, part.check), PipelineLimits::kLaunches + 1);
}

/// A bundle comes over the wire: what it says it holds and what it holds are two things.
Result<void> check_contents(const Bundle& bundle) {
  const auto& residents = bundle.pipeline.residents;
  const bool same = std::ranges::equal(residents, bundle.residents, [](const PipelineResident& declared, const ResidentData& held) {
    return declared.name == held.name && declared.bytes == held.data.size();
  });
  if (!same) {
    return fail(ErrorCode::bad_pipeline,
                fmt::format("pipeline {} declares {} residents, and its bundle holds {} or others; bundle each declared resident, in order",
                            in_quotes(bundle.pipeline.name), residents.size(), bundle.residents.size()));
  }
  const auto& declared = bundle.pipeline.modules;
  if (std::ranges::equal(declared, bundle.modules, {}, &PipelineModule::name, &ModuleImage::name)) return {};
  return fail(ErrorCode::bad_pipeline,
              fmt::format("pipeline {} declares {} modules, and its bundle holds {} or others; bundle each declared module, in order",
                          in_quotes(bundle.pipeline.name), declared.size(), bundle.modules.size()));
}

}  // namespace

Bytes Plan::lane_bytes() const {
  Bytes sum;
  for (const PlannedBuffer& buffer : buffers_) sum += buffer.capacity;
  return sum;
}

Result<void> Plan::check_buffers(const ChunkValues& chunk, std::span<const std::uint64_t> input_bytes) const {
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const auto bytes = pipeline_.buffer_bytes(i, chunk);
    if (!bytes) return std::unexpected(bytes.error());
    const auto input = std::ranges::find(pipeline_.inputs, i);
    const auto needed = input == pipeline_.inputs.end() ? 0 : input_bytes[static_cast<std::size_t>(input - pipeline_.inputs.begin())];
    if (*bytes < needed) {
      return fail(ErrorCode::bad_pipeline, fmt::format("the input's buffer {} has {} bytes for a chunk of {}; make it n or larger",
                                                       in_quotes(buffers_[i].name), *bytes, needed));
    }
    if (*bytes <= buffers_[i].capacity.count) continue;
    const bool comes_back = std::ranges::find(pipeline_.outputs, i, &CompiledOutput::buffer) != pipeline_.outputs.end();
    return past_capacity(comes_back ? ErrorCode::output_too_large : ErrorCode::bad_pipeline, buffers_[i], *bytes, chunk.n);
  }
  return {};
}

Result<void> Plan::fill_outputs(const ChunkValues& chunk) {
  outputs_.clear();
  current_.output_bytes = pipeline_.output_header;
  for (const CompiledOutput& output : pipeline_.outputs) {
    const auto bytes = pipeline_.output_bytes(output, chunk);
    if (!bytes) return std::unexpected(bytes.error());
    const auto each = output.each ? output.each->evaluate(chunk) : Result<std::uint64_t>(1);
    if (!each) return fail_in(fmt::format("output {}, each", in_quotes(output.name)), each.error());
    outputs_.push_back({.name = output.name,
                        .buffer = output.buffer,
                        .bytes = *bytes,
                        .length = output.length ? &*output.length : nullptr,
                        .each = *each});
    current_.output_bytes += *bytes;
    if (!output.length) continue;
    const auto held = pipeline_.buffer_bytes(output.length->buffer, chunk);
    if (!held) return std::unexpected(held.error());
    if (*held < output.length->size) {
      return fail(ErrorCode::bad_pipeline,
                  fmt::format("output {}, length: buffer {} has {} bytes, and the number {}; make it larger", in_quotes(output.name),
                              in_quotes(buffers_[output.length->buffer].name), *held, output.length->size));
    }
  }
  current_.outputs = outputs_;
  return {};
}

/// Of the stages from `begin` to `end`.
Result<void> Plan::fill_launches(std::size_t begin, std::size_t end, const ChunkValues& chunk) {
  // Stages that are skipped at this n leave no gap, so a launch's place can hold another stage than last time. Swapping keeps its memory.
  std::size_t count = 0;
  for (std::size_t i = begin; i < end; ++i) {
    const CompiledStage& stage = pipeline_.stages[i];
    const auto grid = stage.grid_at(chunk);
    if (!grid) return std::unexpected(grid.error());
    if (!*grid) continue;
    auto place = std::find(order_.begin() + static_cast<std::ptrdiff_t>(count), order_.end(), i);
    std::iter_swap(order_.begin() + static_cast<std::ptrdiff_t>(count), place);
    std::swap(launches_[count], launches_[static_cast<std::size_t>(place - order_.begin())]);
    launches_[count].grid = **grid;
    if (auto filled = fill_numbers(stage, chunk, launches_[count]); !filled) return filled;
    ++count;
  }
  current_.launches = std::span(launches_).first(count);
  return {};
}

Result<PlannedPart> Plan::repeated_part(const CompiledRepeat& repeat, std::uint32_t launches, std::uint32_t check,
                                        const ChunkValues& chunk) const {
  const auto times = repeat.times.evaluate(chunk);
  if (!times) return fail_in(repeat.label + ", times", times.error());
  const auto every = repeat.every.evaluate(chunk);
  if (!every) return fail_in(repeat.label + ", every", every.error());
  if (*every == 0)
    return fail(ErrorCode::bad_pipeline, fmt::format("{}: every is 0 at n = {}; look after 1 or more", repeat.label, chunk.n));
  PlannedPart part{.launches = launches, .check = check, .times = *times, .every = *every, .repeat = &repeat, .limit = 0};
  if (!repeat.until) return part;
  const auto limit = repeat.until->limit(chunk);
  if (!limit) return fail_in(repeat.label + ", until", limit.error());
  part.limit = *limit;
  const auto held = pipeline_.buffer_bytes(repeat.until->buffer(), chunk);
  if (!held) return std::unexpected(held.error());
  if (*held >= repeat.until->bytes()) return part;
  return fail(ErrorCode::bad_pipeline,
              fmt::format("{}, until: buffer {} has {} bytes at n = {}, and the number {}; make it larger", repeat.label,
                          in_quotes(buffers_[repeat.until->buffer()].name), *held, chunk.n, repeat.until->bytes()));
}

Result<void> Plan::fill_parts(const ChunkValues& chunk) {
  parts_.clear();
  std::uint64_t total = 0;
  std::size_t next = 0;  // among the launches
  // Those of the stages before `end`: `order_` says of which stage a launch is.
  const auto take_until = [&](std::size_t end) {
    const std::size_t from = next;
    while (next < current_.launches.size() && order_[next] < end) ++next;
    return static_cast<std::uint32_t>(next - from);
  };
  for (const CompiledRepeat& repeat : pipeline_.repeats) {
    if (const auto before = take_until(repeat.first); before > 0) parts_.push_back({.launches = before});
    const std::size_t end = std::size_t{repeat.first} + repeat.stages;
    const auto launches = take_until(end);
    const auto check = take_until(end + repeat.check);
    if (launches + check == 0) continue;
    const auto part = repeated_part(repeat, launches, check, chunk);
    if (!part) return std::unexpected(part.error());
    parts_.push_back(*part);
    total += launches_of(*part);
    if (total > PipelineLimits::kLaunches) {
      return fail(ErrorCode::bad_pipeline, fmt::format("{}: {} times {} kernels at n = {}; a chunk has at most {} launches", repeat.label,
                                                       part->times, part->launches + part->check, chunk.n, PipelineLimits::kLaunches));
    }
  }
  if (const auto rest = take_until(pipeline_.stages.size()); rest > 0) parts_.push_back({.launches = rest});
  current_.parts = parts_;
  return {};
}

Result<const ChunkPlan*> Plan::chunk(ByteView payload) {
  if (!has_header_) return chunk(payload.size());
  const auto header = header_.read(payload);
  if (!header) return std::unexpected(header.error());
  return chunk_of({payload.size() - header->begin, header->variables}, header->bytes, header->begin);
}

Result<const ChunkPlan*> Plan::chunk(std::uint64_t n) {
  plain_bytes_.front() = n;
  return chunk_of(n, plain_bytes_, 0);
}

Result<const ChunkPlan*> Plan::chunk_of(const ChunkValues& chunk, std::span<const std::uint64_t> input_bytes, std::uint64_t begin) {
  const auto place_inputs = [&] {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      inputs_[i] = {.buffer = pipeline_.inputs[i], .offset = begin, .bytes = input_bytes[i]};
      begin += inputs_[i].bytes;
    }
  };
  if (has_current_ && current_.n == chunk.n && std::ranges::equal(current_.variables, chunk.variables)) {
    place_inputs();
    return &current_;
  }
  if (chunk.n > max_chunk_bytes_) {
    return fail(ErrorCode::chunk_too_large,
                fmt::format("the chunk has {} bytes, but the job's largest was to have {}; cut it, or state a larger "
                            "one when the job is opened",
                            chunk.n, max_chunk_bytes_));
  }
  has_current_ = false;
  if (auto ok = pipeline_.check_length(chunk); !ok) return std::unexpected(ok.error());
  place_inputs();
  if (auto ok = check_buffers(chunk, input_bytes); !ok) return std::unexpected(ok.error());
  if (auto ok = fill_segment(0, chunk); !ok) return std::unexpected(ok.error());
  has_current_ = true;
  return &current_;
}

Result<const ChunkPlan*> Plan::next_segment(std::size_t segment, std::uint64_t n, std::span<const double> variables) {
  has_current_ = false;
  const ChunkValues chunk(n, variables);
  if (auto ok = pipeline_.check_length(chunk); !ok) return std::unexpected(ok.error());
  // What the inputs need was seen at the chunk's start.
  const std::vector<std::uint64_t> none(inputs_.size());
  if (auto ok = check_buffers(chunk, none); !ok) return std::unexpected(ok.error());
  if (auto ok = fill_segment(segment, chunk); !ok) return std::unexpected(ok.error());
  return &current_;
}

Result<void> Plan::fill_segment(std::size_t segment, const ChunkValues& chunk) {
  const auto& hosts = pipeline_.host_stages;
  const std::size_t begin = segment == 0 ? 0 : hosts[segment - 1].before;
  const bool is_last = segment == hosts.size();
  if (auto ok = fill_launches(begin, is_last ? pipeline_.stages.size() : hosts[segment].before, chunk); !ok) return ok;
  if (auto ok = fill_parts(chunk); !ok) return ok;
  if (auto ok = is_last ? fill_outputs(chunk) : fill_host_stage(hosts[segment], chunk); !ok) return ok;
  if (is_last) current_.host.reset();
  current_.n = chunk.n;
  current_.segment = segment;
  current_.variables.assign(chunk.variables.begin(), chunk.variables.end());
  return {};
}

Result<void> Plan::fill_host_stage(const CompiledHostStage& stage, const ChunkValues& chunk) {
  PlannedHostStage planned{.stage = &stage, .bytes = 0, .room = buffers_[stage.to].capacity.count, .values = {}};
  const auto held = pipeline_.buffer_bytes(stage.from, chunk);
  if (!held) return std::unexpected(held.error());
  const auto bytes = stage.bytes ? stage.bytes->evaluate(chunk) : held;
  if (!bytes) return fail_in(stage.label + ", bytes", bytes.error());
  if (*bytes > *held) {
    return fail(ErrorCode::bad_pipeline, fmt::format("{}: {} bytes of buffer {}, which has {}; make it larger", stage.label, *bytes,
                                                     in_quotes(buffers_[stage.from].name), *held));
  }
  planned.bytes = *bytes;
  for (const auto& [name, expression] : stage.values) {
    const auto value = expression.evaluate(chunk);
    if (!value) return fail_in(fmt::format("{}, {}", stage.label, name), value.error());
    planned.values.emplace_back(name, *value);
  }
  current_.outputs = {};
  current_.output_bytes = 0;
  current_.host = std::move(planned);
  return {};
}

Result<void> Plan::check_variable(std::uint32_t variable, double value) const {
  const PipelineParameter& parameter = pipeline_.variables[variable];
  if (may_be(parameter, value)) return {};
  return fail(ErrorCode::bad_parameter,
              fmt::format("{} is {}, and not from {} to {}", in_quotes(parameter.name), value, parameter.least, parameter.most));
}

Result<Plan> make_plan(const Bundle& bundle, std::uint64_t max_chunk_bytes) {
  auto compiled = compile(bundle.pipeline);
  if (!compiled) return std::unexpected(compiled.error());
  if (auto ok = check_contents(bundle); !ok) return std::unexpected(ok.error());
  Plan plan;
  plan.pipeline_ = *std::move(compiled);
  plan.time_limit_ = Millis(bundle.pipeline.time_limit_ms);
  plan.max_chunk_bytes_ = max_chunk_bytes;
  plan.has_header_ = has_header(bundle.pipeline);
  plan.header_ = wire::HeaderReader(bundle.pipeline);
  plan.inputs_.resize(bundle.pipeline.inputs.size());
  plan.plain_bytes_.resize(bundle.pipeline.inputs.size());
  plan.current_.inputs = plan.inputs_;
  for (std::size_t i = 0; i < plan.pipeline_.buffers.size(); ++i) {
    const auto largest =
        plan.pipeline_.largest({0, max_chunk_bytes}, [&](const ChunkValues& chunk) { return plan.pipeline_.buffer_bytes(i, chunk); });
    if (!largest) return std::unexpected(largest.error());
    const auto capacity = allocated_bytes(plan.pipeline_.buffers[i].name, *largest);
    if (!capacity) return std::unexpected(capacity.error());
    plan.buffers_.push_back({.name = plan.pipeline_.buffers[i].name, .capacity = {*capacity}});
  }
  for (std::size_t i = 0; i < plan.pipeline_.stages.size(); ++i) {
    plan.launches_.push_back(prepare(plan.pipeline_.stages[i]));
    plan.order_.push_back(i);
  }
  // A pipeline that fails at its extremes is refused before any chunk has waited for it. An output that overflows its buffer there, or a
  // length that the pipeline does not take, is that chunk's error: others may be right.
  for (const std::uint64_t n : {std::uint64_t{0}, max_chunk_bytes}) {
    const auto chunk = plan.chunk(n);
    const bool chunks_own = !chunk && (chunk.error().code == ErrorCode::output_too_large || chunk.error().code == ErrorCode::bad_size);
    if (!chunk && !chunks_own) return std::unexpected(chunk.error());
  }
  return plan;
}

void bind_arguments(const PlannedLaunch& launch, std::span<const MemHandle> handles, BoundArguments& into) {
  into.bytes.assign(launch.args.begin(), launch.args.end());
  into.buffers.clear();
  for (const HandleSlot& slot : launch.handles) into.buffers.push_back({.argument = slot.argument, .buffer = handles[slot.buffer]});
}

}  // namespace sublet
