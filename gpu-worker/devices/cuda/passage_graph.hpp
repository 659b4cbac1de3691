#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gpu-worker/device.hpp"
#include "gpu-worker/devices/cuda/handles.hpp"
#include "gpu-worker/devices/cuda/loaded_module.hpp"

namespace sublet::cuda {

/// Everything of a passage but where on the host its bytes lie.
class PassageShape {
 public:
  PassageShape() = default;
  explicit PassageShape(const Passage& passage);
  [[nodiscard]] bool is_of(const Passage& passage) const;

 private:
  struct Step {
    ModuleId module;
    std::string kernel;
    Dim3 grid;
    Dim3 block;
    std::uint32_t shared_bytes;
    std::vector<std::byte> args;
    std::vector<BufferArgument> buffers;
  };

  MemHandle input_;
  MemHandle output_;
  std::size_t input_bytes_ = 0;
  std::size_t output_bytes_ = 0;
  std::vector<Step> steps_;
};

/// A passage as one graph: the card takes its copies and kernels with a single call.
class PassageGraph {
 public:
  /// @param kernels  of the passage's launches, which have been checked
  /// @return what the driver says when it refuses
  static std::expected<PassageGraph, Status> make(const DriverRef& driver, ContextHandle context, const Passage& passage,
                                                  std::span<Kernel* const> kernels);

  [[nodiscard]] const PassageShape& shape() const { return shape_; }
  [[nodiscard]] std::span<Kernel* const> kernels() const { return kernels_; }
  /// @param passage  of this shape; its bytes are page-locked
  Status launch(const Driver& driver, const Passage& passage, StreamPointer stream);
  void abandon();

 private:
  PassageShape shape_;
  std::vector<Kernel*> kernels_;
  ContextHandle context_ = nullptr;
  OwnedGraph graph_;
  OwnedGraphExec exec_;
  GraphNodeHandle copy_in_ = nullptr;
  GraphNodeHandle copy_out_ = nullptr;
  const void* from_ = nullptr;
  const void* into_ = nullptr;
};

}  // namespace sublet::cuda
