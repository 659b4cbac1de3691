#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gpu-worker/device.hpp"
#include "gpu-worker/devices/cpu/device_memory.hpp"
#include "gpu-worker/devices/cpu/loaded_module.hpp"
#include "gpu-worker/devices/cpu/run/grid_runner.hpp"
#include "gpu-worker/devices/cpu/worker_pool.hpp"
#include "gpu-worker/devices/image/source_compiler.hpp"

namespace sublet::cpu {

/// A session on the cpu device. Streams are queues; `sync` runs a stream's queue on the calling thread, with the pool's help.
class CpuSession final : public Session {
 public:
  CpuSession(DeviceMemory& memory, unsigned threads, const SessionOptions& options, bool wide, NativeUse native,
             const image::SourceCompiler& sources, std::function<void(std::string_view)> on_print = {});

  Result<MemHandle> mem_alloc(Bytes size) override;
  Result<void> mem_free(MemHandle handle) override;
  Result<void> mem_write(StreamId stream, MemHandle handle, std::uint64_t offset, ByteView bytes) override;
  Result<void> mem_read(StreamId stream, MemHandle handle, std::uint64_t offset, std::span<std::byte> into) override;
  Result<ModuleId> module_load(ByteView image) override;
  Result<void> launch(StreamId stream, const Launch& launch) override;
  Result<void> sync(StreamId stream) override;
  Result<StreamId> stream_create() override;
  [[nodiscard]] Bytes bytes_in_use() const override { return memory_.in_use(); }
  [[nodiscard]] Bytes bytes_at_peak() const override { return memory_.at_peak(); }

 private:
  struct Operation {
    // A copy of `size` bytes, when `kernel` is null.
    void* to = nullptr;
    const void* from = nullptr;
    std::size_t size = 0;
    const Program* kernel = nullptr;
    Dim3 grid = {1, 1, 1};
    Dim3 block = {1, 1, 1};
    std::uint32_t shared_bytes = 0;
    std::size_t arguments = 0;  ///< where they begin in the stream's
  };
  struct KnownModule {
    std::string image;
    LoadedModule loaded;
  };
  struct Stream {
    std::vector<Operation> queue;
    std::vector<std::byte> arguments;
  };

  [[nodiscard]] Result<void> check_alive() const;
  Result<Stream*> find_stream(StreamId stream);
  /// Where `size` bytes at `offset` of the buffer are on the host.
  Result<std::byte*> locate(MemHandle handle, std::uint64_t offset, std::uint64_t size) const;
  /// Runs what is queued; the first failure is kept in `failure_` and drops the rest.
  void drain(std::size_t stream);
  std::optional<Error> run(const Operation& operation, const Stream& stream, Instant deadline, std::size_t number);

  SessionMemory memory_;
  /// Its own, so that what a session can do does not depend on the others.
  WorkerPool pool_;
  GridRunner grids_;
  SessionOptions options_;
  bool wide_;
  const image::SourceCompiler& sources_;
  std::function<void(std::string_view)> on_print_;
  std::vector<Stream> streams_;
  std::vector<std::unique_ptr<const KnownModule>> modules_;
  std::unordered_multimap<std::size_t, std::size_t> modules_by_hash_;
  std::optional<Error> failure_;
  bool lost_ = false;
};

}  // namespace sublet::cpu
