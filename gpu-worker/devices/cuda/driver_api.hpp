#pragma once

// What Sublet uses of the CUDA driver API, declared here because a machine that builds Sublet need not have cuda.h. A test compares all of
// it with cuda.h where that is.

#include <cstddef>
#include <cstdint>

namespace sublet::cuda {

using Status = int;
using Card = int;
using DeviceAddress = std::uint64_t;
using ContextHandle = struct ContextOfDriver*;
using ModuleHandle = struct ModuleOfDriver*;
using FunctionHandle = struct FunctionOfDriver*;
using StreamPointer = struct StreamOfDriver*;
using EventPointer = struct EventOfDriver*;
using LinkHandle = struct LinkOfDriver*;
using GraphHandle = struct GraphOfDriver*;
using GraphNodeHandle = struct GraphNodeOfDriver*;
using GraphExecHandle = struct GraphExecOfDriver*;

inline constexpr Status kSuccess = 0;
inline constexpr Status kOutOfMemory = 2;
inline constexpr Status kNoDevice = 100;
inline constexpr Status kNoBinaryForGpu = 209;
inline constexpr Status kUnsupportedPtxVersion = 222;
inline constexpr Status kNotReady = 600;

/// Attributes of a card.
enum class CardAttribute : int {
  max_threads_per_block = 1,
  max_block_x = 2,
  max_block_y = 3,
  max_block_z = 4,
  max_grid_x = 5,
  max_grid_y = 6,
  max_grid_z = 7,
  multiprocessors = 16,
  max_threads_per_multiprocessor = 39,
  capability_major = 75,
  capability_minor = 76,
  max_shared_bytes_opt_in = 97,
  mps_enabled = 133,
};

/// Attributes of a kernel.
enum class KernelAttribute : int {
  max_threads_per_block = 0,
  static_shared_bytes = 1,
  local_bytes = 3,
  max_dynamic_shared_bytes = 8,
};

/// Limits of a context.
enum class ContextLimit : int { stack_bytes = 0 };

/// Options of the just-in-time compiler and linker.
enum class JitOption : int {
  error_log_buffer = 5,
  error_log_buffer_bytes = 6,
};

enum class JitInput : int { ptx = 1 };

inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventDisableTiming = 2;
inline constexpr unsigned kHostAllocDeviceMap = 2;

enum class MemoryKind : int { host = 1, device = 2, array = 3, unified = 4 };

/// CUDA_MEMCPY3D. A plain copy of n bytes is one row of n bytes.
struct Copy3d {
  std::size_t from_x = 0, from_y = 0, from_z = 0, from_level = 0;
  MemoryKind from_kind = MemoryKind::host;
  const void* from_host = nullptr;
  DeviceAddress from_device = 0;
  void* from_array = nullptr;
  void* reserved_from = nullptr;
  std::size_t from_pitch = 0, from_height = 0;
  std::size_t to_x = 0, to_y = 0, to_z = 0, to_level = 0;
  MemoryKind to_kind = MemoryKind::host;
  void* to_host = nullptr;
  DeviceAddress to_device = 0;
  void* to_array = nullptr;
  void* reserved_to = nullptr;
  std::size_t to_pitch = 0, to_height = 0;
  std::size_t bytes = 0, height = 1, depth = 1;
};

/// CUDA_KERNEL_NODE_PARAMS.
struct KernelNode {
  FunctionHandle function = nullptr;
  unsigned grid_x = 1, grid_y = 1, grid_z = 1;
  unsigned block_x = 1, block_y = 1, block_z = 1;
  unsigned shared_bytes = 0;
  void** arguments = nullptr;
  void** extra = nullptr;
  void* kernel = nullptr;
  ContextHandle context = nullptr;
};

}  // namespace sublet::cuda

