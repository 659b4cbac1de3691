#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sublet {

/// A 64-bit id that converts to no other kind of id. Ids order by value; 0 is never issued by Sublet.
template <class Tag>
struct Id {
  std::uint64_t value = 0;

  constexpr auto operator<=>(const Id&) const = default;
};

/// Chosen by the producer, unique within its job; any value, 0 included.
using ChunkId = Id<struct ChunkTag>;
using JobId = Id<struct JobTag>;
/// Random, unique for ever. A session's id is its lease's id.
using LeaseId = Id<struct LeaseTag>;
/// Numbers a lease's grants (RUNs) within one broker, ascending.
using GrantId = Id<struct GrantTag>;
/// Position in a job's output log, ascending from 1.
using Cursor = Id<struct CursorTag>;

/// The random half of a fence, and of every other proof of ownership.
struct Token {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  constexpr auto operator<=>(const Token&) const = default;
};

/// SHA-256 of a bundle's encoded bytes: how pipelines and their modules are named.
struct ContentHash {
  std::uint64_t words[4] = {};

  constexpr auto operator<=>(const ContentHash&) const = default;
};

/// Ids as people read and type them: 16 lower-case hex digits.
std::string to_hex(std::uint64_t value);

/// The reverse, also of fewer digits and of upper case; nothing for anything else.
std::optional<std::uint64_t> from_hex(std::string_view digits);

/// 64 hex digits, as `sha256sum` prints them.
std::string to_hex(const ContentHash& content);

template <class Tag>
std::string to_hex(Id<Tag> id) {
  return to_hex(id.value);
}

}  // namespace sublet

template <class Tag>
struct std::hash<sublet::Id<Tag>> {
  std::size_t operator()(sublet::Id<Tag> id) const noexcept { return std::hash<std::uint64_t>{}(id.value); }
};

template <>
struct std::hash<sublet::ContentHash> {
  std::size_t operator()(const sublet::ContentHash& content) const noexcept { return content.words[0]; }
};
