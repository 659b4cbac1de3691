#pragma once

// What a session process says became of a run, read as hostile input.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/wire/messages.hpp"
#include "gpu-worker/ring/layout.hpp"

namespace sublet::ring {

/// A run as the agent handed it over, from the agent's own memory.
struct RunShape {
  std::uint32_t count = 0;
  std::uint32_t detail_bytes = 0;
  RunLayout layout;
  /// As written to the block: one per chunk.
  std::span<const std::uint32_t> places;
};

/// Outcomes of chunks, in order. Runs append to it, so that a grant handed over in parts is collected in one.
struct Outcome {
  std::vector<std::uint16_t> codes;
  std::vector<std::uint32_t> lengths;
  std::vector<std::uint32_t> micros;
  std::vector<wire::ChunkDetail> details;
  std::vector<std::byte> outputs;
  bool failures = false;  ///< any code other than 0

  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(codes.size()); }
  /// A chunk without output.
  void add(ErrorCode code, std::uint32_t took_micros = 0);
  /// Kept for the first 1,000 failures; a message has its limits.
  void add_detail(std::uint32_t index, std::string detail);
};

/// Appends what stands in `block` for a run of that shape. `protocol_error`, with `into` as it was, when anything cannot be: a code that is
/// not in the table, an output longer than its place, a failed chunk with an output, details that do not add up.
/// @param block  the run's block in the arena, `shape.layout.total` bytes
Result<void> read_outcome(const Reply& reply, ByteView block, const RunShape& shape, Outcome& into);

/// Text from a session process, as it may be shown: at most 2,000 bytes, control characters and what is not UTF-8 as '?'.
std::string clean_text(ByteView bytes);

/// Appends one detail at `at` when it fits, cut to 480 bytes of text; where the next one goes. Used by the session.
std::uint32_t write_detail(std::span<std::byte> details, std::uint32_t at, std::uint32_t index, std::string_view text);

}  // namespace sublet::ring
