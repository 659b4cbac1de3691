#include "gpu-worker/devices/cuda/local_memory.hpp"

#include <fmt/format.h>

namespace sublet::cuda {

Result<void> LocalMemory::reserve(const Kernel& kernel) {
  const std::lock_guard lock(mutex_);
  if (!at_first_) {
    std::size_t bytes = 0;
    driver_->context_get_limit(&bytes, ContextLimit::stack_bytes);
    at_first_ = now_ = bytes;
  }
  if (kernel.local_bytes <= now_) {
    return {};
  }
  // Any other refusal leaves the growth to the kernel's first launch; it is counted now.
  if (const Status status = driver_->context_set_limit(ContextLimit::stack_bytes, kernel.local_bytes); status == kOutOfMemory) {
    return fail(
        ErrorCode::alloc_failed_device,
        fmt::format("kernel \"{}\" needs {} bytes of local memory a thread, which is {} bytes for the {} threads that the card holds: "
                    "{}; make its arrays smaller, let it spill less, or run it where more of the card is free",
                    kernel.name, kernel.local_bytes, kernel.local_bytes * resident_threads_, resident_threads_, driver_->text(status)));
  }
  now_ = kernel.local_bytes;
  return {};
}

Bytes LocalMemory::grown() {
  const std::lock_guard lock(mutex_);
  return {(now_ - at_first_.value_or(0)) * resident_threads_};
}

}  // namespace sublet::cuda
