#include "gpu-worker/devices/cpu/session.hpp"

#include <atomic>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "common/io/clock.hpp"
#include "gpu-worker/devices/cpu/fault_text.hpp"
#include "gpu-worker/devices/cpu/launch_check.hpp"
#include "gpu-worker/devices/cpu/ptx_of_image.hpp"

namespace sublet::cpu {

namespace {

constexpr std::size_t kMaxStreams = 1024;
constexpr std::size_t kMaxModules = 256;
/// That one launch may have shown.
constexpr std::uint64_t kMostPrints = 1000;

/// Tells what the kernels of one launch print, up to a bound.
class Prints final : public PrintSink {
 public:
  Prints(std::string_view kernel, const Extent& grid, const Extent& block, const std::function<void(std::string_view)>& tell)
      : kernel_(kernel), grid_(grid), block_(block), tell_(tell) {}

  void print(std::uint64_t block, std::uint32_t thread, std::string_view text) override {
    const std::uint64_t before = printed_.fetch_add(1, std::memory_order_relaxed);
    if (before > kMostPrints) {
      return;
    }
    if (before == kMostPrints) {
      return tell_(fmt::format("kernel \"{}\" printed {} texts in one launch; the others are not shown", kernel_, kMostPrints));
    }
    while (text.ends_with('\n')) {
      text.remove_suffix(1);
    }
    tell_(fmt::format("kernel \"{}\", block {}, thread {}: {}", kernel_, place_in(grid_, block), place_in(block_, thread), text));
  }

 private:
  std::string_view kernel_;
  Extent grid_;
  Extent block_;
  const std::function<void(std::string_view)>& tell_;
  std::atomic<std::uint64_t> printed_ = 0;
};

}  // namespace

CpuSession::CpuSession(DeviceMemory& memory, unsigned threads, const SessionOptions& options, bool wide, NativeUse native,
                       const image::SourceCompiler& sources, std::function<void(std::string_view)> on_print)
    : memory_(memory, options.slice),
      pool_(threads),
      grids_(pool_, wide, native),
      options_(options),
      wide_(wide),
      sources_(sources),
      on_print_(std::move(on_print)),
      streams_(1) {}

Result<void> CpuSession::check_alive() const {
  if (lost_) {
    return fail(ErrorCode::session_lost, fmt::format("the session ended when {}; open a new one", failure_->detail));
  }
  return {};
}

Result<CpuSession::Stream*> CpuSession::find_stream(StreamId stream) {
  if (Result<void> alive = check_alive(); !alive) {
    return std::unexpected(alive.error());
  }
  if (stream.value >= streams_.size()) {
    return fail(ErrorCode::invalid_handle, fmt::format("stream {} was never created", stream.value));
  }
  return &streams_[stream.value];
}

Result<std::byte*> CpuSession::locate(MemHandle handle, std::uint64_t offset, std::uint64_t size) const {
  const MemoryRange* const range = memory_.table().at(handle.value);
  if (range == nullptr || !range->is_buffer) {
    return fail(ErrorCode::invalid_handle,
                fmt::format("{:#x} is no buffer of this session; it was freed or never allocated here", handle.value));
  }
  if (offset > range->size || size > range->size - offset) {
    return fail(ErrorCode::out_of_range,
                fmt::format("{} bytes at offset {} of buffer {:#x}, which has {}", size, offset, handle.value, range->size));
  }
  return range->host + offset;
}

Result<MemHandle> CpuSession::mem_alloc(Bytes size) {
  if (Result<void> alive = check_alive(); !alive) {
    return std::unexpected(alive.error());
  }
  const Result<std::uint64_t> address = memory_.allocate(size);
  if (!address) {
    return std::unexpected(address.error());
  }
  return MemHandle{*address};
}

Result<void> CpuSession::mem_free(MemHandle handle) {
  if (Result<void> alive = check_alive(); !alive) {
    return alive;
  }
  if (Result<std::byte*> found = locate(handle, 0, 0); !found) {
    return std::unexpected(found.error());
  }
  // What is queued may still use the buffer. A failure on the way is the next sync's to tell.
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    drain(i);
  }
  memory_.release(handle.value);
  return {};
}

Result<void> CpuSession::mem_write(StreamId stream, MemHandle handle, std::uint64_t offset, ByteView bytes) {
  const Result<Stream*> found = find_stream(stream);
  if (!found) {
    return std::unexpected(found.error());
  }
  const Result<std::byte*> to = locate(handle, offset, bytes.size());
  if (!to) {
    return std::unexpected(to.error());
  }
  if (!bytes.empty()) {
    (*found)->queue.push_back({.to = *to, .from = bytes.data(), .size = bytes.size()});
  }
  return {};
}

Result<void> CpuSession::mem_read(StreamId stream, MemHandle handle, std::uint64_t offset, std::span<std::byte> into) {
  const Result<Stream*> found = find_stream(stream);
  if (!found) {
    return std::unexpected(found.error());
  }
  const Result<std::byte*> from = locate(handle, offset, into.size());
  if (!from) {
    return std::unexpected(from.error());
  }
  if (!into.empty()) {
    (*found)->queue.push_back({.to = into.data(), .from = *from, .size = into.size()});
  }
  return {};
}

