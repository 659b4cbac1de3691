#pragma once

#include "gpu-worker/session/host_functions.hpp"

namespace sublet::session {

/// A PNG or JPEG file as 8-bit RGB, row by row; what is transparent, on white. Gives `width`, `height` and `format`: 1 PNG, 2 JPEG.
/// `host_stage_failed` for anything else, `output_too_large` for one larger than there is room for, which is seen before it is decoded.
Result<HostResult> decode_picture(const HostCall& call);

/// 8-bit RGB of `width` x `height` as a file of `format`, PNG where none is told. `quality` of a JPEG is 1 to 100, 90 where none is told.
Result<HostResult> encode_picture(const HostCall& call);

}  // namespace sublet::session
