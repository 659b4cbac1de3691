#include "gpu-worker/ring/area.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace sublet::ring {
namespace {

std::unexpected<Error> system_failure(const char* what) {
  return fail(ErrorCode::io_failed, fmt::format("the memory shared with a session process cannot be {}: {}; free memory on this host", what,
                                                std::strerror(errno)));
}

}  // namespace

Result<Area> Area::create(Bytes arena) {
  io::FileDescriptor memory(::memfd_create("sublet-session", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) {
    return system_failure("made");
  }
  const std::size_t bytes = kArenaAt + aligned(arena.count);
  if (::ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0 ||
      ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return system_failure("sized");
  }
  auto area = map(std::move(memory), bytes);
  if (area) {
    auto* control = ::new (area->base_) Control;
    control->arena_bytes = bytes - kArenaAt;
    std::uninitialized_value_construct_n(reinterpret_cast<Command*>(area->base_ + kCommandsAt), kSlots);
    std::uninitialized_value_construct_n(reinterpret_cast<Reply*>(area->base_ + kRepliesAt), kSlots);
  }
  return area;
}

Result<Area> Area::attach(io::FileDescriptor memory) {
  struct stat status = {};
  if (::fstat(memory.get(), &status) != 0) {
    return system_failure("looked at");
  }
  const auto bytes = static_cast<std::size_t>(status.st_size);
  if (bytes < kArenaAt) {
    return fail(ErrorCode::protocol_error, "the shared memory is too small: start session processes through sublet-worker only");
  }
  auto area = map(std::move(memory), bytes);
  if (area && (area->control().magic != kMagic || area->control().arena_bytes != bytes - kArenaAt)) {
    return fail(ErrorCode::protocol_error, "the shared memory has another layout: install sublet-worker and sublet-session of one version");
  }
  return area;
}

Result<Area> Area::map(io::FileDescriptor memory, std::size_t bytes) {
  void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory.get(), 0);
  if (base == MAP_FAILED) {
    return system_failure("mapped");
  }
  return Area(std::move(memory), static_cast<std::byte*>(base), bytes);
}

Area::Area(Area&& other) noexcept
    : memory_(std::move(other.memory_)), base_(std::exchange(other.base_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Area& Area::operator=(Area&& other) noexcept {
  if (this != &other) {
    unmap();
    memory_ = std::move(other.memory_);
    base_ = std::exchange(other.base_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

Area::~Area() { unmap(); }

void Area::unmap() {
  if (base_ != nullptr) {
    ::munmap(base_, bytes_);
    base_ = nullptr;
  }
}

std::span<Command, kSlots> Area::commands() const {
  return std::span<Command, kSlots>(reinterpret_cast<Command*>(base_ + kCommandsAt), kSlots);
}

std::span<Reply, kSlots> Area::replies() const { return std::span<Reply, kSlots>(reinterpret_cast<Reply*>(base_ + kRepliesAt), kSlots); }

}  // namespace sublet::ring
