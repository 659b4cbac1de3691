#pragma once

// MessagePack bytes as a flat list of items, bounded before anything is kept. What an item means is read_fields.hpp's business.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/wire/codec.hpp"

namespace sublet::wire {

enum class ItemKind : std::uint8_t { nil, boolean, integer, negative, real, text, binary, extension, array, map };

/// One MessagePack value. An array's elements, or a map's keys and values, are the items after it.
struct Item {
  ItemKind kind = ItemKind::nil;
  /// Bytes of a text or binary, elements of an array, pairs of a map.
  std::uint32_t size = 0;
  /// The number (a real's bits), or where a text's or binary's bytes begin in the body.
  std::uint64_t value = 0;

  [[nodiscard]] double real() const { return std::bit_cast<double>(value); }
};

/// Replaces `items` with those of `body`, which must hold one value and nothing after it. Needs 16 bytes per byte of `body` at most, and no
/// more than `limits.max_objects` items.
std::optional<Error> read_items(ByteView body, const Limits& limits, std::vector<Item>& items);

/// Reads the first value alone, and answers where it ends.
Result<std::size_t> read_first_item(ByteView body, const Limits& limits, std::vector<Item>& items);

}  // namespace sublet::wire
