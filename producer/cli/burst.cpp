#include "producer/cli/burst.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/io/clock.hpp"
#include "common/wire/chunk_header.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

/// A batch is sent before its files take more memory than this.
constexpr std::uint64_t kBatchBytes = 8U << 20U;

Error name_the_largest(Error error, const InputFiles& inputs) {
  if (error.code != ErrorCode::chunk_too_large) return error;
  const auto& file = inputs.largest();
  error.detail = fmt::format("{} is too large, {}: {}", printable(file.path.string()), size_text(file.total_bytes()), error.detail);
  return error;
}

}  // namespace

Result<std::unique_ptr<Burst>> Burst::start(Client client, BurstPlan plan) {
  auto finished = io::Wakeup::open();
  if (!finished) return std::unexpected(finished.error());
  auto job = plan.by_reference ? client.open(plan.bundle, plan.spec, *plan.by_reference) : client.open(plan.bundle, plan.spec);
  if (!job) return std::unexpected(name_the_largest(job.error(), plan.inputs));
  // A job that was closed before takes no more chunks; all that is left is to fetch its outputs.
  bool takes_chunks = true;
  if (job->resumed()) {
    const auto status = job->status();
    if (!status) return std::unexpected(status.error());
    takes_chunks = status->state == JobState::open;
  }
  const auto expected = plan.inputs.files.size();
  std::unique_ptr<Burst> burst(new Burst(std::move(client), std::move(*job), std::move(plan), expected, std::move(*finished)));
  burst->begin(takes_chunks);
  return burst;
}

Result<std::unique_ptr<Burst>> Burst::fetch(Client client, JobId id, BurstPlan plan) {
  auto finished = io::Wakeup::open();
  if (!finished) return std::unexpected(finished.error());
  auto job = client.attach(id);
  if (!job) return std::unexpected(job.error());
  std::unique_ptr<Burst> burst(new Burst(std::move(client), std::move(*job), std::move(plan), 0, std::move(*finished)));
  burst->begin(false);
  return burst;
}

Burst::Burst(Client client, Job job, BurstPlan plan, std::uint64_t expected, io::Wakeup finished)
    : client_(std::move(client)),
      job_(std::move(job)),
      plan_(std::move(plan)),
      payloads_(plan_.bundle.pipeline),
      expected_(expected),
      tally_(expected),
      finished_(std::move(finished)),
      started_(io::now()) {}

Burst::~Burst() {
  static_cast<void>(job_.watch({}));
  if (!submitter_.joinable() && !reader_.joinable()) return;
  stop({.code = ErrorCode::interrupted, .detail = "the burst was given up"});
}

void Burst::begin(bool takes_chunks) {
  running_ = (takes_chunks ? 1 : 0) + (plan_.sink ? 1 : 0);
  if (running_ == 0) return finished_.notify();
  // Progress is for people only: a burst that cannot be watched still runs.
  static_cast<void>(job_.watch([this](const JobStatus& status) { tally_.moved(status); }));
  if (takes_chunks) {
    submitter_ = std::jthread([this] {
      plan_.by_reference ? submit_from_places() : submit_all();
      one_ended();
    });
  }
  if (plan_.sink) {
    reader_ = std::jthread([this] {
      read_all();
      one_ended();
    });
  }
}

Nanos Burst::elapsed() const { return io::now() - started_; }

void Burst::one_ended() {
  if (--running_ == 0) finished_.notify();
}

void Burst::stop(Error reason) {
  tally_.stop(std::move(reason));
  client_.interrupt();
}

std::string Burst::name_of_chunk(std::uint64_t chunk) const {
  return chunk < plan_.inputs.files.size() ? plan_.inputs.files[chunk].name : output_name(chunk);
}

void Burst::submit_all() {
  std::vector<Chunk> batch;
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 0; i < plan_.inputs.files.size() && !tally_.stopped(); ++i) {
    auto payload = payloads_.read(plan_.inputs.files[i], plan_.spec.max_chunk_bytes);
    if (!payload) {
      tally_.failed(i, name_of_chunk(i), payload.error());
      continue;
    }
    bytes += payload->size();
    batch.push_back({ChunkId{i}, std::move(*payload)});
    if (batch.size() < plan_.batch && bytes < kBatchBytes) continue;
    if (!submit_batch(batch)) return;
    bytes = 0;
  }
  if (tally_.stopped() || !submit_batch(batch)) return;
  may_go_on(job_.close());
}

/// Each file is read right to where the sessions find it.
void Burst::submit_from_places() {
  for (std::uint64_t i = 0; i < plan_.inputs.files.size() && !tally_.stopped(); ++i) {
    const auto& file = plan_.inputs.files[i];
    auto placed = wait_for_place(payloads_.bytes_of(file));
    if (!placed) return static_cast<void>(may_go_on(std::unexpected(placed.error())));
    const auto bytes = payloads_.read_into(file, placed->bytes());
    if (!bytes) {
      tally_.failed(i, name_of_chunk(i), bytes.error());
      continue;
    }
    placed->cut(*bytes);
    if (!may_go_on(job_.submit(ChunkId{i}, std::move(*placed)))) return;
    tally_.submitted(1, *bytes);
  }
  if (!tally_.stopped()) may_go_on(job_.close());
}

