#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/error.hpp"
#include "gpu-worker/ring/session_end.hpp"
#include "gpu-worker/session/lane.hpp"

namespace sublet::session {

/// One run of chunks being worked on: where its next chunk lies and what has become of the others.
class RunInHand {
 public:
  /// `protocol_error` when the block does not lie in the arena or its lengths do not add up.
  static Result<RunInHand> open(const ring::SessionEnd& end, const ring::Command& command);

  [[nodiscard]] std::uint64_t number() const { return command_.number; }
  [[nodiscard]] bool alone() const { return command_.alone != 0; }
  [[nodiscard]] bool all_begun() const { return next_ == command_.count; }
  /// Index of the chunk that `take` gives next.
  [[nodiscard]] std::uint32_t next() const { return next_; }
  [[nodiscard]] bool all_ended() const { return ended_ == command_.count; }
  [[nodiscard]] bool has_ended(std::uint32_t chunk) const;

  ChunkBytes take();
  /// Outcomes are given in the order of the chunks.
  void succeed(std::uint32_t chunk, std::uint32_t output_bytes, Micros took);
  void fail(std::uint32_t chunk, const Error& error, Micros took);
  /// Every chunk that has not begun goes back.
  void return_rest();
  /// Every chunk that has no outcome yet goes back.
  void return_unfinished();

  /// What to answer; the session's counts are the caller's to add.
  [[nodiscard]] ring::Reply reply() const;

 private:
  void set(std::uint32_t chunk, ErrorCode code, std::uint32_t output_bytes, Micros took);

  ring::Command command_;
  std::span<const std::uint32_t> lengths_;
  std::span<const std::uint32_t> places_;
  std::span<std::uint16_t> codes_;
  std::span<std::uint32_t> output_lengths_;
  std::span<std::uint32_t> micros_;
  std::span<std::byte> details_;
  ByteView input_;
  std::span<std::byte> outputs_;

  std::uint32_t next_ = 0;
  std::uint64_t input_at_ = 0;
  std::uint64_t output_at_ = 0;
  std::uint32_t ended_ = 0;
  std::uint32_t failures_ = 0;
  std::uint32_t detail_at_ = 0;
};

}  // namespace sublet::session
