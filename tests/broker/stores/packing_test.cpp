#include "broker/stores/packing.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "common/random.hpp"

namespace sublet::broker {
namespace {

Blob repeated(std::string_view text, std::size_t size) {
  std::string all;
  while (all.size() < size) all += text;
  return Blob::copy_of(as_view(std::string_view(all).substr(0, size)));
}

Blob noise(std::size_t size) {
  SeededRandom random(size);
  std::vector<std::byte> bytes(size);
  std::ranges::generate(bytes, [&] { return static_cast<std::byte>(random.next()); });
  return Blob::copy_of(bytes);
}

Blob stored(const Packed& packed) { return Blob::copy_of(as_view(packed.tag + std::string(as_text(packed.bytes.view())))); }

void expect_back(const Blob& bytes, Compression compression) {
  const auto back = unpack(stored(pack(bytes, compression)));
  ASSERT_TRUE(back) << to_text(back.error());
  EXPECT_TRUE(std::ranges::equal(back->view(), bytes.view()));
}

TEST(Packing, GivesTheBytesBack) {
  for (const auto compression : {Compression::none, Compression::lz4}) {
    for (const std::size_t size : {0, 1, 7, 8, 511, 4096, 4097, 1 << 20}) {
      expect_back(repeated("chunk ", size), compression);
      expect_back(noise(size), compression);
    }
  }
}

TEST(Packing, IsAsAskedAndOnlyWhereItHelps) {
  const auto text = repeated("the same again and ", 1 << 16);
  EXPECT_LT(pack(text, Compression::lz4).bytes.size(), text.size() / 10);
  EXPECT_EQ(pack(text, Compression::none).bytes.view().data(), text.view().data());
  const auto random = noise(1 << 16);
  EXPECT_EQ(pack(random, Compression::lz4).bytes.view().data(), random.view().data());
}

TEST(Packing, IsJudgedByItsBeginning) {
  auto bytes = noise(1 << 16);
  std::vector<std::byte> later(bytes.view().begin(), bytes.view().end());
  std::fill(later.begin() + 8192, later.end(), std::byte{0});
  const auto packed = pack(Blob::copy_of(later), Compression::lz4);
  EXPECT_EQ(packed.bytes.size(), later.size()) << "noise at the beginning promises nothing";
}

TEST(Packing, GivesBackWhatPacksBest) {
  const auto zeros = repeated(std::string_view("\0", 1), 16U << 20U);
  EXPECT_GT(zeros.size(), pack(zeros, Compression::lz4).bytes.size() * 250) << "as near the limit as LZ4 gets";
  expect_back(zeros, Compression::lz4);
}

TEST(Packing, RefusesAClaimThatNoBlockOfItsLengthComesTo) {
  const std::string block(100, '\0');
  const auto claiming = [&](std::uint32_t length) {
    std::string text(5, 'z');
    std::memcpy(text.data() + 1, &length, sizeof length);
    return unpack(Blob::copy_of(as_view(text + block))).error().detail;
  };
  EXPECT_EQ(claiming(255 * 100), "compressed bytes that are damaged");
  EXPECT_EQ(claiming(255 * 100 + 1), "100 compressed bytes that claim to unfold to 25501");
  EXPECT_EQ(claiming(128U << 20U), "100 compressed bytes that claim to unfold to 134217728");
}

TEST(Packing, TakesNothingThatIsDamaged) {
  const auto good = stored(pack(repeated("abc", 5000), Compression::lz4));
  for (std::size_t length = 0; length < good.size(); ++length) EXPECT_FALSE(unpack(good.slice(0, length))) << length;
  EXPECT_FALSE(unpack(Blob::copy_of(as_view("?abc"))));
  // 4 GiB - 1 bytes, it says.
  EXPECT_FALSE(unpack(Blob::copy_of(as_view("z\xff\xff\xff\xff....."))));
  SeededRandom random(3);
  for (int attempt = 0; attempt < 2'000; ++attempt) {
    std::vector<std::byte> bytes(good.view().begin(), good.view().end());
    bytes[5 + random.next() % (bytes.size() - 5)] ^= static_cast<std::byte>(1 + random.next() % 255);
    const auto back = unpack(Blob::copy_of(bytes));
    EXPECT_EQ(back ? back->size() : 5000U, 5000U);
  }
}

}  // namespace
}  // namespace sublet::broker
