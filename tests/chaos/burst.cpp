#include "tests/chaos/burst.hpp"

#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "tests/e2e/fault_pipeline.hpp"

namespace sublet::chaos {
namespace {

constexpr int kSteps = 100;

}  // namespace

JobSpec Burst::spec_of(std::uint32_t job) const {
  auto spec = test::spec_of(kMaxBytes);
  spec.name = fmt::format("chaos-{}", job);
  spec.idempotency_key = fmt::format("chaos-{:x}-{}", salt, job);
  spec.queue = test::queue_in(kLayout, static_cast<ShardNumber>(job % kLayout.shards));
  if (job == kSumJob) {
    spec.aggregate = AggregateKind::sum;
    spec.element = ElementType::i64;
  }
  return spec;
}

Bundle Burst::bundle_of(std::uint32_t job) {
  if (job != kSumJob) return test::slow_pipeline(kSteps);
  auto bundle = load_bundle(test::source("kernels/echo/echo.yaml"));
  if (!bundle) {
    fmt::print(stderr, "{}\n", to_text(bundle.error()));
    std::abort();
  }
  return *std::move(bundle);
}

ByteVector Burst::payload_of(std::uint32_t job, std::uint64_t id) const {
  if (job != kSumJob) return test::payload_of(salt + place_of(job, id), kMaxBytes);
  const auto number = id + 1;
  ByteVector bytes(sizeof number);
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

ByteVector Burst::output_of(std::uint32_t job, std::uint64_t id) const { return test::slow_reference(payload_of(job, id), kSteps); }

std::uint64_t Burst::sum() const {
  const auto count = count_of(kSumJob, chunks);
  return count * (count + 1) / 2;
}

}  // namespace sublet::chaos
