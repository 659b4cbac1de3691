#include "broker/stores/redis_keys.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace sublet::broker {
namespace {

/// In the order of `RecordKind`.
constexpr std::array<std::string_view, 15> kKinds = {"queue", "bundle", "job",     "progress", "accepted",
                                                     "batch", "runs",   "payload", "output",   "output_bytes",
                                                     "lease", "grant",  "timing",  "dead",     "dead_bytes"};
static_assert(kKinds.size() == static_cast<std::size_t>(RecordKind::dead_bytes) + 1);

constexpr std::size_t kHashDigits = 64;

std::optional<std::uint64_t> number_of(std::string_view digits) {
  std::uint64_t value = 0;
  const auto* end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, value, 16);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

std::optional<ContentHash> hash_of(std::string_view digits) {
  if (digits.size() != kHashDigits) return std::nullopt;
  ContentHash hash;
  for (auto& word : hash.words) {
    const auto value = number_of(digits.substr(0, 16));
    if (!value) return std::nullopt;
    word = *value;
    digits.remove_prefix(16);
  }
  return hash;
}

}  // namespace

RedisKeys::RedisKeys(ShardNumber shard) : prefix(fmt::format("sublet:{{{}}}:", shard)), state(prefix + "state"), owner(prefix + "owner") {}

std::string field_of(const RecordKey& key) {
  const auto kind = kKinds[static_cast<std::size_t>(key.kind)];
  if (key.kind == RecordKind::bundle) return fmt::format("{}:{}", kind, to_hex(key.hash));
  return key.item == 0 ? fmt::format("{}:{:x}", kind, key.owner) : fmt::format("{}:{:x}:{:x}", kind, key.owner, key.item);
}

std::optional<RecordKey> key_of(std::string_view field) {
  const auto colon = field.find(':');
  const auto kind = std::ranges::find(kKinds, field.substr(0, colon));
  if (colon == std::string_view::npos || kind == kKinds.end()) return std::nullopt;
  RecordKey key{.kind = static_cast<RecordKind>(std::distance(kKinds.begin(), kind)), .hash = {}};
  field.remove_prefix(colon + 1);
  if (key.kind == RecordKind::bundle) {
    const auto hash = hash_of(field);
    if (!hash) return std::nullopt;
    key.hash = *hash;
    return key;
  }
  const auto second = field.find(':');
  const auto owner = number_of(field.substr(0, second));
  const auto item = second == std::string_view::npos ? std::uint64_t{0} : number_of(field.substr(second + 1));
  if (!owner || !item) return std::nullopt;
  key.owner = *owner;
  key.item = *item;
  return key;
}

}  // namespace sublet::broker
