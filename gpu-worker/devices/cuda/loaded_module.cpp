#include "gpu-worker/devices/cuda/loaded_module.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "gpu-worker/devices/cuda/compiler.hpp"
#include "gpu-worker/devices/image/image_kind.hpp"

namespace sublet::cuda {
namespace {

std::unexpected<Error> refused(const Driver& driver, Status status, const char* what) {
  return fail(ErrorCode::load_failed, fmt::format("{}: {}", what, driver.text(status)));
}

/// The card's own code for PTX, from the cache where it was made before.
Result<std::vector<std::byte>> code_for(const DriverRef& driver, const CardLimits& card, const image::CodeCache& cache,
                                        std::string_view ptx) {
  const std::string made_for = fmt::format("sm_{}{} cuda {}", card.capability.major, card.capability.minor, driver->version());
  if (auto found = cache.find(as_view(ptx), made_for)) {
    return std::move(*found);
  }
  auto code = link_ptx(driver, ptx);
  if (code) {
    cache.keep(as_view(ptx), made_for, *code);
  }
  return code;
}

/// The card's own code for CUDA C++.
Result<std::vector<std::byte>> code_of_source(const DriverRef& driver, const CardLimits& card, const HostCode& host,
                                              std::string_view source) {
  const auto ptx = host.sources.ptx_of(source, 10 * card.capability.major + card.capability.minor);
  return ptx ? code_for(driver, card, host.cache, *ptx) : std::unexpected(ptx.error());
}

int attribute(const Driver& driver, FunctionHandle function, KernelAttribute which) {
  int value = 0;
  driver.function_get_attribute(&value, which, function);
  return value;
}

}  // namespace

Result<LoadedModule> LoadedModule::load(const DriverRef& driver, const CardLimits& card, const HostCode& host, ByteView image) {
  const auto kind = image::kind_of_image(image);
  if (!kind) {
    return std::unexpected(kind.error());
  }
  std::vector<std::byte> code;
  if (*kind == image::ImageKind::ptx || *kind == image::ImageKind::source) {
    const std::string_view text = image::text_of_image(image);
    auto made = *kind == image::ImageKind::ptx ? code_for(driver, card, host.cache, text) : code_of_source(driver, card, host, text);
    if (!made) {
      return std::unexpected(made.error());
    }
    code = std::move(*made);
    image = code;
  }
  ModuleHandle handle = nullptr;
  if (const Status status = driver->module_load_data_ex(&handle, image.data(), 0, nullptr, nullptr); status != kSuccess) {
    if (status == kNoBinaryForGpu) {
      return fail(ErrorCode::load_failed,
                  fmt::format("the module has no code for this card (sm_{}{}): {}; give PTX, which runs on every card",
                              card.capability.major, card.capability.minor, driver->text(status)));
    }
    return refused(*driver, status, "the driver does not take the module");
  }
  LoadedModule module;
  module.module_ = OwnedModule(driver, handle);
  if (auto read = module.read_kernels(*driver); !read) {
    return std::unexpected(read.error());
  }
  return module;
}

Result<void> LoadedModule::read_kernels(const Driver& driver) {
  unsigned count = 0;
  if (const Status status = driver.module_get_function_count(&count, module_.get()); status != kSuccess) {
    return refused(driver, status, "the module's kernels cannot be counted");
  }
  std::vector<FunctionHandle> functions(count);
  if (const Status status = driver.module_enumerate_functions(functions.data(), count, module_.get()); status != kSuccess) {
    return refused(driver, status, "the module's kernels cannot be listed");
  }
  for (FunctionHandle function : functions) {
    // Without this the first launch would pay for it.
    if (const Status status = driver.function_load(function); status != kSuccess) {
      return refused(driver, status, "a kernel of the module cannot be loaded");
    }
    const char* name = nullptr;
    driver.function_get_name(&name, function);
    Kernel kernel{
        .function = function,
        .name = name == nullptr ? "" : name,
        .parameter_bytes = {},
        .max_threads = static_cast<std::uint32_t>(attribute(driver, function, KernelAttribute::max_threads_per_block)),
        .static_shared_bytes = static_cast<std::uint32_t>(attribute(driver, function, KernelAttribute::static_shared_bytes)),
        .local_bytes = static_cast<std::uint32_t>(attribute(driver, function, KernelAttribute::local_bytes)),
        .allowed_dynamic_bytes = static_cast<std::uint32_t>(attribute(driver, function, KernelAttribute::max_dynamic_shared_bytes))};
    std::size_t offset = 0;
    std::size_t bytes = 0;
    while (driver.function_get_param_info(function, kernel.parameter_bytes.size(), &offset, &bytes) == kSuccess) {
      kernel.parameter_bytes.push_back(static_cast<std::uint32_t>(bytes));
    }
    kernels_.push_back(std::move(kernel));
  }
  std::ranges::sort(kernels_, {}, &Kernel::name);
  return {};
}

Kernel* LoadedModule::kernel(std::string_view name) {
  const auto found = std::ranges::lower_bound(kernels_, name, {}, [](const Kernel& kernel) { return std::string_view(kernel.name); });
  return found != kernels_.end() && found->name == name ? &*found : nullptr;
}

const Kernel* LoadedModule::largest_local() const {
  const auto largest = std::ranges::max_element(kernels_, {}, &Kernel::local_bytes);
  return largest == kernels_.end() ? nullptr : &*largest;
}

std::string LoadedModule::kernel_names() const {
  std::string names;
  for (const Kernel& kernel : kernels_) {
    names += (names.empty() ? "" : ", ") + kernel.name;
    if (names.size() > 512) {
      return names + ", …";
    }
  }
  return names.empty() ? "none" : names;
}

}  // namespace sublet::cuda
