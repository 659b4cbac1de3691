#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/time.hpp"
#include "gpu-worker/devices/image/nvrtc.hpp"

namespace sublet::image {

struct SourceOptions {
  std::vector<std::string> libraries = Nvrtc::usual_libraries();
  std::vector<std::string> includes = Nvrtc::usual_includes();
  /// Where compiled sources are kept; empty: the host's usual place.
  std::string cache = {};
  /// What is started to compile each source apart (`serve_compile`), within the limits; empty: compiles in this process, without any.
  std::string program = {};
  Millis time_limit = 60s;
  Bytes memory = 4_GiB;  ///< that it may map
};

/// Makes PTX of CUDA C++, once per host. Nothing is loaded or made before the first source. May be used by several threads at once.
class SourceCompiler {
 public:
  /// As large as a module of a pipeline may be.
  static constexpr Bytes kLargestSource = 16_MiB;

  explicit SourceCompiler(SourceOptions options = {}) : options_(std::move(options)) {}

  /// @param wanted  what the PTX is to run on: 75 is compute_75. Where NVRTC knows nothing that old, the oldest that it does.
  /// `load_failed` where there is no NVRTC, with what to install; for a source that names files; with the compiler's log for one that does
  /// not compile; for one that takes the compiler past a limit.
  [[nodiscard]] Result<std::string> ptx_of(std::string_view source, int wanted) const;

 private:
  SourceOptions options_;
};

}  // namespace sublet::image
