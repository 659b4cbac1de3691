#include "gpu-worker/devices/cuda/session.hpp"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "common/io/clock.hpp"
#include "common/wire/bundle.hpp"
#include "gpu-worker/devices/cuda/launch_check.hpp"

namespace sublet::cuda {
namespace {

constexpr std::size_t kMaxModules = 256;
/// The compute stream and the user streams.
constexpr std::size_t kMaxStreams = 1 + StreamManager::kMostStreams;
/// A stream is looked at without pause for this long, since most chunks are through by then, and after that now and then.
constexpr Nanos kBusyLook = 1ms;
constexpr Nanos kPause = 20us;

}  // namespace

CudaSession::CudaSession(SharedCard& card, const SessionOptions& options)
    : card_(&card),
      driver_(card.driver),
      options_(options),
      memory_(card.driver, options.slice, card.buffer_bytes),
      manager_(card.driver, StreamManager::kMostStreams),
      graphs_(card.graphs) {
  void* counters = nullptr;
  if (const Status status = driver_->mem_host_alloc(&counters, kMaxStreams * sizeof(std::uint32_t), kHostAllocDeviceMap);
      status != kSuccess) {
    throw CudaException(status, fmt::format("page-locked host memory: {}", driver_->text(status)));
  }
  counters_ = OwnedHostMemory(driver_, counters);
  std::memset(counters, 0, kMaxStreams * sizeof(std::uint32_t));
  add_stream(manager_.get_compute_stream());
}

CudaSession::~CudaSession() {
  if (!card_->broken) {
    return;
  }
  // The context is gone, or a kernel hangs in it and every free would wait for that: the process has to end, which gives everything back.
  memory_.abandon();
  pinned_.abandon();
  counters_.abandon();
  for (LoadedModule& module : modules_) {
    module.abandon();
  }
  for (Stream& stream : streams_) {
    stream.staging.abandon();
    if (stream.graph) {
      stream.graph->abandon();
    }
  }
  manager_.abandon();
}

void CudaSession::add_stream(StreamRef ref) {
  auto* const done = static_cast<std::uint32_t*>(counters_.get()) + streams_.size();
  DeviceAddress on_card = 0;
  driver_->mem_host_get_device_pointer(&on_card, done, 0);
  streams_.push_back(
      {.native = manager_.native(ref), .launches = {}, .done = done, .done_on_card = on_card, .copies_out = {}, .staging = {}});
}

Result<void> CudaSession::check_alive() const {
  if (!lost_why_.empty()) {
    return fail(ErrorCode::session_lost, fmt::format("the session ended when {}; open a new one", lost_why_));
  }
  if (card_->broken) {
    return fail(ErrorCode::session_lost,
                "another session of this process left the card's context unusable; open a new one in another process");
  }
  return {};
}

std::unexpected<Error> CudaSession::lose(ErrorCode code, std::string detail) {
  lost_why_ = detail;
  const bool by_another = card_->broken.exchange(true);
  return fail(by_another ? ErrorCode::session_lost : code, std::move(detail));
}

std::unexpected<Error> CudaSession::failed(Status status, ErrorCode code, const std::string& what) {
  const std::string detail = fmt::format("{}: {}", what, driver_->text(status));
  if (!is_sticky(status)) {
    return fail(code, detail);
  }
  // What an operation finds on its way was done by kernels before it: this session's, or another's where it has none.
  const auto busy = std::ranges::find_if(streams_, [](const Stream& stream) { return !stream.launches.empty(); });
  return busy == streams_.end() ? lose(ErrorCode::session_lost, detail)
                                : lose(ErrorCode::sync_failed, fmt::format("{} failed: {}", running_kernel(*busy), driver_->text(status)));
}

std::unexpected<Error> CudaSession::explained(Error error) {
  const Status status = driver_->stream_query(streams_.front().native);
  return is_sticky(status) ? failed(status, error.code, "the card's context") : std::unexpected(std::move(error));
}

Result<CudaSession::Stream*> CudaSession::find_stream(StreamId stream) {
  if (auto alive = check_alive(); !alive) {
    return std::unexpected(alive.error());
  }
  if (stream.value >= streams_.size()) {
    return fail(ErrorCode::invalid_handle, fmt::format("stream {} was never created", stream.value));
  }
  return &streams_[stream.value];
}

Result<MemHandle> CudaSession::mem_alloc(Bytes size) {
  if (auto alive = check_alive(); !alive) {
    return std::unexpected(alive.error());
  }
  const auto address = memory_.allocate(size);
  if (!address) {
    return explained(address.error());
  }
  // On a stream without kernels, so that it waits for none.
  const StreamRef filler = manager_.get_copy_stream(0);
  Status status = driver_->memset_async(*address, 0, size.count, manager_.native(filler));
  if (status == kSuccess) {
    status = driver_->stream_synchronize(manager_.native(filler));
  }
  if (status != kSuccess) {
    return failed(status, ErrorCode::alloc_failed_device, "zeroing a buffer");
  }
  return MemHandle{*address};
}

Result<void> CudaSession::mem_free(MemHandle handle) {
  if (auto alive = check_alive(); !alive) {
    return alive;
  }
  if (auto there = memory_.check(handle.value, 0, 0); !there) {
    return there;
  }
  for (Stream& stream : streams_) {
    if (auto idle = wait(stream); !idle) {
      return idle;
    }
    // One of them may be about the buffer.
    stream.graph.reset();
    stream.shape = {};
  }
  memory_.release(handle.value);
  return {};
}

Result<void> CudaSession::mem_write(StreamId stream, MemHandle handle, std::uint64_t offset, ByteView bytes) {
  const auto found = find_stream(stream);
  if (!found) {
    return std::unexpected(found.error());
  }
  if (auto there = memory_.check(handle.value, offset, bytes.size()); !there || bytes.empty()) {
    return there;
  }
  const std::byte* from = bytes.data();
  if (!pinned_.hold(from, bytes.size())) {
    if (std::byte* const staged = (*found)->staging.take(driver_, bytes.size())) {
      std::memcpy(staged, from, bytes.size());
      from = staged;
    } else if (auto idle = wait(**found); !idle) {
      return idle;
    }
  }
  const Status status = driver_->copy_to_device_async(handle.value + offset, from, bytes.size(), (*found)->native);
  return status == kSuccess ? Result<void>() : failed(status, ErrorCode::alloc_failed_device, "a copy to the card");
}

Result<void> CudaSession::mem_read(StreamId stream, MemHandle handle, std::uint64_t offset, std::span<std::byte> into) {
  const auto found = find_stream(stream);
  if (!found) {
    return std::unexpected(found.error());
  }
  if (auto there = memory_.check(handle.value, offset, into.size()); !there || into.empty()) {
    return there;
  }
  std::byte* to = into.data();
  if (!pinned_.hold(to, into.size())) {
    if (std::byte* const staged = (*found)->staging.take(driver_, into.size())) {
      (*found)->copies_out.push_back({.from = staged, .into = into});
      to = staged;
    } else if (auto idle = wait(**found); !idle) {
      return idle;
    }
  }
  const Status status = driver_->copy_to_host_async(to, handle.value + offset, into.size(), (*found)->native);
  return status == kSuccess ? Result<void>() : failed(status, ErrorCode::alloc_failed_device, "a copy from the card");
}

Result<ModuleId> CudaSession::module_load(ByteView image) {
  if (auto alive = check_alive(); !alive) {
    return std::unexpected(alive.error());
  }
  const ContentHash hash = wire::content_hash(image);
  if (const auto loaded = modules_by_hash_.find(hash); loaded != modules_by_hash_.end()) {
    return ModuleId{loaded->second + 1};
  }
  if (modules_.size() == kMaxModules) {
    return fail(ErrorCode::load_failed, fmt::format("the session has {} modules already, the most there may be", kMaxModules));
  }
  auto loaded = LoadedModule::load(driver_, card_->limits, card_->host, image);
  if (!loaded) {
    return explained(loaded.error());
  }
  if (const Kernel* const largest = loaded->largest_local()) {
    if (auto reserved = card_->local.reserve(*largest); !reserved) {
      return explained(reserved.error());
    }
  }
  modules_.push_back(std::move(*loaded));
  modules_by_hash_.emplace(hash, modules_.size() - 1);
  return ModuleId{modules_.size()};
}

Result<Kernel*> CudaSession::find_kernel(const Launch& launch) {
  if (launch.module.value == 0 || launch.module.value > modules_.size()) {
    return fail(ErrorCode::invalid_handle, fmt::format("module {} was never loaded in this session", launch.module.value));
  }
  LoadedModule& module = modules_[launch.module.value - 1];
  Kernel* const kernel = module.kernel(launch.kernel);
  if (kernel == nullptr) {
    return fail(ErrorCode::launch_failed,
                fmt::format("no kernel \"{}\" in the module; it has: {}", launch.kernel.substr(0, 128), module.kernel_names()));
  }
  if (auto good = check_launch(launch, *kernel, card_->limits); !good) {
    return std::unexpected(good.error());
  }
  for (const BufferArgument& each : launch.buffers) {
    if (const auto there = memory_.check(each.buffer.value, each.offset, 0); !there) {
      return fail(there.error().code, fmt::format("kernel \"{}\", argument {}: {}", kernel->name, each.argument, there.error().detail));
    }
  }
  return kernel;
}

Result<void> CudaSession::launch(StreamId stream, const Launch& launch) {
  const auto found = find_stream(stream);
  if (!found) {
    return std::unexpected(found.error());
  }
  const auto kernel = find_kernel(launch);
  if (!kernel) {
    return std::unexpected(kernel.error());
  }
  return submit(**found, launch, **kernel);
}

Result<void> CudaSession::allow_shared(Kernel& kernel, std::uint32_t bytes) {
  if (bytes <= kernel.allowed_dynamic_bytes) {
    return {};
  }
  const Status status =
      driver_->function_set_attribute(kernel.function, KernelAttribute::max_dynamic_shared_bytes, static_cast<int>(bytes));
  if (status != kSuccess) {
    return failed(status, ErrorCode::launch_failed, fmt::format("kernel \"{}\": {} bytes of shared memory", kernel.name, bytes));
  }
  kernel.allowed_dynamic_bytes = bytes;
  return {};
}

Result<void> CudaSession::submit(Stream& stream, const Launch& launch, Kernel& kernel) {
  if (auto allowed = allow_shared(kernel, launch.shared_bytes); !allowed) {
    return allowed;
  }
  if (stream.launches.empty()) {
    stream.first_launch = io::now();
  } else if (stream.traced) {
    // The card tells how far it has come, since an error does not say whose it is.
    driver_->stream_write_value(stream.native, stream.done_on_card, static_cast<std::uint32_t>(stream.launches.size()), 0);
  }
  const Status status =
      driver_->launch_kernel(kernel.function, launch.grid[0], launch.grid[1], launch.grid[2], launch.block[0], launch.block[1],
                             launch.block[2], launch.shared_bytes, stream.native, arguments_.of(launch), nullptr);
  if (status != kSuccess) {
    return failed(status, ErrorCode::launch_failed, fmt::format("kernel \"{}\"", kernel.name));
  }
  stream.launches.push_back(&kernel);
  return {};
}

Result<void> CudaSession::pass(StreamId stream, const Passage& passage) {
  const bool may_be_graph = graphs_ && !passage.traced && pinned_.hold(passage.from.data(), passage.from.size()) &&
                            pinned_.hold(passage.into.data(), passage.into.size());
  const auto found = find_stream(stream);
  if (!found) {
    return std::unexpected(found.error());
  }
  if (!passage.traced) {
    (*found)->traced = false;
  }
  if (!may_be_graph || passage.from.empty() || passage.into.empty()) {
    return Session::pass(stream, passage);
  }
  const auto graph = graph_for(**found, passage);
  if (!graph || *graph == nullptr) {
    return graph ? Session::pass(stream, passage) : std::unexpected(graph.error());
  }
  Stream& queued_on = **found;
  if (queued_on.launches.empty()) {
    queued_on.first_launch = io::now();
  }
  if (const Status status = (*graph)->launch(*driver_, passage, queued_on.native); status != kSuccess) {
    return failed(status, ErrorCode::launch_failed, "a graph of the chunk's kernels");
  }
  queued_on.launches.insert(queued_on.launches.end(), (*graph)->kernels().begin(), (*graph)->kernels().end());
  return {};
}

Result<PassageGraph*> CudaSession::graph_for(Stream& stream, const Passage& passage) {
  if (stream.graph && stream.graph->shape().is_of(passage)) {
    return &*stream.graph;
  }
  if (!stream.shape.is_of(passage)) {
    stream.shape = PassageShape(passage);
    return nullptr;
  }
  // The last graph may still run.
  if (auto idle = wait(stream); !idle) {
    return std::unexpected(idle.error());
  }
  return make_graph(stream, passage);
}

Result<PassageGraph*> CudaSession::make_graph(Stream& stream, const Passage& passage) {
  if (auto there = memory_.check(passage.input.value, 0, passage.from.size()); !there) {
    return std::unexpected(there.error());
  }
  if (auto there = memory_.check(passage.output.value, 0, passage.into.size()); !there) {
    return std::unexpected(there.error());
  }
  std::vector<Kernel*> kernels;
  for (const Launch& launch : passage.launches) {
    const auto kernel = find_kernel(launch);
    if (!kernel) {
      return std::unexpected(kernel.error());
    }
    if (auto raised = allow_shared(**kernel, launch.shared_bytes); !raised) {
      return std::unexpected(raised.error());
    }
    kernels.push_back(*kernel);
  }
  auto made = PassageGraph::make(driver_, card_->context, passage, kernels);
  if (!made) {
    graphs_ = false;
    return is_sticky(made.error()) ? Result<PassageGraph*>(failed(made.error(), ErrorCode::launch_failed, "a graph of the chunk's kernels"))
                                   : Result<PassageGraph*>(nullptr);
  }
  stream.graph = std::move(*made);
  return &*stream.graph;
}

Result<void> CudaSession::sync(StreamId stream) {
  const auto found = find_stream(stream);
  return found ? wait(**found) : std::unexpected(found.error());
}

Status CudaSession::poll(const Stream& stream) const {
  const Instant begin = io::now();
  // Kernels of another stream may have been before these, so their time begins when something last ended at the earliest.
  const Instant deadline = std::max(stream.first_launch, last_idle_) + options_.kernel_time_limit;
  while (true) {
    const Status status = driver_->stream_query(stream.native);
    if (status != kNotReady) {
      return status;
    }
    const Instant now = io::now();
    if (!stream.launches.empty() && now > deadline) {
      return kNotReady;
    }
    if (now - begin > kBusyLook) {
      std::this_thread::sleep_for(kPause);
    }
  }
}

Result<void> CudaSession::wait(Stream& stream) {
  const Status status = poll(stream);
  if (status == kNotReady) {
    return lose(ErrorCode::kernel_timeout,
                fmt::format("{} failed: it was still running at the time limit of {} ms; give the session more or the kernel less to do",
                            running_kernel(stream), std::chrono::duration_cast<Millis>(options_.kernel_time_limit).count()));
  }
  if (status != kSuccess) {
    return lose(ErrorCode::sync_failed, fmt::format("{} failed: {}", running_kernel(stream), driver_->text(status)));
  }
  for (const CopyOut& copy : stream.copies_out) {
    std::memcpy(copy.into.data(), copy.from, copy.into.size());
  }
  stream.copies_out.clear();
  stream.staging.reset();
  stream.traced = true;
  if (!stream.launches.empty()) {
    stream.launches.clear();
    *stream.done = 0;
    last_idle_ = io::now();
  }
  return {};
}

std::string CudaSession::running_kernel(const Stream& stream) const {
  if (stream.launches.empty()) {
    return "a copy";
  }
  if (!stream.traced && stream.launches.size() > 1) {
    std::string names;
    for (const Kernel* kernel : stream.launches) {
      names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", kernel->name);
    }
    return fmt::format("one of the kernels {}", names);
  }
  const std::size_t done = std::min<std::size_t>(*stream.done, stream.launches.size() - 1);
  return fmt::format("kernel \"{}\" (launch {} since the last sync)", stream.launches[done]->name, done + 1);
}

Result<StreamId> CudaSession::stream_create() {
  if (auto alive = check_alive(); !alive) {
    return std::unexpected(alive.error());
  }
  if (streams_.size() == kMaxStreams) {
    return fail(ErrorCode::resource_exhausted, fmt::format("the session has {} streams already, the most there may be", kMaxStreams));
  }
  try {
    add_stream(manager_.create_stream());
  } catch (const CudaException& refused) {
    return failed(refused.status(), ErrorCode::resource_exhausted, "a stream");
  }
  return StreamId{streams_.size() - 1};
}

}  // namespace sublet::cuda
