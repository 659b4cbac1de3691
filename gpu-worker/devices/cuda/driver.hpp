#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/error.hpp"
#include "gpu-worker/devices/cuda/driver_api.hpp"

namespace sublet::cuda {

/// The host's CUDA driver: its functions, as found when it was loaded. Programs link to no CUDA library, so they run where there is none.
struct Driver {
  /// Loads libcuda.so.1 and initialises it. `bad_argument`, with the remedy, where there is none, it is too old or it sees no card.
  static Result<std::shared_ptr<const Driver>> load();

  Driver() = default;
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  /// "CUDA_ERROR_ILLEGAL_ADDRESS (700): an illegal memory access was encountered"
  [[nodiscard]] std::string text(Status status) const;
  /// The CUDA version that it knows, for example 13.0 as 13000.
  [[nodiscard]] int version() const;

// A declarator and a parameter list: neither may stand in parentheses of its own.
// NOLINTNEXTLINE(bugprone-macro-parentheses)
#define SUBLET_CUDA_MEMBER(member, name, symbol, parameters) Status(*member) parameters = nullptr;
  SUBLET_CUDA_FUNCTIONS(SUBLET_CUDA_MEMBER)
#undef SUBLET_CUDA_MEMBER

 private:
  void* library_ = nullptr;
};

/// Whether the context cannot be used any more after `status`: only a new process can go on.
bool is_sticky(Status status);

}  // namespace sublet::cuda
