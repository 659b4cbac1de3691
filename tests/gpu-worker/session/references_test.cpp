// What a session makes of chunks whose payloads lie in memory that it shares with their producer.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/io/random.hpp"
#include "common/io/segment.hpp"
#include "common/reference.hpp"
#include "tests/gpu-worker/session/driven_session.hpp"
#include "tests/support/reference.hpp"

namespace sublet::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto wire_number(ErrorCode code) { return static_cast<std::uint16_t>(code); }

struct ByReference : testing::Test {
  static io::Segment make(std::uint64_t outputs) {
    io::SystemRandom random;
    return io::Segment::create({.payloads = 8, .payload_bytes = 1 << 20, .outputs = outputs, .output_bytes = 1 << 20}, random).value();
  }

  /// As it travels, of `text` in a place.
  std::string placed(std::uint64_t place, std::string_view text) {
    std::ranges::copy(as_view(text), segment.payload(place).begin());
    return travelling({.segment = segment.name(), .place = place, .length = text.size()});
  }
  static std::string travelling(const Reference& reference) { return std::string(as_text(encode(reference))); }

  /// What the settle refers to, in the order of its chunks.
  std::vector<std::string> outputs_of(const agent::LeasedSession::Unsettled& settle) {
    std::vector<std::string> outputs;
    std::size_t at = 0;
    for (const auto length : settle.message.lengths.values) {
      if (length == 0) continue;
      const auto reference = decode_reference(settle.outputs.view().subspan(at, length)).value();
      EXPECT_EQ(reference.segment, segment.name());
      outputs.emplace_back(as_text(segment.output(reference.place).first(reference.length)));
      places.push_back(reference.place);
      at += length;
    }
    return outputs;
  }

  io::Segment segment = make(8);
  std::vector<std::uint64_t> places;
  const Bundle bundle = shipped("video/video.yaml");
  DrivenSession session{bundle, by_reference(lease_for(bundle, 1 << 20))};
};

TEST_F(ByReference, PayloadsAndOutputsStayWhereTheyAre) {
  ASSERT_TRUE(session.wait_until_up().has_value());
  const std::vector<std::string> texts = {std::string(1 << 20, 'a'), "", "short"};
  ASSERT_TRUE(session.hand_over({placed(3, texts[0]), placed(0, texts[1]), placed(7, texts[2])}).has_value());
  const auto settle = session.settle();
  EXPECT_THAT(settle.message.codes.values, IsEmpty());
  EXPECT_THAT(settle.message.lengths.values, ElementsAre(32, 32, 32));
  const auto outputs = outputs_of(settle);
  for (std::size_t chunk = 0; chunk < texts.size(); ++chunk) {
    EXPECT_EQ(outputs[chunk], as_text(video_reference(as_view(texts[chunk]), 0.1F)));
  }
}

TEST_F(ByReference, APlaceForAnOutputIsTheReadersUntilItIsReleased) {
  ASSERT_TRUE(session.wait_until_up().has_value());
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(session.hand_over(std::vector<std::string>(8, placed(0, "same"))).has_value());
    const auto settle = session.settle();
    EXPECT_THAT(settle.message.codes.values, IsEmpty());
    places.clear();
    EXPECT_EQ(outputs_of(settle).size(), 8U);
    std::ranges::sort(places);
    EXPECT_THAT(places, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
    ASSERT_TRUE(session.hand_over({placed(0, "one more")}).has_value());
    EXPECT_THAT(session.settle().message.codes.values, ElementsAre(wire_number(ErrorCode::transient)));
    for (const auto place : places) segment.release_output(place);
  }
}

TEST_F(ByReference, TwoSessionsThatRunTheSameChunkWriteIntoPlacesOfTheirOwn) {
  DrivenSession other{bundle, by_reference(lease_for(bundle, 1 << 20))};
  ASSERT_TRUE(session.wait_until_up().has_value());
  ASSERT_TRUE(other.wait_until_up().has_value());
  const auto chunk = placed(0, "run twice");
  ASSERT_TRUE(session.hand_over({chunk, chunk}).has_value());
  ASSERT_TRUE(other.hand_over({chunk, chunk}).has_value());
  const auto expected = std::string(as_text(video_reference(as_view("run twice"), 0.1F)));
  EXPECT_THAT(outputs_of(session.settle()), ElementsAre(expected, expected));
  EXPECT_THAT(outputs_of(other.settle()), ElementsAre(expected, expected));
  std::ranges::sort(places);
  EXPECT_TRUE(std::ranges::adjacent_find(places) == places.end()) << "one place has two outputs";
}

TEST_F(ByReference, WhatRefersToNothingFailsItsChunkAndTakesNoPlace) {
  ASSERT_TRUE(session.wait_until_up().has_value());
  const auto name = segment.name();
  ASSERT_TRUE(session
                  .hand_over({"no reference", travelling({.segment = {.high = 1, .low = 2}, .place = 0, .length = 1}),
                              travelling({.segment = name, .place = 8, .length = 1}),
                              travelling({.segment = name, .place = 0, .length = (1 << 20) + 1}), placed(1, "good")})
                  .has_value());
  const auto settle = session.settle();
  EXPECT_THAT(settle.message.codes.values, ElementsAre(wire_number(ErrorCode::bad_size), wire_number(ErrorCode::payload_lost),
                                                       wire_number(ErrorCode::out_of_range), wire_number(ErrorCode::out_of_range), 0));
  EXPECT_THAT(outputs_of(settle), ElementsAre(as_text(video_reference(as_view("good"), 0.1F))));
  for (int left = 0; left < 7; ++left) EXPECT_TRUE(segment.claim_output());
  EXPECT_FALSE(segment.claim_output());
}

TEST_F(ByReference, ChunksOfMoreProducersThanAreKeptMappedRunAllTheSame) {
  ASSERT_TRUE(session.wait_until_up().has_value());
  for (int producer = 0; producer < 10; ++producer) {
    segment = make(2);
    ASSERT_TRUE(session.hand_over({placed(0, "text")}).has_value());
    EXPECT_THAT(outputs_of(session.settle()), ElementsAre(as_text(video_reference(as_view("text"), 0.1F))));
  }
}

}  // namespace
}  // namespace sublet::test
