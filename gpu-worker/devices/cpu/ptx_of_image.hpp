#pragma once

#include <string>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "gpu-worker/devices/image/source_compiler.hpp"

namespace sublet::cpu {

/// The PTX text of a module: itself, or what `sources` makes of CUDA C++. `load_failed` for what is made for cards only, for more than this
/// device reads, and for a source that cannot be compiled.
Result<std::string> ptx_of_image(ByteView image, const image::SourceCompiler& sources);

}  // namespace sublet::cpu
