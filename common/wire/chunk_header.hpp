#pragma once

// What a chunk says of itself, where its pipeline lets it (`has_header`): a MessagePack map before the data, from the names of parameters
// to numbers, and, of a pipeline with several inputs, from the name of each to its bytes. The inputs' data follow in the pipeline's order.
// An output begins in the same way where there are several: from the name of each to its bytes. docs/pipelines.md is the user's page.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"

namespace sublet::wire {

using NamedNumber = std::pair<std::string_view, double>;
using NamedData = std::pair<std::string_view, ByteView>;

/// A payload: the header and the data behind it.
/// @param parameters  those that are not as the pipeline says
/// @param inputs  in the pipeline's order; with a single one its name does not matter
std::vector<std::byte> make_chunk(std::span<const NamedNumber> parameters, std::span<const NamedData> inputs);

/// The outputs of a chunk of a pipeline that has several, in its order. The views are of `output`; `bad_message` for anything else.
Result<std::vector<NamedData>> split_outputs(ByteView output);

/// What stands before the data of several outputs, or of several inputs of which nothing else is said; of none, before those of one.
std::vector<std::byte> lengths_header(std::span<const std::pair<std::string_view, std::uint64_t>> lengths);

}  // namespace sublet::wire
