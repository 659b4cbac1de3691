#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/stores/packing.hpp"
#include "broker/stores/redis_keys.hpp"
#include "broker/stores/resp.hpp"
#include "broker/stores/store.hpp"

namespace sublet::broker {

/// Which large bytes lie under keys of their own: by the record's field, the rest of the key's name.
using RedisBlobs = std::unordered_map<std::string, std::string>;

/// How a commit has to be written.
struct CommitShape {
  std::string_view epoch;
  std::uint64_t number = 0;
  /// SHA of the script.
  std::string_view script;
  /// Large bytes go through the script too, for a Redis that is out of memory: it refuses every other command then.
  bool when_full = false;
  Compression compression = Compression::none;
};

/// A commit as Redis takes it. The same bytes may be sent again.
struct EncodedCommit {
  RespCommands commands;
  /// What `RedisBlobs` has to learn once it is taken: an empty name means gone.
  std::vector<std::pair<std::string, std::string>> blobs;
};

/// Bytes up to this size stand in their record's field; larger ones have a key of their own, since Lua copies what it is handed.
inline constexpr std::size_t kInlineBytes = 512;

/// Before the bytes in a field, or before the name of the key that holds them.
inline constexpr std::string_view kInlineTag = "=";
inline constexpr std::string_view kNameTag = "@";

EncodedCommit encode_commit(const RedisKeys& keys, const CommitShape& shape, const std::vector<Write>& writes, const RedisBlobs& blobs);

}  // namespace sublet::broker
