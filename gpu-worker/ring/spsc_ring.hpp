#pragma once

// A ring of fixed slots from one writer to one reader in another process. Each side keeps its own position to itself and reads the other's
// from shared memory, where it is checked: a position that cannot be is an error of the peer, never a slot outside the ring.

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include "common/error.hpp"
#include "gpu-worker/ring/layout.hpp"

namespace sublet::ring {

enum class PushOutcome : std::uint8_t { pushed, full, corrupt };

template <class Slot>
class RingWriter {
 public:
  RingWriter(std::span<Slot, kSlots> slots, std::atomic<std::uint64_t>& tail, const std::atomic<std::uint64_t>& head)
      : slots_(slots), tail_(&tail), head_(&head) {}

  PushOutcome push(const Slot& slot) {
    const std::uint64_t used = position_ - head_->load(std::memory_order_acquire);
    if (used > kSlots) {
      return PushOutcome::corrupt;
    }
    if (used == kSlots) {
      return PushOutcome::full;
    }
    slots_[position_ % kSlots] = slot;
    ++position_;
    // Sequentially consistent, as the reader's flag is: of "I have written" and "I am going to sleep" one side sees the other's.
    tail_->store(position_, std::memory_order_seq_cst);
    return PushOutcome::pushed;
  }

 private:
  std::span<Slot, kSlots> slots_;
  std::atomic<std::uint64_t>* tail_;
  const std::atomic<std::uint64_t>* head_;
  std::uint64_t position_ = 0;
};

template <class Slot>
class RingReader {
 public:
  RingReader(std::span<const Slot, kSlots> slots, const std::atomic<std::uint64_t>& tail, std::atomic<std::uint64_t>& head)
      : slots_(slots), tail_(&tail), head_(&head) {}

  [[nodiscard]] bool empty() const { return tail_->load(std::memory_order_seq_cst) == position_; }

  /// A copy of the next slot, or nothing when there is none. `protocol_error` when the writer's position cannot be.
  Result<std::optional<Slot>> pop() {
    const std::uint64_t waiting = tail_->load(std::memory_order_acquire) - position_;
    if (waiting == 0) {
      return std::nullopt;
    }
    if (waiting > kSlots) {
      return fail(ErrorCode::protocol_error, "the ring's position is out of range: the other process is broken and is ended");
    }
    std::optional<Slot> slot = slots_[position_ % kSlots];
    // The compiler must not read the shared slot again after what was read has been checked.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    ++position_;
    head_->store(position_, std::memory_order_release);
    return slot;
  }

 private:
  std::span<const Slot, kSlots> slots_;
  const std::atomic<std::uint64_t>* tail_;
  std::atomic<std::uint64_t>* head_;
  std::uint64_t position_ = 0;
};

}  // namespace sublet::ring
