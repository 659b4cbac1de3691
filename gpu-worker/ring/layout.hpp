#pragma once

// What lies where in the memory that an agent shares with a session process for one lease. Each side writes only its own words. The agent
// trusts nothing that it reads here: indices, codes, lengths and texts are copied out first and checked then.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/bytes.hpp"

namespace sublet::ring {

/// Changes with the layout, so that an agent and a session program of different builds refuse each other.
inline constexpr std::uint64_t kMagic = 0x5355424c'52494e33;

/// Commands, and replies, that may be under way at a time. A power of two.
inline constexpr std::uint64_t kSlots = 256;

/// Where blocks of the arena begin; input and outputs inside a block, too.
inline constexpr std::uint64_t kAlignment = 64;

/// Bytes of text that go with a reply that is about the whole session.
inline constexpr std::size_t kNoteBytes = 2048;

enum class CommandKind : std::uint32_t {
  start = 1,               ///< the block holds the bundle; answered by `started` or `failed`
  run = 2,                 ///< the block is laid out as `RunLayout` says; answered by `ran`
  close = 3,               ///< the last one: free everything that the lease has there; answered by `closed`
  start_by_reference = 4,  ///< as `start`; what the blocks of its runs hold are references to payloads and outputs
};

enum class ReplyKind : std::uint32_t {
  started = 1,  ///< buffers and modules are there
  failed = 2,   ///< the session cannot be and nothing of it is left; `code` and the note say why
  ran = 3,      ///< every chunk of that run has an outcome in its block
  closed = 4,   ///< everything is freed; also unasked, when the lease's deadline has passed
};

struct Command {
  CommandKind kind = CommandKind::run;
  std::uint32_t count = 0;   ///< chunks of a run; with `start`: lanes
  std::uint64_t number = 0;  ///< ascending; repeated in the reply
  std::uint64_t block = 0;   ///< offset in the arena
  std::uint64_t input_bytes = 0;
  std::uint64_t output_bytes = 0;     ///< room for outputs
  std::uint32_t detail_bytes = 0;     ///< room for details
  std::uint32_t alone = 0;            ///< 1: no two of its chunks, nor others, at the same time
  std::uint64_t slice_bytes = 0;      ///< with `start`
  std::uint64_t max_chunk_bytes = 0;  ///< with `start`
};
static_assert(sizeof(Command) == 64);

struct alignas(64) Reply {
  ReplyKind kind = ReplyKind::ran;
  std::uint32_t text_bytes = 0;   ///< of details in the block, or of the note
  std::uint64_t number = 0;       ///< of the command
  std::uint64_t lease = 0;        ///< whose ring this is
  std::uint64_t to_device = 0;    ///< bytes copied host to device since the session started; kernel arguments are not counted
  std::uint64_t from_device = 0;  ///< bytes copied device to host since the session started
  std::uint64_t peak_bytes = 0;   ///< most VRAM of the slice in use so far
  std::uint16_t code = 0;
  std::uint16_t last = 0;      ///< 1: a chunk of this run left the device unusable and the process ends after this reply
  std::uint32_t failures = 0;  ///< chunks with a code other than 0; 0 lets the reader skip the codes
  /// VRAM of the whole process beside the buffers of its sessions, as it was just measured; 0 where it was not.
  std::uint64_t overhead_bytes = 0;
};
static_assert(sizeof(Reply) == 64);

/// The first page of the area.
struct Control {
  std::uint64_t magic = kMagic;
  std::uint64_t arena_bytes = 0;

  alignas(64) std::atomic<std::uint64_t> command_tail = 0;  ///< agent
  alignas(64) std::atomic<std::uint64_t> command_head = 0;  ///< session
  std::atomic<std::uint32_t> command_reader_waits = 0;      ///< set by the session, taken back by the agent
  alignas(64) std::atomic<std::uint64_t> reply_tail = 0;    ///< session
  alignas(64) std::atomic<std::uint64_t> reply_head = 0;    ///< agent
  std::atomic<std::uint32_t> reply_reader_waits = 0;        ///< set by the agent, taken back by the session

  /// Agent: the lease's deadline in nanoseconds of the monotonic clock; 0 while there is none.
  alignas(64) std::atomic<std::uint64_t> deadline_ns = 0;
  /// Agent: 1 asks to begin no further chunk and to hand back what has not begun.
  std::atomic<std::uint32_t> stop = 0;

  /// Session: which chunks of which command are on the device, and since when the oldest of them is.
  alignas(64) std::atomic<std::uint64_t> running_number = 0;
  std::atomic<std::uint32_t> running_first = 0;
  std::atomic<std::uint32_t> running_count = 0;
  std::atomic<std::uint64_t> running_since_ns = 0;

  alignas(64) std::byte note[kNoteBytes] = {};
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);

inline constexpr std::size_t kControlBytes = 4096;
static_assert(sizeof(Control) <= kControlBytes);
inline constexpr std::size_t kCommandsAt = kControlBytes;
inline constexpr std::size_t kRepliesAt = kCommandsAt + kSlots * sizeof(Command);
inline constexpr std::size_t kArenaAt = kRepliesAt + kSlots * sizeof(Reply);
static_assert(kArenaAt % 4096 == 0);

constexpr std::uint64_t aligned(std::uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// Offsets inside a run's block.
struct RunLayout {
  std::uint64_t lengths = 0;         ///< u32 per chunk, of its input; written by the agent, as places and input
  std::uint64_t places = 0;          ///< u32 per chunk: how many bytes are kept for its output, whether it fails or not
  std::uint64_t codes = 0;           ///< u16 per chunk; written by the session, as all that follows but the input
  std::uint64_t output_lengths = 0;  ///< u32 per chunk
  std::uint64_t micros = 0;          ///< u32 per chunk
  std::uint64_t details = 0;         ///< {u32 index, u32 length, text} one after another
  std::uint64_t input = 0;           ///< the chunks' payloads, concatenated
  std::uint64_t outputs = 0;         ///< the places, one after another
  std::uint64_t total = 0;

  bool operator==(const RunLayout&) const = default;
};

/// Sums up without overflow for what fits an arena: count < 2^24 and sizes < 2^48.
constexpr RunLayout run_layout(std::uint32_t count, std::uint64_t input_bytes, std::uint32_t detail_bytes, std::uint64_t output_bytes) {
  RunLayout layout;
  layout.places = aligned(std::uint64_t{count} * 4);
  layout.codes = layout.places + aligned(std::uint64_t{count} * 4);
  layout.output_lengths = layout.codes + aligned(std::uint64_t{count} * 2);
  layout.micros = layout.output_lengths + aligned(std::uint64_t{count} * 4);
  layout.details = layout.micros + aligned(std::uint64_t{count} * 4);
  layout.input = layout.details + aligned(detail_bytes);
  layout.outputs = layout.input + aligned(input_bytes);
  layout.total = layout.outputs + aligned(output_bytes);
  return layout;
}

/// Room for details: enough for a sentence about each chunk of a small run, and for the first ones of a large run.
constexpr std::uint32_t detail_bytes_for(std::uint32_t count) {
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(std::uint64_t{count} * 512, 1024, 16'384));
}

}  // namespace sublet::ring
