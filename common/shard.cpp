#include "common/shard.hpp"

#include <algorithm>

namespace sublet {
namespace {

ShardNumber nth_shard(const Layout& layout, std::string_view queue, std::uint64_t n) {
  return static_cast<ShardNumber>((fnv1a64(queue) % layout.shards + n) % layout.shards);
}

}  // namespace

std::uint64_t fnv1a64(std::string_view text) {
  constexpr std::uint64_t kOffset = 0xcbf29ce484222325U;
  constexpr std::uint64_t kPrime = 0x100000001b3U;
  std::uint64_t hash = kOffset;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * kPrime;
  return hash;
}

std::vector<ShardNumber> shards_of(const Layout& layout, std::string_view queue) {
  std::vector<ShardNumber> shards;
  for (std::uint64_t n = 0; n < std::min(layout.spread, layout.shards); ++n) shards.push_back(nth_shard(layout, queue, n));
  return shards;
}

ShardNumber shard_of_key(const Layout& layout, std::string_view queue, std::string_view key) {
  return nth_shard(layout, queue, fnv1a64(key) % std::min(layout.spread, layout.shards));
}

}  // namespace sublet