Result<ModuleId> CpuSession::module_load(ByteView image) {
  if (Result<void> alive = check_alive(); !alive) {
    return std::unexpected(alive.error());
  }
  const std::size_t hash = std::hash<std::string_view>{}(as_text(image));
  const auto [first, last] = modules_by_hash_.equal_range(hash);
  for (auto at = first; at != last; ++at) {
    if (modules_[at->second]->image == as_text(image)) {
      return ModuleId{at->second + 1};
    }
  }
  if (modules_.size() == kMaxModules) {
    return fail(ErrorCode::load_failed, fmt::format("the session has {} modules already, the most there may be", kMaxModules));
  }
  const Result<std::string> ptx = ptx_of_image(image, sources_);
  if (!ptx) {
    return std::unexpected(ptx.error());
  }
  Result<LoadedModule> loaded = load_module(as_view(*ptx), memory_, wide_);
  if (!loaded) {
    return std::unexpected(loaded.error());
  }
  modules_.push_back(std::make_unique<const KnownModule>(std::string(as_text(image)), std::move(*loaded)));
  modules_by_hash_.emplace(hash, modules_.size() - 1);
  return ModuleId{modules_.size()};
}

Result<void> CpuSession::launch(StreamId stream, const Launch& launch) {
  const Result<Stream*> found = find_stream(stream);
  if (!found) {
    return std::unexpected(found.error());
  }
  if (launch.module.value == 0 || launch.module.value > modules_.size()) {
    return fail(ErrorCode::invalid_handle, fmt::format("module {} was never loaded in this session", launch.module.value));
  }
  const LoadedModule& module = modules_[launch.module.value - 1]->loaded;
  const Program* const kernel = module.kernel(launch.kernel);
  if (kernel == nullptr) {
    return fail(ErrorCode::launch_failed,
                fmt::format("no kernel \"{}\" in the module; it has: {}", launch.kernel.substr(0, 128), module.kernel_names()));
  }
  if (Result<void> good = check_launch(launch, *kernel); !good) {
    return good;
  }
  for (const BufferArgument& each : launch.buffers) {
    if (const auto there = locate(each.buffer, each.offset, 0); !there) {
      return fail(there.error().code, fmt::format("kernel \"{}\", argument {}: {}", kernel->name, each.argument, there.error().detail));
    }
  }
  std::vector<std::byte>& arguments = (*found)->arguments;
  // Kernels may address their parameters, so they lie as those of the first launch do.
  constexpr std::size_t kArgumentAlign = 16;
  const std::size_t at = (arguments.size() + kArgumentAlign - 1) / kArgumentAlign * kArgumentAlign;
  arguments.resize(at + kernel->parameter_bytes);
  lay_out_arguments(launch, *kernel, arguments.data() + at);
  (*found)->queue.push_back(
      {.kernel = kernel, .grid = launch.grid, .block = launch.block, .shared_bytes = launch.shared_bytes, .arguments = at});
  return {};
}

Result<void> CpuSession::sync(StreamId stream) {
  const Result<Stream*> found = find_stream(stream);
  if (!found) {
    return std::unexpected(found.error());
  }
  drain(stream.value);
  if (failure_) {
    lost_ = true;
    return std::unexpected(*failure_);
  }
  return {};
}

void CpuSession::drain(std::size_t stream) {
  Stream& own = streams_[stream];
  Instant deadline{};
  std::size_t launches = 0;
  for (const Operation& operation : own.queue) {
    if (failure_) {
      break;
    }
    if (operation.kernel == nullptr) {
      std::memcpy(operation.to, operation.from, operation.size);
      continue;
    }
    if (launches++ == 0) {
      deadline = io::now() + options_.kernel_time_limit;
    }
    failure_ = run(operation, own, deadline, launches);
  }
  own.queue.clear();
  own.arguments.clear();
}

std::optional<Error> CpuSession::run(const Operation& operation, const Stream& stream, Instant deadline, std::size_t number) {
  Prints prints(operation.kernel->name, operation.grid, operation.block, on_print_);
  const LaunchState launch{.program = *operation.kernel,
                           .grid = operation.grid,
                           .block = operation.block,
                           .shared_bytes = operation.shared_bytes,
                           .parameters = stream.arguments.data() + operation.arguments,
                           .memory = memory_.table(),
                           .limits = {.deadline = deadline},
                           .prints = on_print_ ? &prints : nullptr};
  const std::optional<Fault> fault = grids_.run(launch);
  if (!fault) {
    return std::nullopt;
  }
  const bool late = fault->kind == Fault::Kind::timeout;
  const bool endless = late || fault->kind == Fault::Kind::deadlock;
  std::string detail =
      fmt::format("kernel \"{}\" (launch {} since the last sync) failed: {}", operation.kernel->name, number, fault_text(*fault, launch));
  if (late) {
    detail += fmt::format(" of {} ms; give the session more or the kernel less to do",
                          std::chrono::duration_cast<Millis>(options_.kernel_time_limit).count());
  }
  return Error{.code = endless ? ErrorCode::kernel_timeout : ErrorCode::sync_failed, .detail = std::move(detail)};
}

Result<StreamId> CpuSession::stream_create() {
  if (Result<void> alive = check_alive(); !alive) {
    return std::unexpected(alive.error());
  }
  if (streams_.size() == kMaxStreams) {
    return fail(ErrorCode::resource_exhausted, fmt::format("the session has {} streams already, the most there may be", kMaxStreams));
  }
  streams_.emplace_back();
  return StreamId{streams_.size() - 1};
}

}  // namespace sublet::cpu
