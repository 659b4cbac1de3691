#pragma once

#include <span>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/io/file_descriptor.hpp"
#include "gpu-worker/ring/layout.hpp"

namespace sublet::ring {

/// The memory that a lease's two sides share, mapped. The memory is taken from the system only where it is touched, so a large arena costs
/// what is in use.
class Area {
 public:
  /// A new area, by the agent. Its size is sealed: the other side cannot cut it short under the agent's feet.
  static Result<Area> create(Bytes arena);
  /// The area that the agent handed over. `protocol_error` when it was made by another build.
  static Result<Area> attach(io::FileDescriptor memory);

  Area(Area&& other) noexcept;
  Area& operator=(Area&& other) noexcept;
  ~Area();

  [[nodiscard]] int fd() const { return memory_.get(); }
  [[nodiscard]] Control& control() const { return *reinterpret_cast<Control*>(base_); }
  [[nodiscard]] std::span<Command, kSlots> commands() const;
  [[nodiscard]] std::span<Reply, kSlots> replies() const;
  /// As large as it was made, whatever stands in the shared memory.
  [[nodiscard]] std::span<std::byte> arena() const { return {base_ + kArenaAt, bytes_ - kArenaAt}; }

 private:
  Area(io::FileDescriptor memory, std::byte* base, std::size_t bytes) : memory_(std::move(memory)), base_(base), bytes_(bytes) {}
  static Result<Area> map(io::FileDescriptor memory, std::size_t bytes);
  void unmap();

  io::FileDescriptor memory_;
  std::byte* base_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace sublet::ring
