#pragma once

#include <string>
#include <string_view>

namespace sublet::cuda {

/// What PTX says of itself; parts are empty where it does not say.
struct PtxHeader {
  std::string version;  ///< "9.0"
  std::string target;   ///< "sm_75"
};
PtxHeader header_of_ptx(std::string_view text);

/// The latest PTX version that a driver of that CUDA version reads: 13000 gives "9.0".
std::string latest_ptx(int cuda_version);

}  // namespace sublet::cuda
