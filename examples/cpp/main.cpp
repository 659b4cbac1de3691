// Submits eight chunks of floats to the pipeline scale_bias and prints what comes back, in order, as it finishes.
// Start a broker and a worker first: `sublet up`.

#include <cstdio>
#include <vector>

#include <sublet/common/pipeline/bundle_file.hpp>
#include <sublet/producer/client.hpp>

namespace {

int fail(const sublet::Error& error) {
  std::fprintf(stderr, "%s\n", to_text(error).c_str());
  return error.code == sublet::ErrorCode::disconnected ? 3 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto bundle = sublet::load_bundle(SUBLET_KERNELS "/transform/scale_bias.yaml");
  if (!bundle) return fail(bundle.error());
  auto client = sublet::Client::connect({.brokers = {argc > 1 ? argv[1] : "tcp://127.0.0.1:7450"}});
  if (!client) return fail(client.error());
  auto job = client->open(*bundle, {.name = "example", .max_chunk_bytes = 4096});
  if (!job) return fail(job.error());

  for (std::uint64_t id = 0; id < 8; ++id) {
    const std::vector<float> numbers(1024, static_cast<float>(id));
    if (auto queued = job->submit(sublet::ChunkId{id}, std::as_bytes(std::span(numbers))); !queued) return fail(queued.error());
  }
  if (auto closed = job->close(); !closed) return fail(closed.error());

  auto outputs = job->outputs(sublet::Order::chunk_id);
  while (true) {
    const auto next = outputs.next();
    if (!next) return fail(next.error());
    if (!*next) break;
    const auto& [id, output, took] = **next;
    if (output) std::printf("chunk %lu: %zu bytes in %ld us\n", id.value, output->size(), static_cast<long>(took.count()));
  }
  const auto status = job->wait();
  return status && status->state == sublet::JobState::done ? 0 : 1;
}
