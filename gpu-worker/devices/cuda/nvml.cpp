#include "gpu-worker/devices/cuda/nvml.hpp"

#include <array>
#include <utility>

#include <dlfcn.h>
#include <fmt/format.h>

namespace sublet::cuda {
namespace nvml {

using DeviceHandle = struct DeviceOfNvml*;

// As nvml.h lays them out.
struct MemoryInfo {
  unsigned long long total = 0;
  unsigned long long free = 0;
  unsigned long long used = 0;
};
struct Utilization {
  unsigned gpu = 0;
  unsigned memory = 0;
};
struct ProcessInfo {
  unsigned pid = 0;
  unsigned long long used = 0;
  unsigned instance = 0;
  unsigned compute_instance = 0;
};
struct PciInfo {
  std::array<char, 16> legacy_bus = {};
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned device = 0;
  unsigned pci_device = 0;
  unsigned pci_subsystem = 0;
  std::array<char, 32> bus_id = {};
};

}  // namespace nvml

using nvml::DeviceHandle;
using nvml::MemoryInfo;
using nvml::PciInfo;
using nvml::ProcessInfo;
using nvml::Utilization;

struct Nvml::Library {
  ~Library() {
    if (shutdown != nullptr) {
      shutdown();
    }
    if (handle != nullptr) {
      ::dlclose(handle);
    }
  }

  void* handle = nullptr;
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  const char* (*error)(int) = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*by_index)(unsigned, DeviceHandle*) = nullptr;
  int (*by_bus)(const char*, DeviceHandle*) = nullptr;
  int (*pci)(DeviceHandle, PciInfo*) = nullptr;
  int (*name)(DeviceHandle, char*, unsigned) = nullptr;
  int (*memory)(DeviceHandle, MemoryInfo*) = nullptr;
  int (*utilization)(DeviceHandle, Utilization*) = nullptr;
  int (*processes)(DeviceHandle, unsigned*, ProcessInfo*) = nullptr;
};

namespace {

constexpr int kOk = 0;

template <class Function>
bool find(void* library, Function& function, const char* name) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

}  // namespace

Nvml::Nvml(std::unique_ptr<Library> library) : library_(std::move(library)) {}
Nvml::Nvml(Nvml&&) noexcept = default;
Nvml& Nvml::operator=(Nvml&&) noexcept = default;
Nvml::~Nvml() = default;

Result<Nvml> Nvml::load() {
  auto library = std::make_unique<Library>();
  library->handle = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library->handle == nullptr) {
    return fail(ErrorCode::bad_argument, fmt::format("there is no NVIDIA driver: {}; install it, or use --device cpu", ::dlerror()));
  }
  void* const handle = library->handle;
  const bool complete =
      find(handle, library->init, "nvmlInit_v2") && find(handle, library->error, "nvmlErrorString") &&
      find(handle, library->count, "nvmlDeviceGetCount_v2") && find(handle, library->by_index, "nvmlDeviceGetHandleByIndex_v2") &&
      find(handle, library->by_bus, "nvmlDeviceGetHandleByPciBusId_v2") && find(handle, library->pci, "nvmlDeviceGetPciInfo_v3") &&
      find(handle, library->name, "nvmlDeviceGetName") && find(handle, library->memory, "nvmlDeviceGetMemoryInfo") &&
      find(handle, library->utilization, "nvmlDeviceGetUtilizationRates") &&
      find(handle, library->processes, "nvmlDeviceGetComputeRunningProcesses_v3");
  if (!complete) {
    return fail(ErrorCode::bad_argument, "the NVIDIA driver's libnvidia-ml is too old: install driver 550 or later, or use --device cpu");
  }
  if (const int status = library->init(); status != kOk) {
    return fail(
        ErrorCode::bad_argument,
        fmt::format("the NVIDIA driver does not answer: {}; see whether nvidia-smi works, or use --device cpu", library->error(status)));
  }
  find(handle, library->shutdown, "nvmlShutdown");
  return Nvml(std::move(library));
}

Result<std::vector<CardState>> Nvml::cards() const {
  unsigned count = 0;
  if (const int status = library_->count(&count); status != kOk) {
    return fail(ErrorCode::io_failed, fmt::format("the cards cannot be counted: {}", library_->error(status)));
  }
  std::vector<CardState> cards;
  for (unsigned index = 0; index < count; ++index) {
    DeviceHandle device = nullptr;
    PciInfo pci;
    int status = library_->by_index(index, &device);
    status = status == kOk ? library_->pci(device, &pci) : status;
    if (status != kOk) {
      return fail(ErrorCode::io_failed, fmt::format("card {} cannot be looked at: {}", index, library_->error(status)));
    }
    auto state = card(pci.bus_id.data());
    if (!state) {
      return std::unexpected(state.error());
    }
    cards.push_back(std::move(*state));
  }
  return cards;
}

Result<CardState> Nvml::card(const std::string& bus) const {
  DeviceHandle device = nullptr;
  std::array<char, 96> name = {};
  MemoryInfo memory;
  int status = library_->by_bus(bus.c_str(), &device);
  status = status == kOk ? library_->name(device, name.data(), name.size()) : status;
  status = status == kOk ? library_->memory(device, &memory) : status;
  if (status != kOk) {
    return fail(ErrorCode::io_failed, fmt::format("card {} cannot be looked at: {}", bus, library_->error(status)));
  }
  // Some cards do not tell.
  Utilization utilization;
  [[maybe_unused]] const int told = library_->utilization(device, &utilization);
  return CardState{.name = name.data(), .bus = bus, .total = {memory.total}, .used = {memory.used}, .busy_percent = utilization.gpu};
}

std::optional<Bytes> Nvml::used_by(const std::string& bus, std::uint32_t process) const {
  DeviceHandle device = nullptr;
  std::array<ProcessInfo, 256> processes = {};
  unsigned count = processes.size();
  if (library_->by_bus(bus.c_str(), &device) != kOk || library_->processes(device, &count, processes.data()) != kOk) {
    return std::nullopt;
  }
  constexpr unsigned long long kNotKnown = ~0ULL;
  for (unsigned i = 0; i < count; ++i) {
    if (processes[i].pid == process && processes[i].used != kNotKnown) {
      return Bytes{processes[i].used};
    }
  }
  return std::nullopt;
}

}  // namespace sublet::cuda
