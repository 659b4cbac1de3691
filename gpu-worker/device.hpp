#pragma once

// What a device is. A new kind of device implements `Device` and `Session` below and passes tests/conformance/device_suite.hpp; nothing
// else in Sublet knows one kind from another.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/time.hpp"

namespace sublet {

/// A device address, usable as an 8-byte kernel argument as it is; 256-byte aligned, never 0. Valid in the session that allocated it.
using MemHandle = Id<struct MemTag>;
using ModuleId = Id<struct ModuleTag>;
/// A queue of operations that run in order. Stream 0 is always there.
using StreamId = Id<struct StreamTag>;

struct DeviceInfo {
  std::string kind;  ///< "cpu" or "cuda"
  std::string name;
  Bytes total;
  /// VRAM that a session process takes before its first allocation.
  Bytes context_overhead;
  std::uint32_t max_threads_per_block = 1024;
  /// A fault of one session leaves every session of the process unusable, and does not tell whose it was.
  bool faults_spread = false;
  /// And so does a fault of another process.
  bool faults_cross = false;
};

using Dim3 = std::array<std::uint32_t, 3>;

/// An argument that is a place in a buffer of the session.
struct BufferArgument {
  std::uint32_t argument = 0;  ///< which of the launch's, from 0; it has 8 bytes
  MemHandle buffer;
  std::uint64_t offset = 0;  ///< at most the buffer's size

  bool operator==(const BufferArgument&) const = default;
};

/// One kernel launch. `args` are the arguments' bytes, little-endian, one after another without padding; `arg_sizes` the size of each. They
/// are laid out anew by the kernel's own parameter offsets, so a size that differs from the kernel's is `launch_failed`.
///
/// An argument that is named in `buffers` is written by the device, whatever stands in `args`, and only for a live buffer of the session:
/// `invalid_handle` or `out_of_range` otherwise. A handle that stands in `args` is a number like any other, which proves nothing: what a
/// kernel can do with it is bounded by the isolation class alone.
struct Launch {
  ModuleId module;
  std::string_view kernel;
  Dim3 grid = {1, 1, 1};
  Dim3 block = {1, 1, 1};
  std::uint32_t shared_bytes = 0;
  std::span<const std::byte> args;
  std::span<const std::uint32_t> arg_sizes;
  std::span<const BufferArgument> buffers;  ///< ascending by argument
};

/// Whether `buffers` names arguments that there are, of 8 bytes, each once: `launch_failed` says which is none.
Result<void> check_buffer_arguments(const Launch& launch);

/// A chunk's whole way over the device: its bytes in, kernels, the result out.
struct Passage {
  MemHandle input;
  ByteView from;
  std::span<const Launch> launches;
  MemHandle output;
  std::span<std::byte> into;
  /// Which launch fails has to be told exactly, even where that makes it slower.
  bool traced = false;
};

/// The live state under a lease: buffers, modules, streams. Used by one thread. Everything is freed by the destructor.
///
/// Errors. `invalid_handle`, `out_of_range`, `bad_size`, `alloc_failed_*`, `load_failed` and `launch_failed` are found before the device
/// does anything and leave the session usable. `sync_failed` and `kernel_timeout` are found by `sync` or `mem_read`; from then on every
/// operation answers `session_lost`.
class Session {
 public:
  virtual ~Session() = default;

  /// @param size  1 B or more; zeroed. `alloc_failed_quota` past the session's slice, `alloc_failed_device` when the card is full.
  virtual Result<MemHandle> mem_alloc(Bytes size) = 0;
  virtual Result<void> mem_free(MemHandle handle) = 0;
  /// Copies host to device, in stream order. `bytes` must stay until the next `sync` of that stream.
  virtual Result<void> mem_write(StreamId stream, MemHandle handle, std::uint64_t offset, ByteView bytes) = 0;
  /// Copies device to host, in stream order: `into` is filled when the next `sync` of that stream returns.
  virtual Result<void> mem_read(StreamId stream, MemHandle handle, std::uint64_t offset, std::span<std::byte> into) = 0;
  /// @param image  PTX text, CUDA C++ where the host has NVRTC; on cards also a cubin or a fatbin. The same bytes loaded again answer the
  /// same id at no cost.
  virtual Result<ModuleId> module_load(ByteView image) = 0;
  /// Queues a kernel and returns before it ends. Refused with `launch_failed` (the message lists the module's kernels for an unknown name)
  /// when the kernel, grid, block, shared bytes or arguments cannot be.
  virtual Result<void> launch(StreamId stream, const Launch& launch) = 0;
  /// Queues a passage: what its operations queue one by one, which a device may do at once when passages of one shape follow each other on
  /// a stream. After an error part of it may be queued.
  virtual Result<void> pass(StreamId stream, const Passage& passage);
  /// Returns when everything queued on `stream` is done; reports the first launch that failed, by kernel and number.
  virtual Result<void> sync(StreamId stream) = 0;

  virtual Result<StreamId> stream_create() = 0;

  /// Host memory that most copies will come from and go to, to be made ready for them beside everything else, since that takes longer than
  /// a session's start. Copies from and to any memory work, before too and where it cannot be made ready, only slower.
  /// @param memory  must outlive the session, or `unpin_host`
  virtual void pin_host([[maybe_unused]] std::span<std::byte> memory) {}
  /// Nothing that is queued uses it any more.
  virtual void unpin_host([[maybe_unused]] std::span<std::byte> memory) {}
  /// Whether what `pin_host` began has ended, one way or the other.
  [[nodiscard]] virtual bool is_pinning_done() const { return true; }

  [[nodiscard]] virtual Bytes bytes_in_use() const = 0;
  [[nodiscard]] virtual Bytes bytes_at_peak() const = 0;
};

struct SessionOptions {
  Bytes slice;
  /// The longest that the kernels between two syncs of a stream may run; past it: `kernel_timeout`.
  Nanos kernel_time_limit = 60s;
};

/// One card.
class Device {
 public:
  virtual ~Device() = default;
  [[nodiscard]] virtual const DeviceInfo& info() const = 0;
  /// VRAM that this process takes beside the buffers of its sessions, as of now: what it took at first, and what the modules that were
  /// loaded since made it grow by. May be asked by any thread; takes a look at the card, so not for every chunk.
  virtual Bytes overhead() { return info().context_overhead; }
  virtual Result<std::unique_ptr<Session>> open_session(const SessionOptions& options) = 0;
};

}  // namespace sublet
