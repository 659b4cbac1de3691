#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/wire/chunk_header.hpp"
#include "common/wire/msgpack_reader.hpp"

namespace sublet::wire {

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
