#include "common/reference.hpp"

#include <gtest/gtest.h>

namespace sublet {
namespace {

constexpr Reference kReference{.segment = {.high = 0x0102030405060708, .low = 0x090a0b0c0d0e0f10}, .place = 0x11, .length = 0x1213};

TEST(Reference, IsFourLittleEndianWords) {
  const auto bytes = encode(kReference);
  EXPECT_EQ(as_text(bytes), std::string_view("\x08\x07\x06\x05\x04\x03\x02\x01\x10\x0f\x0e\x0d\x0c\x0b\x0a\x09"
                                             "\x11\0\0\0\0\0\0\0\x13\x12\0\0\0\0\0\0",
                                             32));
  EXPECT_EQ(decode_reference(bytes).value(), kReference);
}

TEST(Reference, IsNothingOfAnotherLength) {
  const auto bytes = encode(kReference);
  EXPECT_EQ(decode_reference(ByteView(bytes).first(31)).error().code, ErrorCode::bad_size);
  EXPECT_EQ(decode_reference({}).error().code, ErrorCode::bad_size);
}

}  // namespace
}  // namespace sublet
