#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "gpu-worker/device.hpp"

namespace sublet::conformance {

/// Arguments as they travel: packed without padding; buffers as numbers or, with `add_buffer`, by their handles.
class Packed {
 public:
  template <class T>
  Packed& add(T value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
    sizes_.push_back(sizeof(T));
    return *this;
  }
  [[nodiscard]] Launch launch(ModuleId module, std::string_view kernel, Dim3 grid, Dim3 block) const {
    return {.module = module, .kernel = kernel, .grid = grid, .block = block, .args = bytes_, .arg_sizes = sizes_, .buffers = buffers_};
  }
  /// The next argument is a place in a buffer, as the device is told and not as a number.
  Packed& add_buffer(MemHandle buffer, std::uint64_t offset = 0) {
    buffers_.push_back({.argument = static_cast<std::uint32_t>(sizes_.size()), .buffer = buffer, .offset = offset});
    // What stands there is nothing that a kernel could use.
    return add(~std::uint64_t{0});
  }

 private:
  std::vector<std::byte> bytes_;
  std::vector<std::uint32_t> sizes_;
  std::vector<BufferArgument> buffers_;
};

/// store(u32* out, u64 value): out[tid] = value; add(u32* out, u32 by, u64 n): adds where tid < n; spin(u32* flag): until it is not 0;
/// poke(u64 address): writes 4 bytes there. `add` has a 4-byte argument before an 8-byte one, which are not neighbours in the kernel.
inline constexpr std::string_view kSuiteModule = R"(
.version 7.0
.target sm_75
.address_size 64
.visible .entry store(.param .u64 out, .param .u64 value) {
  .reg .b32 %r<3>; .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [out];
  ld.param.u64 %rd2, [value];
  mov.u32 %r1, %tid.x;
  mul.wide.u32 %rd3, %r1, 4;
  add.s64 %rd4, %rd1, %rd3;
  cvt.u32.u64 %r2, %rd2;
  st.global.u32 [%rd4], %r2;
  ret;
}
.visible .entry add(.param .u64 out, .param .u32 by, .param .u64 n) {
  .reg .pred %p<2>; .reg .b32 %r<5>; .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [out];
  ld.param.u32 %r1, [by];
  ld.param.u64 %rd2, [n];
  mov.u32 %r2, %tid.x;
  cvt.u64.u32 %rd3, %r2;
  setp.ge.u64 %p1, %rd3, %rd2;
  @%p1 bra DONE;
  mul.wide.u32 %rd4, %r2, 4;
  add.s64 %rd5, %rd1, %rd4;
  ld.global.u32 %r3, [%rd5];
  add.u32 %r4, %r3, %r1;
  st.global.u32 [%rd5], %r4;
DONE:
  ret;
}
.visible .entry spin(.param .u64 flag) {
  .reg .pred %p<2>; .reg .b32 %r<2>; .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [flag];
AGAIN:
  ld.volatile.global.u32 %r1, [%rd1];
  setp.eq.u32 %p1, %r1, 0;
  @%p1 bra AGAIN;
  ret;
}
.visible .entry poke(.param .u64 address) {
  .reg .b64 %rd<2>; .reg .b32 %r<2>;
  ld.param.u64 %rd1, [address];
  mov.u32 %r1, 7;
  st.global.u32 [%rd1], %r1;
  ret;
}
)";

/// `store` of the suite's module, as CUDA C++.
inline constexpr std::string_view kSuiteSource = R"(// a comment first
extern "C" __global__ void store(unsigned* out, unsigned long long value) { out[threadIdx.x] = (unsigned)value; }
)";

}  // namespace sublet::conformance
