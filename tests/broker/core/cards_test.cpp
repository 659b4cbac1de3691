#include "broker/core/cards.hpp"

#include <gtest/gtest.h>

namespace sublet::broker {
namespace {

wire::Card card(std::uint32_t index, std::uint64_t free_bytes, std::uint32_t sessions) {
  return {.index = index, .total_bytes = 1000, .free_bytes = free_bytes, .free_sessions = sessions};
}

TEST(Cards, PicksTheCardWithMostSessionsFree) {
  Cards cards;
  cards.offer(1, {.cards = {card(0, 1000, 1), card(1, 500, 3)}});
  EXPECT_EQ(cards.take(100)->card, 1U);
  EXPECT_EQ(cards.take(600)->card, 0U);
}

TEST(Cards, PacksTheCardWhoseMemoryIsUsedBest) {
  Cards cards(Placement::pack);
  cards.offer(1, {.cards = {card(0, 1000, 4), card(1, 400, 1)}});
  cards.offer(2, {.cards = {card(0, 300, 4), card(1, 350, 0)}});
  const auto first = cards.take(200);
  EXPECT_EQ(first->instance, 2U);
  EXPECT_EQ(first->card, 0U);
  EXPECT_EQ(cards.take(200)->card, 1U);
  EXPECT_EQ(cards.take(900)->card, 0U);
}

TEST(Cards, PassesOverCardsThatHaveSessionsAndNoMemory) {
  Cards cards;
  for (std::uint64_t instance = 1; instance <= 10; ++instance) cards.offer(instance, {.cards = {card(0, 10 * instance, 8)}});
  cards.offer(11, {.cards = {card(0, 50, 7), card(1, 70, 7)}});
  cards.offer(12, {.cards = {card(0, 500, 2), card(1, 900, 0)}});
  EXPECT_EQ(cards.take(100)->instance, 10U);
  EXPECT_EQ(cards.take(200)->instance, 12U);
  EXPECT_FALSE(cards.take(600)) << "the only one of that size has no session free";
  EXPECT_EQ(cards.take(60, [](std::uint64_t instance) { return instance > 10; })->card, 1U);
  EXPECT_EQ(cards.take(60, [](std::uint64_t instance) { return instance > 10; })->instance, 12U);
}

TEST(Cards, SetsAsideWhatIsOnItsWay) {
  Cards cards;
  cards.offer(1, {.cards = {card(0, 1000, 4)}});
  ASSERT_TRUE(cards.take(600));
  EXPECT_FALSE(cards.take(600));
  // An OFFER that was made before the LEASE arrived does not count it.
  cards.offer(1, {.seen = 0, .cards = {card(0, 1000, 4)}});
  EXPECT_FALSE(cards.take(600));
  cards.offer(1, {.seen = 1, .cards = {card(0, 1000, 4)}});
  EXPECT_TRUE(cards.take(600));
}

TEST(Cards, ForgetsAnOfferWithItsConnection) {
  Cards cards;
  cards.offer(1, {.cards = {card(0, 1000, 4)}});
  cards.forget(1);
  EXPECT_FALSE(cards.take(1));
  EXPECT_EQ(cards.largest(), 0U);
}

}  // namespace
}  // namespace sublet::broker
