#pragma once

#include <cstdint>
#include <string>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/pipeline/pipeline.hpp"

namespace sublet {

/// For people: tables of the stages, the buffers and the requirements for an input of `n` bytes, VRAM of a lane and of a lease, output
/// length, and whether a chunk of that length is refused. Ends with a newline. The error of whatever is wrong with the pipeline, or wrong
/// at this `n`.
Result<std::string> explain(const Bundle& bundle, std::uint64_t n);

}  // namespace sublet
