#include "gpu-worker/devices/image/source_compiler.hpp"

#include <fmt/format.h>

#include "gpu-worker/devices/image/code_cache.hpp"
#include "gpu-worker/devices/image/compile_apart.hpp"
#include "gpu-worker/devices/image/includes.hpp"

namespace sublet::image {

Result<std::string> SourceCompiler::ptx_of(std::string_view source, int wanted) const {
  if (source.size() > kLargestSource.count) {
    return fail(ErrorCode::load_failed, fmt::format("a source of {} bytes; the most is {}", source.size(), kLargestSource.count));
  }
  if (auto clean = check_includes(source); !clean) {
    return std::unexpected(clean.error());
  }
  const auto nvrtc = Nvrtc::load(options_.libraries);
  if (!nvrtc) {
    return std::unexpected(nvrtc.error());
  }
  const int architecture = architecture_for(wanted, nvrtc->architectures());
  // Another release may well compile what this one compiled wrongly.
  const std::string made_for = fmt::format("compute_{} nvrtc {} with lines", architecture, nvrtc->version());
  const CodeCache cache(options_.cache.empty() ? CodeCache::default_folder() : options_.cache);
  if (const auto found = cache.find(as_view(source), made_for)) {
    return std::string(as_text(*found));
  }
  auto ptx = options_.program.empty() ? nvrtc->compile(source, {.architecture = architecture, .includes = options_.includes})
                                      : compile_apart(options_, source, architecture);
  if (ptx) {
    cache.keep(as_view(source), made_for, as_view(*ptx));
  }
  return ptx;
}

}  // namespace sublet::image
