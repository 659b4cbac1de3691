#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/wire/msgpack_reader.hpp"

namespace sublet::wire {

/// Reads the MessagePack map from texts at the start of some bytes into `items`: the map itself, then names and values in turn. Answers
/// where it ends; `bad_parameter` for anything else.
Result<std::size_t> read_header_map(ByteView bytes, std::vector<Item>& items);

/// A text among them.
inline std::string_view text_of(ByteView bytes, const Item& item) { return as_text(bytes).substr(item.value, item.size); }

}  // namespace sublet::wire
