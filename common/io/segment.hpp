#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/io/file_descriptor.hpp"
#include "common/random.hpp"

namespace sublet::io {

/// What a segment has room for.
struct SegmentShape {
  std::uint64_t payloads = 0;       ///< places for them
  std::uint64_t payload_bytes = 0;  ///< of each
  std::uint64_t outputs = 0;
  std::uint64_t output_bytes = 0;

  bool operator==(const SegmentShape&) const = default;
};

/// Memory that a producer and the sessions of workers on its host share, so that payloads and outputs need not travel: a file in /dev/shm
/// under a name that cannot be guessed. Places for payloads are given out by who created it. A place for an output is claimed by the
/// session that writes it and released by who has read it, so what a session writes that was given up on is nobody else's.
///
/// The name goes with the process that created it, whether it ends well or not; the memory, when the last process has unmapped it.
class Segment {
 public:
  /// `resource_exhausted` when /dev/shm has no room for all of it, which is reserved at once.
  static Result<Segment> create(const SegmentShape& shape, Random& random);
  /// `payload_lost` when there is none of that name here: its creator has ended, or is on another host. `protocol_error` for a file that is
  /// no segment.
  static Result<Segment> open(Token name);

  Segment(Segment&& other) noexcept;
  Segment& operator=(Segment&& other) noexcept;
  ~Segment();

  [[nodiscard]] Token name() const { return name_; }
  [[nodiscard]] const SegmentShape& shape() const { return shape_; }
  /// All of it, to be locked in memory.
  [[nodiscard]] std::span<std::byte> memory() const { return memory_; }

  /// `place` must be one that the segment has.
  [[nodiscard]] std::span<std::byte> payload(std::uint64_t place) const;
  [[nodiscard]] std::span<std::byte> output(std::uint64_t place) const;

  /// A place for an output that is nobody's; nothing while there is none.
  std::optional<std::uint64_t> claim_output();
  void release_output(std::uint64_t place);

 private:
  Segment(Token name, SegmentShape shape, std::span<std::byte> memory, FileDescriptor file)
      : name_(name), shape_(shape), memory_(memory), file_(std::move(file)) {}
  [[nodiscard]] std::atomic<std::uint32_t>& claim(std::uint64_t place) const;
  void unmap();

  Token name_;
  SegmentShape shape_;
  std::span<std::byte> memory_;
  /// Its creator's, with the lock that says that it lives; none for others.
  FileDescriptor file_;
  std::uint64_t next_output_ = 0;  ///< where to look first
};

/// What processes have in common that can open each other's segments: the host since it was started, and its /dev/shm. `io_failed` when
/// that cannot be told.
Result<Token> shared_host();

}  // namespace sublet::io
