#pragma once

#include <cstdint>
#include <string>

#include "common/bytes.hpp"
#include "common/error.hpp"

namespace sublet::cuda {

enum class ImageKind : std::uint8_t { ptx, cubin, fatbin, source };

/// What a module's bytes are. The driver is told no length, so an ELF or a fatbin that says it is longer than its bytes is refused here:
/// `load_failed`.
Result<ImageKind> kind_of_image(ByteView image);

/// What PTX says of itself; parts are empty where it does not say.
struct PtxHeader {
  std::string version;  ///< "9.0"
  std::string target;   ///< "sm_75"
};
PtxHeader header_of_ptx(std::string_view text);

/// The latest PTX version that a driver of that CUDA version reads: 13000 gives "9.0".
std::string latest_ptx(int cuda_version);

}  // namespace sublet::cuda
