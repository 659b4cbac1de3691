#pragma once

#include <memory>
#include <utility>

#include "gpu-worker/devices/cuda/driver.hpp"

namespace sublet::cuda {

using DriverRef = std::shared_ptr<const Driver>;

/// The one owner of a handle of the driver; `Destroy` is the member of `Driver` that frees it. To be destroyed while its context is
/// current.
template <class Handle, auto Destroy>
class Owned {
 public:
  Owned() = default;
  Owned(DriverRef driver, Handle handle) : driver_(std::move(driver)), handle_(handle) {}
  Owned(Owned&& other) noexcept : driver_(std::move(other.driver_)), handle_(std::exchange(other.handle_, Handle{})) {}
  Owned& operator=(Owned&& other) noexcept {
    if (this != &other) {
      reset();
      driver_ = std::move(other.driver_);
      handle_ = std::exchange(other.handle_, Handle{});
    }
    return *this;
  }
  ~Owned() { reset(); }

  [[nodiscard]] Handle get() const { return handle_; }
  explicit operator bool() const { return handle_ != Handle{}; }
  void reset() {
    if (handle_ != Handle{}) {
      (driver_.get()->*Destroy)(std::exchange(handle_, Handle{}));
    }
  }
  /// Left to the end of the process: freeing it would wait for a kernel that never ends.
  void abandon() { handle_ = Handle{}; }

 private:
  DriverRef driver_;
  Handle handle_ = Handle{};
};

using OwnedStream = Owned<StreamPointer, &Driver::stream_destroy>;
using OwnedEvent = Owned<EventPointer, &Driver::event_destroy>;
using OwnedModule = Owned<ModuleHandle, &Driver::module_unload>;
using OwnedMemory = Owned<DeviceAddress, &Driver::mem_free>;
/// Page-locked memory of the driver's.
using OwnedHostMemory = Owned<void*, &Driver::mem_free_host>;
/// Memory of the caller's, page-locked while this lives.
using HostRegistration = Owned<void*, &Driver::mem_host_unregister>;
using OwnedLink = Owned<LinkHandle, &Driver::link_destroy>;
using OwnedGraph = Owned<GraphHandle, &Driver::graph_destroy>;
using OwnedGraphExec = Owned<GraphExecHandle, &Driver::graph_exec_destroy>;

/// A card's primary context, kept alive. The contexts of one process share its fate: a fault in one breaks them all.
class PrimaryContext {
 public:
  PrimaryContext() = default;
  PrimaryContext(DriverRef driver, Card card, ContextHandle context) : driver_(std::move(driver)), card_(card), context_(context) {}
  PrimaryContext(PrimaryContext&& other) noexcept
      : driver_(std::move(other.driver_)), card_(other.card_), context_(std::exchange(other.context_, nullptr)) {}
  PrimaryContext& operator=(PrimaryContext&& other) noexcept {
    std::swap(driver_, other.driver_);
    std::swap(card_, other.card_);
    std::swap(context_, other.context_);
    return *this;
  }
  ~PrimaryContext() {
    if (context_ != nullptr) {
      driver_->primary_context_release(card_);
    }
  }

  [[nodiscard]] ContextHandle get() const { return context_; }
  void abandon() { context_ = nullptr; }

 private:
  DriverRef driver_;
  Card card_ = 0;
  ContextHandle context_ = nullptr;
};

}  // namespace sublet::cuda
