#pragma once

// What a chunk says of itself, where its pipeline lets it (`has_header`): a MessagePack map before the data, from the names of parameters
// to numbers, and, of a pipeline with several inputs, from the name of each to its bytes. The inputs' data follow in the pipeline's order.
// An output begins in the same way where there are several: from the name of each to its bytes. docs/pipelines.md is the user's page.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/pipeline/chunk_values.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/wire/msgpack_reader.hpp"

namespace sublet::wire {

using NamedNumber = std::pair<std::string_view, double>;
using NamedData = std::pair<std::string_view, ByteView>;

/// A payload: the header and the data behind it.
/// @param parameters  those that are not as the pipeline says
/// @param inputs  in the pipeline's order; with a single one its name does not matter
std::vector<std::byte> make_chunk(std::span<const NamedNumber> parameters, std::span<const NamedData> inputs);

/// The outputs of a chunk of a pipeline that has several, in its order. The views are of `output`; `bad_message` for anything else.
Result<std::vector<NamedData>> split_outputs(ByteView output);

/// What stands before several outputs.
std::vector<std::byte> output_header(std::span<const std::pair<std::string_view, std::uint64_t>> lengths);

/// Reads the headers of one pipeline's chunks. Used by one thread.
class HeaderReader {
 public:
  HeaderReader() = default;
  explicit HeaderReader(const Pipeline& pipeline);

  /// What `read` finds; the spans are the reader's own until its next call.
  struct Chunk {
    std::span<const double> variables;     ///< as `variables_of` lists them
    std::span<const std::uint64_t> bytes;  ///< of each input
    std::size_t begin = 0;                 ///< where the first input's data begin
  };

  /// `bad_parameter` for what is no header, a name that the pipeline lets no chunk set, a value outside of its range, and lengths that do
  /// not add up to the data behind it.
  Result<Chunk> read(ByteView payload);

 private:
  Result<void> set(std::string_view name, const Item& value);
  Result<void> check_lengths(std::uint64_t data);
  /// As it goes in a header, where an input's length is named as the input.
  [[nodiscard]] std::string_view name_of(std::size_t variable) const;

  std::vector<PipelineParameter> variables_;  ///< with the pipeline's values
  std::size_t first_length_ = 0;              ///< of the inputs', among them
  std::vector<double> values_;
  std::vector<bool> said_;
  std::vector<std::uint64_t> bytes_;
  std::vector<Item> items_;
};

}  // namespace sublet::wire
