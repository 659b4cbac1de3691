#include "common/wire/bundle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/wire/msgpack_writer.hpp"
#include "tests/common/wire/samples.hpp"

namespace sublet::wire {
namespace {

using testing::HasSubstr;

ErrorCode refusal(const Bundle& bundle) {
  const auto decoded = decode_bundle(encode_bundle(bundle));
  return decoded ? ErrorCode::ok : decoded.error().code;
}

TEST(BundleCodec, ABundleComesBackAsItWas) {
  const auto bundle = decode_bundle(encode_bundle(sample_bundle()));
  ASSERT_TRUE(bundle) << bundle.error().detail;
  EXPECT_EQ(*bundle, sample_bundle());
}

TEST(BundleCodec, AWholeNumbersParameterStaysAFloatOnTheWire) {
  auto bundle = sample_bundle();
  bundle.pipeline.parameters[0].value = 2.0;
  const auto bytes = encode_bundle(bundle);
  EXPECT_THAT(std::string(as_text(bytes)), HasSubstr(std::string("value\xcb\x40\0\0\0\0\0\0\0", 14)));
}

TEST(BundleCodec, ModulesAndResidentsMayHaveSixteenMebibytesInAll) {
  auto bundle = sample_bundle();
  bundle.modules[0].image.resize(kMaxDataBytes.count - bundle.residents[0].data.size());
  EXPECT_EQ(refusal(bundle), ErrorCode::ok);
  bundle.residents[0].data.push_back(std::byte{0});
  EXPECT_EQ(refusal(bundle), ErrorCode::message_too_large);
  bundle.residents.clear();
  bundle.modules.push_back({.name = "one more", .image = {5, std::byte{0}}});
  EXPECT_EQ(refusal(bundle), ErrorCode::message_too_large);
}

TEST(BundleCodec, MoreBytesThanABundleMayHaveAreNotEvenParsed) {
  const std::vector<std::byte> bytes(kMaxBundleBytes.count + 1, std::byte{0xc1});
  EXPECT_EQ(decode_bundle(bytes).error().code, ErrorCode::message_too_large);
}

TEST(BundleCodec, AControlCharacterInAKernelsNameIsABadName) {
  auto bundle = sample_bundle();
  bundle.pipeline.stages[0].kernel = "scale\n";
  const auto decoded = decode_bundle(encode_bundle(bundle));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, ErrorCode::bad_name);
  EXPECT_THAT(decoded.error().detail, HasSubstr("bundle.pipeline.stages[0].kernel"));
}

TEST(BundleCodec, NoBytesAreNoBundle) { EXPECT_EQ(decode_bundle({}).error().code, ErrorCode::bad_message); }

TEST(BundleCodec, EveryBundleCutShortIsRefused) {
  const auto bytes = encode_bundle(sample_bundle());
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_bundle(ByteView(bytes).first(size)));
}

TEST(ContentHashes, AreTheSha256OfTheBytes) {
  EXPECT_EQ(to_hex(content_hash(as_view("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(content_hash({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace sublet::wire
