// Planning a chunk is on the hot path: once a plan has seen its largest chunk, no other length makes it allocate.

#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "gpu-worker/core/plan.hpp"
#include "tests/common/pipeline/example.hpp"

namespace {

std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace sublet {
namespace {

TEST(Plan, AllocatesNothingPerChunk) {
  const Bundle bundle = {.pipeline = test::video_pipeline(), .modules = {{"video", {}}}};
  auto plan = make_plan(bundle, 1'000'000);
  ASSERT_TRUE(plan) << to_text(plan.error());
  const std::vector<MemHandle> handles(plan->buffers().size());
  BoundArguments bound;
  bound.bytes.reserve(64);
  bound.buffers.reserve(4);
  const std::size_t before = allocations;
  for (std::uint64_t n = 0; n < 10'000; ++n) {
    const auto chunk = plan->chunk(n * 97 % 1'000'000);
    ASSERT_TRUE(chunk);
    for (const PlannedLaunch& launch : (*chunk)->launches) bind_arguments(launch, handles, bound);
  }
  EXPECT_EQ(allocations, before);
}

TEST(Plan, ItsAllocationsWouldBeCounted) {
  const std::size_t before = allocations;
  const std::vector<int> memory(100);
  EXPECT_GT(allocations, before);
}

}  // namespace
}  // namespace sublet
