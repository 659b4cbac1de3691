#include "gpu-worker/devices/cuda/device.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "gpu-worker/devices/cuda/nvml.hpp"
#include "gpu-worker/devices/cuda/session.hpp"

namespace sublet {
namespace {

using cuda::CardAttribute;
using cuda::kSuccess;

/// What a process takes of a card, measured: by what NVML says that it has, otherwise by what the card has less than before.
class Overhead {
 public:
  explicit Overhead(std::string bus) : bus_(std::move(bus)), nvml_(cuda::Nvml::load()) {
    if (nvml_) {
      before_ = nvml_->card(bus_);
    }
  }
  /// At first, when there is nothing but the context.
  [[nodiscard]] Bytes measure() const {
    if (const auto known = own()) {
      return *known;
    }
    if (!nvml_) {
      return {};
    }
    const auto after = nvml_->card(bus_);
    return before_ && after && after->used > before_->used ? after->used - before_->used : Bytes{};
  }
  /// Nothing where NVML does not know the process, as in a container.
  [[nodiscard]] std::optional<Bytes> own() const {
    return nvml_ ? nvml_->used_by(bus_, static_cast<std::uint32_t>(::getpid())) : std::nullopt;
  }

 private:
  std::string bus_;
  Result<cuda::Nvml> nvml_;
  Result<cuda::CardState> before_;
};

class CudaDevice final : public Device {
 public:
  CudaDevice(DeviceInfo info, Overhead overhead, cuda::PrimaryContext context, std::unique_ptr<cuda::SharedCard> shared)
      : info_(std::move(info)), overhead_(std::move(overhead)), context_(std::move(context)), shared_(std::move(shared)) {}
  ~CudaDevice() override {
    if (shared_->broken) {
      context_.abandon();
    }
  }
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  [[nodiscard]] const DeviceInfo& info() const override { return info_; }

  Bytes overhead() override {
    if (const auto own = overhead_.own()) {
      // Buffers are counted before they are there, so this never takes one for overhead.
      const Bytes buffers{shared_->buffer_bytes};
      return std::max(info_.context_overhead, *own > buffers ? *own - buffers : Bytes{});
    }
    return info_.context_overhead + shared_->local.grown();
  }

  Result<std::unique_ptr<Session>> open_session(const SessionOptions& options) override {
    if (options.slice > info_.total) {
      return fail(ErrorCode::alloc_failed_device,
                  fmt::format("a slice of {} bytes of a card that has {}; ask for less", options.slice.count, info_.total.count));
    }
    if (shared_->broken) {
      return fail(ErrorCode::session_lost, "the card's context in this process is unusable; open the session in another process");
    }
    if (const cuda::Status status = shared_->driver->context_set_current(context_.get()); status != kSuccess) {
      return fail(ErrorCode::session_lost, fmt::format("the card's context cannot be used: {}", shared_->driver->text(status)));
    }
    try {
      return std::make_unique<cuda::CudaSession>(*shared_, options);
    } catch (const cuda::CudaException& refused) {
      const bool lost = cuda::is_sticky(refused.status());
      return fail(lost ? ErrorCode::session_lost : ErrorCode::alloc_failed_device,
                  fmt::format("a session cannot be opened: {}", refused.what()));
    }
  }

