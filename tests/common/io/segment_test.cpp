#include "common/io/segment.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/random.hpp"

namespace sublet::io {
namespace {

using testing::HasSubstr;

constexpr SegmentShape kShape{.payloads = 3, .payload_bytes = 100, .outputs = 2, .output_bytes = 5000};

std::string file_of(Token name) { return fmt::format("/dev/shm/sublet-segment-{:016x}{:016x}", name.high, name.low); }

struct Segments : testing::Test {
  SystemRandom random;
  Segment segment = Segment::create(kShape, random).value();
};

TEST_F(Segments, HaveTheSameBytesForAllWhoOpenThem) {
  auto other = Segment::open(segment.name()).value();
  EXPECT_EQ(other.shape(), kShape);
  for (std::uint64_t place = 0; place < kShape.payloads; ++place) std::ranges::fill(segment.payload(place), std::byte(place + 1));
  for (std::uint64_t place = 0; place < kShape.outputs; ++place) std::ranges::fill(other.output(place), std::byte(place + 11));
  for (std::uint64_t place = 0; place < kShape.payloads; ++place) {
    ASSERT_EQ(other.payload(place).size(), kShape.payload_bytes);
    EXPECT_THAT(other.payload(place), testing::Each(std::byte(place + 1)));
  }
  for (std::uint64_t place = 0; place < kShape.outputs; ++place) {
    ASSERT_EQ(segment.output(place).size(), kShape.output_bytes);
    EXPECT_THAT(segment.output(place), testing::Each(std::byte(place + 11)));
  }
}

TEST_F(Segments, GiveAPlaceForAnOutputToOneAtATime) {
  auto other = Segment::open(segment.name()).value();
  const auto first = segment.claim_output();
  const auto second = other.claim_output();
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_FALSE(segment.claim_output());
  EXPECT_FALSE(other.claim_output());
  segment.release_output(*second);
  EXPECT_EQ(other.claim_output(), second);
}

TEST_F(Segments, AreFoundByNameAsLongAsTheirCreatorLives) {
  EXPECT_TRUE(Segment::open(segment.name()));
  EXPECT_EQ(Segment::open({.high = 1, .low = 2}).error().code, ErrorCode::payload_lost);
  auto held = std::make_optional(Segment::create(kShape, random).value());
  const auto name = held->name();
  const auto other = Segment::open(name).value();
  std::ranges::fill(held->payload(0), std::byte{7});
  held.reset();
  EXPECT_FALSE(std::filesystem::exists(file_of(name)));
  EXPECT_EQ(Segment::open(name).error().code, ErrorCode::payload_lost);
  EXPECT_THAT(other.payload(0), testing::Each(std::byte{7})) << "who has it keeps it";
}

TEST_F(Segments, OfProcessesThatAreGoneAreSwept) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    SystemRandom its_random;
    const auto its_own = Segment::create(kShape, its_random);
    const Token name = its_own ? its_own->name() : Token{};
    [[maybe_unused]] const auto told = ::write(ends[1], &name, sizeof name);
    ::_exit(0);
  }
  Token name;
  ASSERT_EQ(::read(ends[0], &name, sizeof name), static_cast<ssize_t>(sizeof name));
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(std::filesystem::exists(file_of(name))) << "it ended well, so there was nothing to sweep";
  const auto next = Segment::create(kShape, random);
  EXPECT_FALSE(std::filesystem::exists(file_of(name)));
  EXPECT_TRUE(std::filesystem::exists(file_of(segment.name()))) << "its creator lives";
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(Segments, AreRefusedWhereTheHostHasNoRoom) {
  const auto room = std::filesystem::space("/dev/shm").capacity;
  const auto refused = Segment::create({.payloads = 2, .payload_bytes = room, .outputs = 1, .output_bytes = 1}, random);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::resource_exhausted);
  EXPECT_THAT(refused.error().detail, HasSubstr("/dev/shm"));
  EXPECT_FALSE(Segment::create({.payloads = ~std::uint64_t{0}, .payload_bytes = 2, .outputs = 1, .output_bytes = 1}, random));
}

TEST_F(Segments, AreNotMadeOfAnyFile) {
  const Token name{.high = 0xfeed, .low = random.next()};
  const auto written = [&](std::string_view bytes) {
    std::ofstream(file_of(name), std::ios::binary) << bytes;
    const auto opened = Segment::open(name);
    std::filesystem::remove(file_of(name));
    return opened ? ErrorCode::ok : opened.error().code;
  };
  EXPECT_EQ(written(""), ErrorCode::protocol_error);
  EXPECT_EQ(written(std::string(8192, 'x')), ErrorCode::protocol_error);
  // A header that speaks of more than the file has.
  std::string header(8192, '\0');
  std::ranges::copy(as_text(segment.memory().first(40)), header.begin());
  EXPECT_EQ(written(header), ErrorCode::protocol_error);
}

TEST(SharedHost, IsOne) {
  const auto host = shared_host();
  ASSERT_TRUE(host) << to_text(host.error());
  EXPECT_NE(*host, Token{});
  EXPECT_EQ(shared_host().value(), *host);
}

}  // namespace
}  // namespace sublet::io
