#include "gpu-worker/devices/cuda/driver.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

namespace sublet::cuda {
namespace {

/// The CUDA version whose functions are asked for: the first one that tells a kernel's parameters.
constexpr int kWantedVersion = 12'040;

using GetProcAddress = Status (*)(const char*, void**, int, std::uint64_t, int*);

std::unexpected<Error> unusable(std::string why) { return fail(ErrorCode::bad_argument, std::move(why)); }

}  // namespace

Driver::~Driver() {
  if (library_ != nullptr) {
    ::dlclose(library_);
  }
}

Result<std::shared_ptr<const Driver>> Driver::load() {
  auto driver = std::make_shared<Driver>();
  driver->library_ = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver->library_ == nullptr) {
    return unusable(fmt::format("there is no CUDA driver: {}; install the NVIDIA driver, or use --device cpu", ::dlerror()));
  }
  const auto get = reinterpret_cast<GetProcAddress>(::dlsym(driver->library_, "cuGetProcAddress_v2"));
  if (get == nullptr) {
    return unusable("the CUDA driver is older than 12.0: install driver 550 or later, or use --device cpu");
  }
#define SUBLET_CUDA_FIND(member, name, symbol, parameters)                                                                          \
  if (get(#name, reinterpret_cast<void**>(&driver->member), kWantedVersion, 0, nullptr) != kSuccess || driver->member == nullptr) { \
    return unusable("the CUDA driver has no " #name ": install driver 550 or later, or use --device cpu");                          \
  }
  SUBLET_CUDA_FUNCTIONS(SUBLET_CUDA_FIND)
#undef SUBLET_CUDA_FIND
  if (const Status status = driver->init(0); status != kSuccess) {
    return unusable(
        fmt::format("the CUDA driver does not start: {}; see whether nvidia-smi lists a card, or use --device cpu", driver->text(status)));
  }
  return driver;
}

std::string Driver::text(Status status) const {
  const char* name = nullptr;
  const char* meaning = nullptr;
  if (get_error_name(status, &name) != kSuccess || get_error_string(status, &meaning) != kSuccess) {
    return fmt::format("CUDA error {}", status);
  }
  return fmt::format("{} ({}): {}", name, status, meaning);
}

int Driver::version() const {
  int version = 0;
  driver_get_version(&version);
  return version;
}

bool is_sticky(Status status) {
  switch (status) {
    case 214:  // uncorrectable ECC error
    case 700:  // illegal address
    case 702:  // launch timeout
    case 709:  // the context is destroyed
    case 710:  // assert
    case 714:  // hardware stack error
    case 715:  // illegal instruction
    case 716:  // misaligned address
    case 717:  // invalid address space
    case 718:  // invalid program counter
    case 719:  // launch failed
    case 721:  // tensor memory leak
    case 999:  // unknown
      return true;
    default:
      return false;
  }
}

}  // namespace sublet::cuda
