#include "common/broker_choice.hpp"

#include <gtest/gtest.h>

namespace sublet {
namespace {

constexpr Instant kNow{1s};

struct TwoBrokers {
  BrokerList brokers{{"a", "b"}};
  BrokerChoice choice{brokers};
};

TEST(BrokerChoice, BeginsWithTheFirstThatWasNamed) { EXPECT_EQ(TwoBrokers().choice.current(), "a"); }

TEST(BrokerChoice, ConnectsAtOnceToTheOwnerThatIsNamed) {
  TwoBrokers fixture;
  EXPECT_TRUE(fixture.choice.refused("c", kNow));
  EXPECT_EQ(fixture.choice.current(), "c");
}

TEST(BrokerChoice, PausesWhenOwnersPointInACircle) {
  TwoBrokers fixture;
  EXPECT_TRUE(fixture.choice.refused("b", kNow));
  EXPECT_TRUE(fixture.choice.refused("a", kNow));
  EXPECT_FALSE(fixture.choice.refused("b", kNow));
  EXPECT_EQ(fixture.choice.current(), "b");
}

TEST(BrokerChoice, AsksTheOthersInTurnWhenNobodyIsNamed) {
  TwoBrokers fixture;
  EXPECT_FALSE(fixture.choice.refused("", kNow));
  EXPECT_EQ(fixture.choice.current(), "b");
  EXPECT_FALSE(fixture.choice.refused("", kNow));
  EXPECT_EQ(fixture.choice.current(), "a");
}

TEST(BrokerChoice, TakesAnotherWhenOneIsGone) {
  TwoBrokers fixture;
  fixture.choice.welcomed();
  fixture.choice.gone(kNow);
  EXPECT_EQ(fixture.choice.current(), "b");
}

TEST(BrokerChoice, IsNotLedBackToASilentBrokerForAWhile) {
  TwoBrokers fixture;
  fixture.choice.gone(kNow);
  EXPECT_FALSE(fixture.choice.refused("a", kNow + 1s));
  EXPECT_EQ(fixture.choice.current(), "b") << "whose hold outlives it, as the other brokers see it";
  EXPECT_FALSE(fixture.choice.refused("", kNow + 1s));
  EXPECT_EQ(fixture.choice.current(), "b");
  EXPECT_TRUE(fixture.choice.refused("a", kNow + 2s));
  EXPECT_EQ(fixture.choice.current(), "a");
}

TEST(BrokerChoice, KeepsAskingTheOnlyOneThereIs) {
  BrokerList brokers({"a"});
  BrokerChoice choice(brokers);
  EXPECT_TRUE(choice.untried());
  choice.gone(kNow);
  EXPECT_EQ(choice.current(), "a");
  EXPECT_FALSE(choice.untried());
}

TEST(BrokerChoice, KnowsTheBrokersThatAnyShardHasMet) {
  TwoBrokers fixture;
  fixture.choice.refused("c", kNow);
  fixture.choice.welcomed();
  BrokerChoice other(fixture.brokers);
  other.gone(kNow);
  other.gone(kNow);
  EXPECT_EQ(other.current(), "c");
}

}  // namespace
}  // namespace sublet