 private:
  DeviceInfo info_;
  Overhead overhead_;
  cuda::PrimaryContext context_;
  std::unique_ptr<cuda::SharedCard> shared_;
};

std::unexpected<Error> refused(const cuda::Driver& driver, cuda::Status status, std::uint32_t card, const char* what) {
  return fail(ErrorCode::bad_argument, fmt::format("CUDA card {}: {}: {}", card, what, driver.text(status)));
}

/// Nothing where the driver does not know it.
std::optional<std::uint32_t> attribute(const cuda::Driver& driver, cuda::Card card, CardAttribute which) {
  int value = 0;
  const cuda::Status status = driver.device_get_attribute(&value, which, card);
  return status == kSuccess ? std::optional(static_cast<std::uint32_t>(value)) : std::nullopt;
}

/// Clients of an MPS daemon die together, so nobody is one, or is not, by mistake.
Result<void> check_mps(const CudaDeviceOptions& options, bool through_mps) {
  if (!options.through_mps || *options.through_mps == through_mps) {
    return {};
  }
  return through_mps ? fail(ErrorCode::no_capacity,
                            fmt::format("CUDA card {} is used through an MPS daemon, which was not asked for; start the worker where "
                                        "CUDA_MPS_PIPE_DIRECTORY names the daemon's folder",
                                        options.card))
                     : fail(ErrorCode::no_capacity,
                            fmt::format("CUDA card {}: no MPS daemon answers; start nvidia-cuda-mps-control -d, or submit with --isolation "
                                        "tenant",
                                        options.card));
}

cuda::CardLimits limits_of(const cuda::Driver& driver, cuda::Card card) {
  const auto get = [&](CardAttribute which) { return attribute(driver, card, which).value_or(0); };
  return {.capability = {.major = static_cast<int>(get(CardAttribute::capability_major)),
                         .minor = static_cast<int>(get(CardAttribute::capability_minor))},
          .max_grid = {get(CardAttribute::max_grid_x), get(CardAttribute::max_grid_y), get(CardAttribute::max_grid_z)},
          .max_block = {get(CardAttribute::max_block_x), get(CardAttribute::max_block_y), get(CardAttribute::max_block_z)},
          .max_threads = get(CardAttribute::max_threads_per_block),
          .max_shared_bytes = get(CardAttribute::max_shared_bytes_opt_in),
          .resident_threads = std::uint64_t{get(CardAttribute::multiprocessors)} * get(CardAttribute::max_threads_per_multiprocessor)};
}

cuda::HostCode host_code(const CudaDeviceOptions& options) {
  return {.cache = image::CodeCache(options.cache.empty() ? image::CodeCache::default_folder() : options.cache),
          .sources = image::SourceCompiler({.cache = options.cache, .program = options.compiler})};
}

}  // namespace

Result<std::unique_ptr<Device>> make_cuda_device(const CudaDeviceOptions& options) {
  auto driver = cuda::Driver::load();
  if (!driver) {
    return std::unexpected(driver.error());
  }
  const cuda::Driver& api = **driver;
  int count = 0;
  api.device_get_count(&count);
  if (options.card >= static_cast<std::uint32_t>(count)) {
    return fail(ErrorCode::bad_argument, fmt::format("there is no CUDA card {}: this host has {}", options.card, count));
  }
  cuda::Card card = 0;
  std::array<char, 96> name = {};
  std::array<char, 32> bus = {};
  std::size_t total = 0;
  cuda::Status status = api.device_get(&card, static_cast<int>(options.card));
  status = status == kSuccess ? api.device_get_name(name.data(), name.size(), card) : status;
  status = status == kSuccess ? api.device_get_pci_bus_id(bus.data(), bus.size(), card) : status;
  status = status == kSuccess ? api.device_total_mem(&total, card) : status;
  if (status != kSuccess) {
    return refused(api, status, options.card, "it cannot be looked at");
  }
  // A driver that does not know the question leaves it at what was asked for.
  const bool through_mps = attribute(api, card, CardAttribute::mps_enabled).value_or(options.through_mps.value_or(false) ? 1 : 0) != 0;
  if (auto as_asked = check_mps(options, through_mps); !as_asked) {
    return std::unexpected(as_asked.error());
  }
  Overhead overhead(bus.data());
  cuda::ContextHandle handle = nullptr;
  if (status = api.primary_context_retain(&handle, card); status != kSuccess) {
    return refused(api, status, options.card, "no context: free memory on it, or end what uses it exclusively");
  }
  cuda::PrimaryContext context(*driver, card, handle);
  api.context_set_current(handle);
  const cuda::CardLimits limits = limits_of(api, card);
  DeviceInfo info{.kind = "cuda",
                  .name = name.data(),
                  .total = {total},
                  .context_overhead = overhead.measure(),
                  .max_threads_per_block = limits.max_threads,
                  .faults_spread = true,
                  .faults_cross = through_mps};
  auto shared = std::unique_ptr<cuda::SharedCard>(new cuda::SharedCard{.driver = *driver,
                                                                       .context = handle,
                                                                       .limits = limits,
                                                                       .host = host_code(options),
                                                                       .graphs = options.graphs,
                                                                       .local = cuda::LocalMemory(*driver, limits.resident_threads)});
  return std::make_unique<CudaDevice>(std::move(info), std::move(overhead), std::move(context), std::move(shared));
}

}  // namespace sublet