/// X(member, name for cuGetProcAddress, name in cuda.h, (parameters)): the functions that `Driver` holds.
#define SUBLET_CUDA_FUNCTIONS(X)                                                                                                           \
  X(init, cuInit, cuInit, (unsigned))                                                                                                      \
  X(driver_get_version, cuDriverGetVersion, cuDriverGetVersion, (int*))                                                                    \
  X(get_error_name, cuGetErrorName, cuGetErrorName, (Status, const char**))                                                                \
  X(get_error_string, cuGetErrorString, cuGetErrorString, (Status, const char**))                                                          \
  X(device_get_count, cuDeviceGetCount, cuDeviceGetCount, (int*))                                                                          \
  X(device_get, cuDeviceGet, cuDeviceGet, (Card*, int))                                                                                    \
  X(device_get_name, cuDeviceGetName, cuDeviceGetName, (char*, int, Card))                                                                 \
  X(device_get_attribute, cuDeviceGetAttribute, cuDeviceGetAttribute, (int*, CardAttribute, Card))                                         \
  X(device_total_mem, cuDeviceTotalMem, cuDeviceTotalMem_v2, (std::size_t*, Card))                                                         \
  X(device_get_pci_bus_id, cuDeviceGetPCIBusId, cuDeviceGetPCIBusId, (char*, int, Card))                                                   \
  X(primary_context_retain, cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain, (ContextHandle*, Card))                                    \
  X(primary_context_release, cuDevicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2, (Card))                                              \
  X(context_set_current, cuCtxSetCurrent, cuCtxSetCurrent, (ContextHandle))                                                                \
  X(context_get_current, cuCtxGetCurrent, cuCtxGetCurrent, (ContextHandle*))                                                               \
  X(context_get_limit, cuCtxGetLimit, cuCtxGetLimit, (std::size_t*, ContextLimit))                                                         \
  X(context_set_limit, cuCtxSetLimit, cuCtxSetLimit, (ContextLimit, std::size_t))                                                          \
  X(context_get_stream_priority_range, cuCtxGetStreamPriorityRange, cuCtxGetStreamPriorityRange, (int*, int*))                             \
  X(mem_get_info, cuMemGetInfo, cuMemGetInfo_v2, (std::size_t*, std::size_t*))                                                             \
  X(mem_alloc, cuMemAlloc, cuMemAlloc_v2, (DeviceAddress*, std::size_t))                                                                   \
  X(mem_free, cuMemFree, cuMemFree_v2, (DeviceAddress))                                                                                    \
  X(mem_host_alloc, cuMemHostAlloc, cuMemHostAlloc, (void**, std::size_t, unsigned))                                                       \
  X(mem_host_get_device_pointer, cuMemHostGetDevicePointer, cuMemHostGetDevicePointer_v2, (DeviceAddress*, void*, unsigned))               \
  X(mem_free_host, cuMemFreeHost, cuMemFreeHost, (void*))                                                                                  \
  X(mem_host_register, cuMemHostRegister, cuMemHostRegister_v2, (void*, std::size_t, unsigned))                                            \
  X(mem_host_unregister, cuMemHostUnregister, cuMemHostUnregister, (void*))                                                                \
  X(memset_async, cuMemsetD8Async, cuMemsetD8Async, (DeviceAddress, unsigned char, std::size_t, StreamPointer))                            \
  X(copy_to_device_async, cuMemcpyHtoDAsync, cuMemcpyHtoDAsync_v2, (DeviceAddress, const void*, std::size_t, StreamPointer))               \
  X(copy_to_host_async, cuMemcpyDtoHAsync, cuMemcpyDtoHAsync_v2, (void*, DeviceAddress, std::size_t, StreamPointer))                       \
  X(module_load_data_ex, cuModuleLoadDataEx, cuModuleLoadDataEx, (ModuleHandle*, const void*, unsigned, JitOption*, void**))               \
  X(module_unload, cuModuleUnload, cuModuleUnload, (ModuleHandle))                                                                         \
  X(module_get_function_count, cuModuleGetFunctionCount, cuModuleGetFunctionCount, (unsigned*, ModuleHandle))                              \
  X(module_enumerate_functions, cuModuleEnumerateFunctions, cuModuleEnumerateFunctions, (FunctionHandle*, unsigned, ModuleHandle))         \
  X(function_get_name, cuFuncGetName, cuFuncGetName, (const char**, FunctionHandle))                                                       \
  X(function_get_param_info, cuFuncGetParamInfo, cuFuncGetParamInfo, (FunctionHandle, std::size_t, std::size_t*, std::size_t*))            \
  X(function_get_attribute, cuFuncGetAttribute, cuFuncGetAttribute, (int*, KernelAttribute, FunctionHandle))                               \
  X(function_set_attribute, cuFuncSetAttribute, cuFuncSetAttribute, (FunctionHandle, KernelAttribute, int))                                \
  X(function_load, cuFuncLoad, cuFuncLoad, (FunctionHandle))                                                                               \
  X(launch_kernel, cuLaunchKernel, cuLaunchKernel,                                                                                         \
    (FunctionHandle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, StreamPointer, void**, void**))                 \
  X(link_create, cuLinkCreate, cuLinkCreate_v2, (unsigned, JitOption*, void**, LinkHandle*))                                               \
  X(link_add_data, cuLinkAddData, cuLinkAddData_v2, (LinkHandle, JitInput, void*, std::size_t, const char*, unsigned, JitOption*, void**)) \
  X(link_complete, cuLinkComplete, cuLinkComplete, (LinkHandle, void**, std::size_t*))                                                     \
  X(link_destroy, cuLinkDestroy, cuLinkDestroy, (LinkHandle))                                                                              \
  X(stream_create_with_priority, cuStreamCreateWithPriority, cuStreamCreateWithPriority, (StreamPointer*, unsigned, int))                  \
  X(stream_get_priority, cuStreamGetPriority, cuStreamGetPriority, (StreamPointer, int*))                                                  \
  X(stream_destroy, cuStreamDestroy, cuStreamDestroy_v2, (StreamPointer))                                                                  \
  X(stream_query, cuStreamQuery, cuStreamQuery, (StreamPointer))                                                                           \
  X(stream_synchronize, cuStreamSynchronize, cuStreamSynchronize, (StreamPointer))                                                         \
  X(stream_wait_event, cuStreamWaitEvent, cuStreamWaitEvent, (StreamPointer, EventPointer, unsigned))                                      \
  X(stream_write_value, cuStreamWriteValue32, cuStreamWriteValue32_v2, (StreamPointer, DeviceAddress, std::uint32_t, unsigned))            \
  X(event_create, cuEventCreate, cuEventCreate, (EventPointer*, unsigned))                                                                 \
  X(event_destroy, cuEventDestroy, cuEventDestroy_v2, (EventPointer))                                                                      \
  X(event_record, cuEventRecord, cuEventRecord, (EventPointer, StreamPointer))                                                             \
  X(event_query, cuEventQuery, cuEventQuery, (EventPointer))                                                                               \
  X(graph_create, cuGraphCreate, cuGraphCreate, (GraphHandle*, unsigned))                                                                  \
  X(graph_destroy, cuGraphDestroy, cuGraphDestroy, (GraphHandle))                                                                          \
  X(graph_add_copy_node, cuGraphAddMemcpyNode, cuGraphAddMemcpyNode,                                                                       \
    (GraphNodeHandle*, GraphHandle, const GraphNodeHandle*, std::size_t, const Copy3d*, ContextHandle))                                    \
  X(graph_add_kernel_node, cuGraphAddKernelNode, cuGraphAddKernelNode_v2,                                                                  \
    (GraphNodeHandle*, GraphHandle, const GraphNodeHandle*, std::size_t, const KernelNode*))                                               \
  X(graph_instantiate, cuGraphInstantiate, cuGraphInstantiateWithFlags, (GraphExecHandle*, GraphHandle, unsigned long long))               \
  X(graph_exec_set_copy, cuGraphExecMemcpyNodeSetParams, cuGraphExecMemcpyNodeSetParams,                                                   \
    (GraphExecHandle, GraphNodeHandle, const Copy3d*, ContextHandle))                                                                      \
  X(graph_exec_destroy, cuGraphExecDestroy, cuGraphExecDestroy, (GraphExecHandle))                                                         \
  X(graph_launch, cuGraphLaunch, cuGraphLaunch, (GraphExecHandle, StreamPointer))
