#include "broker/core/queue.hpp"

#include <algorithm>
#include <string_view>

namespace sublet::broker {

bool is_queue_name(const std::string& name) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [&](char letter) { return kAllowed.contains(letter); });
}

std::uint64_t queue_hash(const std::string& name) {
  // FNV-1a: any hash that never changes would do.
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char letter : name) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  return hash;
}

}  // namespace sublet::broker
