#pragma once

// What the end-to-end tests share: inputs, their references, and reading a job to its end.

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "common/pipeline/bundle_file.hpp"
#include "producer/client.hpp"
#include "tests/e2e/inputs.hpp"
#include "tests/support/source.hpp"

namespace sublet::test {

inline Bundle shipped(const std::string& file) {
  auto bundle = load_bundle(source("kernels/" + file));
  if (!bundle) ADD_FAILURE() << to_text(bundle.error());
  return bundle.value_or(Bundle());
}

inline Client connect(const std::vector<std::string>& endpoints) {
  auto client = Client::connect({.brokers = endpoints, .connect_timeout = 30s});
  if (!client) {
    ADD_FAILURE() << to_text(client.error());
    std::abort();
  }
  return std::move(*client);
}

inline Client connect(const std::string& endpoint) { return connect(std::vector{endpoint}); }

/// Submits chunks `first .. first + count - 1` in batches.
inline void submit(Job& job, std::uint64_t first, std::uint64_t count, std::size_t max_bytes, std::size_t batch = 64) {
  for (std::uint64_t next = first; next < first + count; next += batch) {
    std::vector<Chunk> chunks;
    for (std::uint64_t id = next; id < std::min(first + count, next + batch); ++id) {
      chunks.push_back({.id = ChunkId{id}, .payload = Blob::copy_of(payload_of(id, max_bytes))});
    }
    const auto queued = job.submit(std::span<const Chunk>(chunks));
    ASSERT_TRUE(queued) << to_text(queued.error());
  }
}

struct Collected {
  std::map<std::uint64_t, ByteVector> outputs;
  std::map<std::uint64_t, Error> errors;
};

/// Reads a job's outputs to its end; a chunk that comes twice fails the test. `at` is called after each output with how many came so far.
inline Collected read_all(Job& job, const std::function<void(std::size_t)>& at = {}) {
  Collected collected;
  auto outputs = job.outputs(Order::arrival);
  for (std::size_t count = 1;; ++count) {
    auto next = outputs.next(120s);
    if (!next) {
      ADD_FAILURE() << "after " << count - 1 << " outputs: " << to_text(next.error());
      return collected;
    }
    if (!*next) return collected;
    const auto& chunk = **next;
    const bool repeated = collected.outputs.contains(chunk.id.value) || collected.errors.contains(chunk.id.value);
    EXPECT_FALSE(repeated) << "chunk " << chunk.id.value << " came twice";
    if (chunk.output) {
      const auto view = chunk.output->view();
      collected.outputs.emplace(chunk.id.value, ByteVector(view.begin(), view.end()));
    } else {
      collected.errors.emplace(chunk.id.value, chunk.output.error());
    }
    if (at) at(count);
  }
}

inline JobStatus ended(Job& job) {
  auto status = job.wait(120s);
  EXPECT_TRUE(status) << to_text(status.error());
  return status.value_or(JobStatus());
}

}  // namespace sublet::test
