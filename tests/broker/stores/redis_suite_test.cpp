#include <deque>

#include "broker/stores/redis_store.hpp"
#include "tests/conformance/store_suite.hpp"
#include "tests/support/redis_server.hpp"

namespace sublet::broker::conformance {
namespace {

/// The servers behind the stores of a test: the last of them, and the one before, which a test may still hold a store of.
using Servers = std::deque<std::unique_ptr<test::RedisServer>>;

StoreFactory redis() {
  const auto servers = std::make_shared<Servers>();
  const auto random = std::make_shared<SeededRandom>(1);
  const auto reopen = [servers, random]() -> std::unique_ptr<Store> {
    auto store = RedisStore::open(servers->back()->address(), {}, *random);
    EXPECT_TRUE(store) << to_text(store.error());
    return std::move(*store);
  };
  const auto open = [servers, reopen] {
    servers->push_back(std::make_unique<test::RedisServer>());
    if (servers->size() > 2) servers->pop_front();
    return reopen();
  };
  return {.name = "redis", .open = open, .reopen = reopen};
}

INSTANTIATE_TEST_SUITE_P(Redis, StoreSuite, ::testing::Values(redis()));
INSTANTIATE_TEST_SUITE_P(Redis, PagingSuite, ::testing::Values(redis()));

}  // namespace
}  // namespace sublet::broker::conformance
