#include "broker/stores/memory_store.hpp"

#include "tests/conformance/store_suite.hpp"

namespace sublet::broker::conformance {
namespace {

StoreFactory memory() {
  const auto random = std::make_shared<SeededRandom>(1);
  return {.name = "memory", .open = [random] { return std::make_unique<MemoryStore>(*random); }, .reopen = {}};
}

INSTANTIATE_TEST_SUITE_P(Memory, StoreSuite, ::testing::Values(memory()));

}  // namespace
}  // namespace sublet::broker::conformance
