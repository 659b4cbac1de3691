// A job asks for what its broker's store has to give.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/broker/core/world.hpp"

namespace sublet::broker::testing {
namespace {

using ::testing::HasSubstr;

/// Why a job that asks for `asked` is not opened; empty when it is.
std::string refusal(World& world, Durability asked) {
  const auto producer = world.producer();
  const auto bundle = test_bundle("echo");
  JobSpec spec{.pipeline = bundle.hash, .max_chunk_bytes = 64};
  spec.durability = asked;
  const auto sends = world.say(producer, wire::Open{.spec = spec}, bundle.bytes);
  const auto errors = all_of<wire::ErrorReply>(sends);
  if (errors.empty()) return "";
  EXPECT_EQ(errors.front().code, ErrorCode::bad_argument);
  return errors.front().detail;
}

std::string refusal(Durability given, Durability asked) {
  World world;
  world.durability = given;
  world.restart();
  return refusal(world, asked);
}

TEST(Durable, AJobIsOpenedWhereTheStoreGivesAsMuchOrMore) {
  for (const auto given : {Durability::none, Durability::fast, Durability::fsync, Durability::replicated}) {
    for (const auto asked : {Durability::none, Durability::fast, Durability::fsync, Durability::replicated}) {
      EXPECT_EQ(refusal(given, asked).empty(), asked <= given);
    }
  }
}

TEST(Durable, AJobThatAsksForMoreThanTheStoreStillGivesIsNotOpened) {
  World world;
  world.durability = Durability::fsync;
  world.restart();
  world.set_durability(Durability::fast);
  EXPECT_THAT(refusal(world, Durability::fsync), HasSubstr("gives \"fast\""));
  EXPECT_EQ(refusal(world, Durability::fast), "");
  world.set_durability(Durability::fsync);
  EXPECT_EQ(refusal(world, Durability::fsync), "");
}

TEST(Durable, ARefusalNamesWhatIsGivenAndTheRemedy) {
  EXPECT_THAT(refusal(Durability::none, Durability::fast), HasSubstr("--store redis://"));
  EXPECT_THAT(refusal(Durability::fast, Durability::fsync), AllOf(HasSubstr("gives \"fast\""), HasSubstr("appendfsync always")));
  EXPECT_THAT(refusal(Durability::fsync, Durability::replicated), HasSubstr("--require-durability replicated"));
}

}  // namespace
}  // namespace sublet::broker::testing
