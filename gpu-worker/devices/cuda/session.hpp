#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/ids.hpp"
#include "gpu-worker/device.hpp"
#include "gpu-worker/devices/cuda/host_memory.hpp"
#include "gpu-worker/devices/cuda/launch_arguments.hpp"
#include "gpu-worker/devices/cuda/loaded_module.hpp"
#include "gpu-worker/devices/cuda/local_memory.hpp"
#include "gpu-worker/devices/cuda/memory.hpp"
#include "gpu-worker/devices/cuda/passage_graph.hpp"
#include "gpu-worker/devices/cuda/stream_manager.hpp"

namespace sublet::cuda {

/// What the sessions of one process share: the card's context, and its fate.
struct SharedCard {
  DriverRef driver;
  ContextHandle context = nullptr;
  CardLimits limits;
  HostCode host;
  bool graphs = true;
  LocalMemory local;
  /// Of the buffers of all sessions; never less than what the card holds for them.
  std::atomic<std::uint64_t> buffer_bytes = 0;
  /// A kernel has left the context unusable, or hangs in it.
  std::atomic<bool> broken = false;
};

/// A session on a CUDA card. Stream 0 is the manager's compute stream, the others are user streams.
class CudaSession final : public Session {
 public:
  /// Throws what StreamManager's constructor throws.
  CudaSession(SharedCard& card, const SessionOptions& options);
  ~CudaSession() override;
  CudaSession(const CudaSession&) = delete;
  CudaSession& operator=(const CudaSession&) = delete;

  Result<MemHandle> mem_alloc(Bytes size) override;
  Result<void> mem_free(MemHandle handle) override;
  Result<void> mem_write(StreamId stream, MemHandle handle, std::uint64_t offset, ByteView bytes) override;
  Result<void> mem_read(StreamId stream, MemHandle handle, std::uint64_t offset, std::span<std::byte> into) override;
  Result<ModuleId> module_load(ByteView image) override;
  Result<void> launch(StreamId stream, const Launch& launch) override;
  Result<void> pass(StreamId stream, const Passage& passage) override;
  Result<void> sync(StreamId stream) override;
  Result<StreamId> stream_create() override;
  void pin_host(std::span<std::byte> memory) override { pinned_.add(driver_, card_->context, memory); }
  void unpin_host(std::span<std::byte> memory) override { pinned_.remove(memory); }
  [[nodiscard]] bool is_pinning_done() const override { return pinned_.is_done(); }
  [[nodiscard]] Bytes bytes_in_use() const override { return memory_.in_use(); }
  [[nodiscard]] Bytes bytes_at_peak() const override { return memory_.at_peak(); }

 private:
  /// A copy that has arrived in staging memory when its stream is idle, and goes on from there.
  struct CopyOut {
    const std::byte* from;
    std::span<std::byte> into;
  };
  struct Stream {
    StreamPointer native = nullptr;
    /// Launches since the last sync; of how many the card has told that they are done: in memory that it writes to.
    std::vector<const Kernel*> launches;
    volatile std::uint32_t* done = nullptr;
    DeviceAddress done_on_card = 0;
    /// Whether `done` is kept. Not for passages that need not be: a graph tells nothing before its end, and each mark costs a launch.
    bool traced = true;
    Instant first_launch;
    std::vector<CopyOut> copies_out;
    Staging staging;
    /// Of the last passage, and its graph once that shape has come twice.
    PassageShape shape;
    std::optional<PassageGraph> graph;
  };

  void add_stream(StreamRef ref);
  [[nodiscard]] Result<void> check_alive() const;
  Result<Stream*> find_stream(StreamId stream);
  Result<Kernel*> find_kernel(const Launch& launch);
  Result<void> allow_shared(Kernel& kernel, std::uint32_t bytes);
  Result<void> submit(Stream& stream, const Launch& launch, Kernel& kernel);
  /// The stream's graph for the passage; null while there is none, or when it cannot be.
  Result<PassageGraph*> graph_for(Stream& stream, const Passage& passage);
  Result<PassageGraph*> make_graph(Stream& stream, const Passage& passage);
  /// Until the stream is idle, or its kernels' time is up.
  Result<void> wait(Stream& stream);
  [[nodiscard]] Status poll(const Stream& stream) const;
  /// `status` of a call that is not about a kernel, as what it means for the session.
  std::unexpected<Error> failed(Status status, ErrorCode code, const std::string& what);
  /// `error`, unless it came of a context that is lost.
  std::unexpected<Error> explained(Error error);
  /// The context is lost, by this session as far as anyone can tell.
  std::unexpected<Error> lose(ErrorCode code, std::string detail);
  [[nodiscard]] std::string running_kernel(const Stream& stream) const;

  SharedCard* card_;
  DriverRef driver_;
  SessionOptions options_;
  SessionMemory memory_;
  PinnedRanges pinned_;
  OwnedHostMemory counters_;
  std::vector<LoadedModule> modules_;
  std::unordered_map<ContentHash, std::size_t> modules_by_hash_;
  StreamManager manager_;
  std::vector<Stream> streams_;
  LaunchArguments arguments_;
  Instant last_idle_;
  /// Until the driver refuses one.
  bool graphs_ = true;
  std::string lost_why_;
};

}  // namespace sublet::cuda
