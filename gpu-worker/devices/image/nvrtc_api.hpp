#pragma once

// The part of NVRTC that we use, declared here since hosts with the library rarely have its header. A test compares it with nvrtc.h.

#include <cstddef>

namespace sublet::image {

/// nvrtcResult.
using NvrtcStatus = int;
inline constexpr NvrtcStatus kNvrtcSuccess = 0;

using ProgramHandle = struct ProgramOfNvrtc*;

}  // namespace sublet::image

/// X(member, name, (parameters)): the functions that `Nvrtc` holds.
#define SUBLET_NVRTC_FUNCTIONS(X)                                                                                                \
  X(get_version, nvrtcVersion, (int*, int*))                                                                                     \
  X(get_architecture_count, nvrtcGetNumSupportedArchs, (int*))                                                                   \
  X(get_architectures, nvrtcGetSupportedArchs, (int*))                                                                           \
  X(create_program, nvrtcCreateProgram, (ProgramHandle*, const char*, const char*, int, const char* const*, const char* const*)) \
  X(compile_program, nvrtcCompileProgram, (ProgramHandle, int, const char* const*))                                              \
  X(get_log_size, nvrtcGetProgramLogSize, (ProgramHandle, std::size_t*))                                                         \
  X(get_log, nvrtcGetProgramLog, (ProgramHandle, char*))                                                                         \
  X(get_ptx_size, nvrtcGetPTXSize, (ProgramHandle, std::size_t*))                                                                \
  X(get_ptx, nvrtcGetPTX, (ProgramHandle, char*))                                                                                \
  X(destroy_program, nvrtcDestroyProgram, (ProgramHandle*))
