#include "gpu-worker/devices/cpu/ptx_of_image.hpp"

#include <fmt/format.h>

#include "gpu-worker/devices/image/image_kind.hpp"

namespace sublet::cpu {
namespace {

constexpr Bytes kMaxPtx = 4_MiB;

/// Any would do. What is made for the oldest has the plainest instructions, and is what the shipped kernels are made for.
constexpr int kArchitecture = 75;

}  // namespace

Result<std::string> ptx_of_image(ByteView image, const image::SourceCompiler& sources) {
  const auto kind = image::kind_of_image(image);
  if (!kind) {
    return std::unexpected(kind.error());
  }
  if (*kind == image::ImageKind::cubin || *kind == image::ImageKind::fatbin) {
    return fail(ErrorCode::load_failed, fmt::format("the module is a {}, which only cards run; give the cpu device PTX (nvcc --ptx)",
                                                    *kind == image::ImageKind::cubin ? "cubin" : "fatbin"));
  }
  std::string text(image::text_of_image(image));
  if (*kind == image::ImageKind::source) {
    auto ptx = sources.ptx_of(text, kArchitecture);
    if (!ptx) {
      return ptx;
    }
    text = *std::move(ptx);
  }
  if (text.size() > kMaxPtx.count) {
    return fail(ErrorCode::load_failed, fmt::format("PTX of {} bytes; the most is {}", text.size(), kMaxPtx.count));
  }
  return text;
}

}  // namespace sublet::cpu
