#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/stores/packing.hpp"
#include "broker/stores/store.hpp"
#include "common/error.hpp"

namespace sublet::broker {

/// Where a Redis is and how to log in there.
struct RedisAddress {
  std::string host;  ///< empty with a unix socket
  std::uint16_t port = 6379;
  std::string path;  ///< of a unix socket
  std::string user;
  std::string password;
  std::uint32_t database = 0;
  /// The least it must give, where the URL says so.
  std::optional<Durability> durability;
  /// Of what is stored from now on.
  Compression compression = Compression::none;

  bool operator==(const RedisAddress&) const = default;
};

/// Reads `redis://[user:password@]host[:port][/db]` or `redis+unix://[user:password@]/path[?db=N]`, either with `durability=none`, `fast`,
/// `fsync` or `replicated` and `compress=none` or `lz4` as parameters. User and password may be percent-encoded. Errors are `bad_argument`
/// and name the part.
Result<RedisAddress> parse_redis_url(std::string_view url);

/// As people read it: without user and password.
std::string to_text(const RedisAddress& address);

std::optional<Durability> durability_of(std::string_view text);

}  // namespace sublet::broker
