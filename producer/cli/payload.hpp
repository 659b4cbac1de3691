#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/pipeline/pipeline.hpp"
#include "producer/cli/files.hpp"

namespace sublet::cli {

/// Makes the chunks of one pipeline from files: the data of each, behind a header where its chunks begin with one.
class PayloadReader {
 public:
  explicit PayloadReader(const Pipeline& pipeline);

  /// Of the chunk, as long as no file changes.
  [[nodiscard]] std::uint64_t bytes_of(const InputFile& file) const;
  /// The chunk, with the files as they are now. Errors as of `read_input`.
  /// @param limit  the most bytes that it may have
  [[nodiscard]] Result<Blob> read(const InputFile& file, std::uint64_t limit) const;
  /// The same, right into `room`; answers how many bytes of it they are.
  /// @param room  `bytes_of` the file
  [[nodiscard]] Result<std::uint64_t> read_into(const InputFile& file, std::span<std::byte> room) const;

 private:
  [[nodiscard]] std::vector<std::byte> header(std::span<const std::uint64_t> lengths) const;

  bool has_header_;
  std::vector<std::string> inputs_;  ///< of several, which the header tells of
};

/// What the names of a chunk's outputs end with behind its own: nothing where there is one, `.NAME` for each of several.
std::vector<std::string> output_endings(const Pipeline& pipeline);

}  // namespace sublet::cli
