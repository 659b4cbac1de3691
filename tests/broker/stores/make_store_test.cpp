#include "broker/stores/make_store.hpp"

#include <gtest/gtest.h>

namespace sublet::broker {
namespace {

TEST(MakeStore, MakesTheEmbeddedStore) {
  SeededRandom random(1);
  const auto store = make_store("memory:", 0, {}, random);
  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->info().name, "memory:");
  EXPECT_FALSE((*store)->info().durable);
}

TEST(MakeStore, SaysWhatIsSupported) {
  SeededRandom random(1);
  const auto store = make_store("postgres://x", 0, {}, random);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::bad_argument);
  EXPECT_NE(store.error().detail.find("memory:"), std::string::npos);
}

}  // namespace
}  // namespace sublet::broker
