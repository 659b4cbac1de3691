#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gpu-worker/device.hpp"
#include "tests/golden/bound.hpp"

namespace sublet::golden {

/// A parameter of a kernel: a number, or a buffer with what it holds at the start.
struct Argument {
  std::vector<std::byte> bytes;
  bool buffer = false;
  /// Bytes of an element of what the kernel leaves there; 0 when that is nobody's concern.
  unsigned element = 0;
  Meaning meaning = Meaning::none;
  Bound bound = {};
  /// The kernel leaves its elements in an order that no one knows.
  bool unordered = false;
};

/// A kernel of the source tree with an input of its own.
struct KernelCase {
  std::string file;    ///< its module, from the top of the source tree
  std::string kernel;  ///< its name in there
  Dim3 grid = {1, 1, 1};
  Dim3 block = {1, 1, 1};
  std::vector<Argument> arguments;
  std::uint32_t shared_bytes = 0;

  [[nodiscard]] std::string name() const { return file + " " + kernel; }
};

/// Every kernel that is recorded and compared.
std::vector<KernelCase> kernel_cases();

/// Of kernels/, and of the two folders of tests/gpu-worker/cpu.
std::vector<KernelCase> shipped_cases();
std::vector<KernelCase> corpus_cases(const std::string& variant);
std::vector<KernelCase> small_cases();

}  // namespace sublet::golden
