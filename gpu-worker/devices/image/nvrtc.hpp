#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"
#include "gpu-worker/devices/image/nvrtc_api.hpp"

namespace sublet::image {

struct CompileOptions {
  int architecture = 75;              ///< 75 is compute_75
  std::vector<std::string> includes;  ///< folders in which `#include <name>` is looked for, beside what NVRTC has itself
};

/// This host's compiler for CUDA C++, as a library. It needs no card.
class Nvrtc {
 public:
  /// Where the library is looked for, in this order: as the loader finds it, in $CUDA_HOME and $CUDA_PATH, and where the toolkit goes.
  static std::vector<std::string> usual_libraries();

  /// The folders of CUDA's own headers on this host, cuda_fp16.h among them: of $CUDA_HOME, of $CUDA_PATH, or where the toolkit goes. Empty
  /// where there are none.
  static std::vector<std::string> usual_includes();

  /// @param libraries  names or paths; the first that can be loaded is taken. `load_failed`, with what to install, when none can.
  static Result<Nvrtc> load(std::span<const std::string> libraries);

  /// "13.0"
  [[nodiscard]] std::string version() const;
  /// That it compiles for, ascending: 75 is compute_75.
  [[nodiscard]] std::vector<int> architectures() const;
  /// PTX of a source. `load_failed` with the errors of the compiler's log, cut to `kLongestLog`.
  [[nodiscard]] Result<std::string> compile(std::string_view source, const CompileOptions& options) const;

  /// Bytes. The ring to the agent carries 2,000 of an error.
  static constexpr std::size_t kLongestLog = 1600;

 private:
  struct CloseLibrary {
    void operator()(void* library) const;
  };

  struct Functions {
// NOLINTNEXTLINE(bugprone-macro-parentheses)
#define SUBLET_NVRTC_MEMBER(member, name, parameters) NvrtcStatus(*member) parameters = nullptr;
    SUBLET_NVRTC_FUNCTIONS(SUBLET_NVRTC_MEMBER)
#undef SUBLET_NVRTC_MEMBER
  };

  Functions functions_;
  std::unique_ptr<void, CloseLibrary> library_;
};

/// The newest of the `supported` that is no newer than `wanted`, whose PTX therefore runs there; the oldest when all are newer.
/// @param supported  ascending, not empty
int architecture_for(int wanted, std::span<const int> supported);

}  // namespace sublet::image
