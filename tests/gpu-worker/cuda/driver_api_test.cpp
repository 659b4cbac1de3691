// The declarations of driver_api.hpp beside cuda.h: a difference does not compile.

#include <type_traits>

#include <cuda.h>
#include <gtest/gtest.h>

#include "gpu-worker/devices/cuda/driver.hpp"

namespace sublet::cuda {
namespace {

/// Passed alike: both pointers, or both numbers of one size.
template <class Ours, class Theirs>
constexpr bool kAlike = (std::is_pointer_v<Ours> && std::is_pointer_v<Theirs>) ||
                        (!std::is_pointer_v<Ours> && !std::is_pointer_v<Theirs> && sizeof(Ours) == sizeof(Theirs) &&
                         std::is_floating_point_v<Ours> == std::is_floating_point_v<Theirs>);

template <class Ours, class Theirs>
struct Same : std::false_type {};
template <class... Ours, class... Theirs>
  requires(sizeof...(Ours) == sizeof...(Theirs))
struct Same<Status(Ours...), CUresult(Theirs...)> : std::bool_constant<(kAlike<Ours, Theirs> && ...)> {};

#define SUBLET_CUDA_COMPARE(member, name, symbol, parameters) \
  static_assert(Same<Status parameters, std::remove_pointer_t<decltype(&::symbol)>>::value, #symbol);
SUBLET_CUDA_FUNCTIONS(SUBLET_CUDA_COMPARE)
#undef SUBLET_CUDA_COMPARE

static_assert(kSuccess == CUDA_SUCCESS);
static_assert(kOutOfMemory == CUDA_ERROR_OUT_OF_MEMORY);
static_assert(kNoDevice == CUDA_ERROR_NO_DEVICE);
static_assert(kNoBinaryForGpu == CUDA_ERROR_NO_BINARY_FOR_GPU);
static_assert(kUnsupportedPtxVersion == CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
static_assert(kNotReady == CUDA_ERROR_NOT_READY);

static_assert(int(CardAttribute::max_threads_per_block) == CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
static_assert(int(CardAttribute::max_block_x) == CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X);
static_assert(int(CardAttribute::max_block_z) == CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z);
static_assert(int(CardAttribute::max_grid_x) == CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X);
static_assert(int(CardAttribute::max_grid_z) == CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z);
static_assert(int(CardAttribute::multiprocessors) == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
static_assert(int(CardAttribute::max_threads_per_multiprocessor) == CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR);
static_assert(int(CardAttribute::capability_major) == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
static_assert(int(CardAttribute::capability_minor) == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(int(CardAttribute::max_shared_bytes_opt_in) == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
#if CUDA_VERSION >= 12050
static_assert(int(CardAttribute::mps_enabled) == CU_DEVICE_ATTRIBUTE_MPS_ENABLED);
#endif

static_assert(int(KernelAttribute::max_threads_per_block) == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
static_assert(int(KernelAttribute::static_shared_bytes) == CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
static_assert(int(KernelAttribute::local_bytes) == CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
static_assert(int(ContextLimit::stack_bytes) == CU_LIMIT_STACK_SIZE);
static_assert(int(KernelAttribute::max_dynamic_shared_bytes) == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);

static_assert(int(JitOption::error_log_buffer) == CU_JIT_ERROR_LOG_BUFFER);
static_assert(int(JitOption::error_log_buffer_bytes) == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
static_assert(int(JitInput::ptx) == CU_JIT_INPUT_PTX);

static_assert(kStreamNonBlocking == CU_STREAM_NON_BLOCKING);
static_assert(kEventDisableTiming == CU_EVENT_DISABLE_TIMING);
static_assert(kHostAllocDeviceMap == CU_MEMHOSTALLOC_DEVICEMAP);
static_assert(int(MemoryKind::host) == CU_MEMORYTYPE_HOST);
static_assert(int(MemoryKind::device) == CU_MEMORYTYPE_DEVICE);
static_assert(int(MemoryKind::array) == CU_MEMORYTYPE_ARRAY);
static_assert(int(MemoryKind::unified) == CU_MEMORYTYPE_UNIFIED);

TEST(DriverApi, LaysACopyOutAsTheDriverDoes) {
  EXPECT_EQ(sizeof(Copy3d), sizeof(CUDA_MEMCPY3D));
  EXPECT_EQ(offsetof(Copy3d, from_kind), offsetof(CUDA_MEMCPY3D, srcMemoryType));
  EXPECT_EQ(offsetof(Copy3d, from_host), offsetof(CUDA_MEMCPY3D, srcHost));
  EXPECT_EQ(offsetof(Copy3d, from_device), offsetof(CUDA_MEMCPY3D, srcDevice));
  EXPECT_EQ(offsetof(Copy3d, from_pitch), offsetof(CUDA_MEMCPY3D, srcPitch));
  EXPECT_EQ(offsetof(Copy3d, to_kind), offsetof(CUDA_MEMCPY3D, dstMemoryType));
  EXPECT_EQ(offsetof(Copy3d, to_host), offsetof(CUDA_MEMCPY3D, dstHost));
  EXPECT_EQ(offsetof(Copy3d, to_device), offsetof(CUDA_MEMCPY3D, dstDevice));
  EXPECT_EQ(offsetof(Copy3d, to_pitch), offsetof(CUDA_MEMCPY3D, dstPitch));
  EXPECT_EQ(offsetof(Copy3d, bytes), offsetof(CUDA_MEMCPY3D, WidthInBytes));
  EXPECT_EQ(offsetof(Copy3d, height), offsetof(CUDA_MEMCPY3D, Height));
  EXPECT_EQ(offsetof(Copy3d, depth), offsetof(CUDA_MEMCPY3D, Depth));
}

TEST(DriverApi, LaysAKernelOfAGraphOutAsTheDriverDoes) {
  EXPECT_EQ(sizeof(KernelNode), sizeof(CUDA_KERNEL_NODE_PARAMS));
  EXPECT_EQ(offsetof(KernelNode, function), offsetof(CUDA_KERNEL_NODE_PARAMS, func));
  EXPECT_EQ(offsetof(KernelNode, grid_x), offsetof(CUDA_KERNEL_NODE_PARAMS, gridDimX));
  EXPECT_EQ(offsetof(KernelNode, block_x), offsetof(CUDA_KERNEL_NODE_PARAMS, blockDimX));
  EXPECT_EQ(offsetof(KernelNode, shared_bytes), offsetof(CUDA_KERNEL_NODE_PARAMS, sharedMemBytes));
  EXPECT_EQ(offsetof(KernelNode, arguments), offsetof(CUDA_KERNEL_NODE_PARAMS, kernelParams));
  EXPECT_EQ(offsetof(KernelNode, extra), offsetof(CUDA_KERNEL_NODE_PARAMS, extra));
  EXPECT_EQ(offsetof(KernelNode, kernel), offsetof(CUDA_KERNEL_NODE_PARAMS, kern));
  EXPECT_EQ(offsetof(KernelNode, context), offsetof(CUDA_KERNEL_NODE_PARAMS, ctx));
}

}  // namespace
}  // namespace sublet::cuda
