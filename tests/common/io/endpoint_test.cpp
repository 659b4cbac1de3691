#include "common/io/endpoint.hpp"

#include <gtest/gtest.h>

namespace sublet::io {
namespace {

TEST(Endpoint, TakesLoopbackAndIpc) {
  for (const char* endpoint : {"tcp://127.0.0.1:7450", "tcp://127.0.0.1:*", "tcp://127.3.2.1:1", "ipc:///tmp/some/socket"}) {
    EXPECT_EQ(checked_endpoint(endpoint, false), endpoint);
  }
}

TEST(Endpoint, WritesLocalhostAsItsAddress) { EXPECT_EQ(checked_endpoint("tcp://localhost:7450", false), "tcp://127.0.0.1:7450"); }

TEST(Endpoint, RefusesOtherAddressesAndNamesTheOption) {
  for (const char* endpoint : {"tcp://0.0.0.0:7450", "tcp://*:7450", "tcp://10.0.0.1:7450", "tcp://127.evil.example:7450", "tcp://[::]:1",
                               "tcp://127.0.0.1.evil:1"}) {
    const auto checked = checked_endpoint(endpoint, false);
    ASSERT_FALSE(checked) << endpoint;
    EXPECT_EQ(checked.error().code, ErrorCode::bad_argument);
    EXPECT_THAT(checked.error().detail, testing::HasSubstr("--insecure-network"));
    EXPECT_EQ(checked_endpoint(endpoint, true), endpoint);
  }
}

TEST(Endpoint, RefusesWhatItDoesNotUnderstandOnAnyNetwork) {
  for (const char* endpoint : {"", "7450", "127.0.0.1:7450", "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://:7450", "tcp://127.0.0.1:70000",
                               "tcp://127.0.0.1:1x", "udp://127.0.0.1:1", "inproc://a", "ipc://relative"}) {
    const auto checked = checked_endpoint(endpoint, true);
    ASSERT_FALSE(checked) << endpoint;
    EXPECT_THAT(checked.error().detail, testing::HasSubstr("tcp://127.0.0.1:7450"));
  }
}

}  // namespace
}  // namespace sublet::io
