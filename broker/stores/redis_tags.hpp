#pragma once

#include "broker/stores/redis_session.hpp"

namespace sublet::broker {

// What a RedisStore asks of its session.
inline constexpr RedisSession::Tag kCommitTag = 1;
inline constexpr RedisSession::Tag kWaitTag = 2;
inline constexpr RedisSession::Tag kRenewTag = 3;
inline constexpr RedisSession::Tag kFetchTag = 4;
inline constexpr RedisSession::Tag kLookTag = 5;

}  // namespace sublet::broker
