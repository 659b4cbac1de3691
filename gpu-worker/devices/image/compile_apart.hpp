#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "gpu-worker/devices/image/source_compiler.hpp"

namespace sublet::image {

/// Compiles in a process of its own: a source may keep the compiler busy for ever, take all memory, or bring it down. `load_failed` with
/// the compiler's errors, and when it was stopped at a limit or ended otherwise.
Result<std::string> compile_apart(const SourceOptions& options, std::string_view source, int architecture);

/// What that process is told.
struct CompileRequest {
  int architecture = 0;  ///< 0: there is nothing to compile
  std::vector<std::string> libraries;
  std::vector<std::string> includes;
  Bytes memory;
};

/// That process: reads the source where a filter finds it, and writes PTX, or what is wrong with it. Answers the exit code.
int serve_compile(const CompileRequest& request);

}  // namespace sublet::image