/// However long a chunk takes, its place comes free.
Result<Placed> Burst::wait_for_place(std::uint64_t bytes) {
  while (true) {
    auto placed = job_.place(bytes);
    if (placed || placed.error().code != ErrorCode::resource_exhausted || tally_.stopped() || ended_) return placed;
  }
}

/// An error of the submitting side that is not the end of the job itself stops the burst.
bool Burst::may_go_on(const Result<void>& result) {
  if (result) return true;
  // The job has ended without us, by a dead chunk or by someone's cancel; the reader learns which.
  if (result.error().code != ErrorCode::job_closed && !ended_) stop(result.error());
  return false;
}

bool Burst::submit_batch(std::vector<Chunk>& batch) {
  if (batch.empty()) return true;
  std::uint64_t bytes = 0;
  for (const auto& chunk : batch) bytes += chunk.payload.size();
  const bool submitted = may_go_on(job_.submit(batch));
  if (submitted) tally_.submitted(batch.size(), bytes);
  batch.clear();
  return submitted;
}

void Burst::read_all() {
  auto outputs = job_.outputs(plan_.sink->order());
  while (!tally_.stopped()) {
    const auto batch = outputs.next_batch();
    if (!batch) return stop(batch.error());
    if (batch->empty()) return read_end();
    for (const auto& output : *batch) {
      if (auto taken = take(output); !taken) return stop(taken.error());
    }
  }
}

Result<void> Burst::take(const ChunkOutput& output) {
  const auto chunk = output.id.value;
  if (!output.output) {
    tally_.failed(chunk, name_of_chunk(chunk), output.output.error());
    return {};
  }
  if (auto taken = keep(name_of_chunk(chunk), output.output->view()); !taken) return taken;
  tally_.done(chunk, output.output->size(), output.took);
  return {};
}

/// Each of several outputs goes by the chunk's name and its own.
Result<void> Burst::keep(const std::string& name, ByteView output) {
  if (plan_.bundle.pipeline.outputs.size() < 2) return plan_.sink->take(name, output);
  const auto outputs = wire::split_outputs(output);
  if (!outputs) return std::unexpected(outputs.error());
  for (const auto& [part, data] : *outputs) {
    if (auto taken = plan_.sink->take(fmt::format("{}.{}", name, part), data); !taken) return taken;
  }
  return {};
}

/// Whether all that `keep` would have kept under that name is there.
bool Burst::has_all(const std::string& name) const {
  return std::ranges::all_of(output_endings(plan_.bundle.pipeline),
                             [&](const std::string& ending) { return plan_.sink->has(name + ending); });
}

void Burst::read_end() {
  const auto status = job_.status();
  if (!status) return stop(status.error());
  tally_.moved(*status);
  if (status->state != JobState::done) {
    // No place comes free any more for whoever waits for one.
    ended_ = true;
    return client_.interrupt();
  }
  if (job_.resumed()) count_earlier_outputs(*status);
  if (auto finished = plan_.sink->finish(); !finished) stop(finished.error());
}

/// Outputs that an earlier reader of the job has taken do not come again: they count when they are where they belong.
void Burst::count_earlier_outputs(const JobStatus& status) {
  const Error taken{.code = ErrorCode::not_found, .detail = "an earlier reader of this job has taken the output"};
  for (std::uint64_t i = 0; i < expected_; ++i) {
    if (tally_.has_seen(i)) continue;
    if (has_all(name_of_chunk(i))) {
      tally_.done(i, 0, 0us);
    } else {
      tally_.failed(i, name_of_chunk(i), taken);
    }
  }
  if (expected_ > 0) return;
  const auto view = tally_.view(elapsed());
  for (auto missing = view.done; missing < status.done; ++missing) tally_.failed(UINT64_MAX, "(an output)", taken);
}

BurstSummary Burst::finish() {
  if (submitter_.joinable()) submitter_.join();
  if (reader_.joinable()) reader_.join();
  BurstSummary summary{.pipeline = plan_.bundle.pipeline.name,
                       .job = job_.id(),
                       .aggregate = plan_.spec.aggregate,
                       .element = plan_.spec.element,
                       .elapsed = elapsed(),
                       .out = plan_.sink ? plan_.sink->place() : "",
                       .skipped = plan_.inputs.skipped.size()};
  client_.interrupt(false);
  static_cast<void>(job_.watch({}));
  if (const auto reason = tally_.stopped(); !reason) {
    if (const auto status = job_.status()) tally_.moved(*status);
  } else if (reason->code != ErrorCode::disconnected && !plan_.keep_when_stopped) {
    if (const auto status = job_.cancel()) tally_.moved(*status);
  }
  tally_.fill(summary);
  return summary;
}

}  // namespace sublet::cli
