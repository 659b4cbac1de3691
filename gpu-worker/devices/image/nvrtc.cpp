#include "gpu-worker/devices/image/nvrtc.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <fmt/format.h>

namespace sublet::image {
namespace {

constexpr std::string_view kRemedy =
    "install it (NVIDIA's package cuda-nvrtc-13-0, or Debian's nvidia-cuda-toolkit from non-free), or compile the module with nvcc --ptx "
    "-arch=compute_75 and name the .ptx";

/// Destroyed where every way out of a function is.
class Program {
 public:
  using Destroy = NvrtcStatus (*)(ProgramHandle*);
  explicit Program(Destroy destroy) : destroy_(destroy) {}
  ~Program() {
    if (handle_ != nullptr) {
      destroy_(&handle_);
    }
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  [[nodiscard]] ProgramHandle get() const { return handle_; }
  [[nodiscard]] ProgramHandle* into() { return &handle_; }

 private:
  Destroy destroy_;
  ProgramHandle handle_ = nullptr;
};

/// A text of NVRTC's, by the two functions that give its length, with a final NUL, and its bytes.
std::string text_of(ProgramHandle program, NvrtcStatus (*get_size)(ProgramHandle, std::size_t*), NvrtcStatus (*get)(ProgramHandle, char*)) {
  std::size_t size = 0;
  if (get_size(program, &size) != kNvrtcSuccess || size == 0) {
    return {};
  }
  std::string text(size, '\0');
  if (get(program, text.data()) != kNvrtcSuccess) {
    return {};
  }
  text.resize(std::strlen(text.c_str()));
  return text;
}

/// The lines that say what is wrong, without the lines of the source that they quote; all of it when there are none.
std::string errors_of(std::string_view log) {
  std::string errors;
  for (std::string_view rest = log; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.find("error: ") != std::string_view::npos || line.find("error #") != std::string_view::npos) {
      errors += fmt::format("{}{}", errors.empty() ? "" : ", ", line);
    }
  }
  if (errors.empty()) {
    errors = log;
  }
  if (errors.size() > Nvrtc::kLongestLog) {
    errors.resize(Nvrtc::kLongestLog);
    errors += " …";
  }
  return errors;
}

std::string environment_folder(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::string() : std::string(value) + "/lib64/";
}

}  // namespace

void Nvrtc::CloseLibrary::operator()(void* library) const { ::dlclose(library); }

std::vector<std::string> Nvrtc::usual_libraries() {
  // An installation without the toolkit's headers has the first names only.
  constexpr std::array<std::string_view, 4> kNames = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"};
  std::vector<std::string> libraries(kNames.begin(), kNames.end());
  for (const std::string& folder :
       {environment_folder("CUDA_HOME"), environment_folder("CUDA_PATH"), std::string("/usr/local/cuda/lib64/")}) {
    for (const std::string_view name : kNames) {
      if (!folder.empty()) {
        libraries.push_back(folder + std::string(name));
      }
    }
  }
  return libraries;
}

Result<Nvrtc> Nvrtc::load(std::span<const std::string> libraries) {
  Nvrtc nvrtc;
  for (const std::string& library : libraries) {
    // Left in the process, since what it began at its load and keeps per thread does not end with it.
    nvrtc.library_.reset(::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE));
    if (nvrtc.library_ != nullptr) {
      break;
    }
  }
  if (nvrtc.library_ == nullptr) {
    return fail(ErrorCode::load_failed,
                fmt::format("the module is CUDA C++ (PTX begins with .version), and this host has no NVRTC to compile it; {}", kRemedy));
  }
#define SUBLET_NVRTC_FIND(member, name, parameters)                                                                                \
  nvrtc.functions_.member = reinterpret_cast<decltype(nvrtc.functions_.member)>(::dlsym(nvrtc.library_.get(), #name));             \
  if (nvrtc.functions_.member == nullptr) {                                                                                        \
    return fail(ErrorCode::load_failed, fmt::format("this host's NVRTC has no " #name ", so it is older than 11.2; {}", kRemedy)); \
  }
  SUBLET_NVRTC_FUNCTIONS(SUBLET_NVRTC_FIND)
#undef SUBLET_NVRTC_FIND
  if (nvrtc.architectures().empty()) {
    return fail(ErrorCode::load_failed, fmt::format("this host's NVRTC compiles for no card at all; {}", kRemedy));
  }
  return nvrtc;
}

std::string Nvrtc::version() const {
  int major = 0;
  int minor = 0;
  functions_.get_version(&major, &minor);
  return fmt::format("{}.{}", major, minor);
}

std::vector<int> Nvrtc::architectures() const {
  int count = 0;
  if (functions_.get_architecture_count(&count) != kNvrtcSuccess || count <= 0) {
    return {};
  }
  std::vector<int> found(static_cast<std::size_t>(count));
  if (functions_.get_architectures(found.data()) != kNvrtcSuccess) {
    return {};
  }
  std::ranges::sort(found);
  return found;
}

Result<std::string> Nvrtc::compile(std::string_view source, int architecture) const {
  const std::string text(source);
  Program program(functions_.destroy_program);
  if (functions_.create_program(program.into(), text.c_str(), "module.cu", 0, nullptr, nullptr) != kNvrtcSuccess) {
    return fail(ErrorCode::load_failed, fmt::format("NVRTC {} does not take the module; compile it with nvcc --ptx", version()));
  }
  const std::string target = fmt::format("--gpu-architecture=compute_{}", architecture);
  // The language does not follow from whichever release is installed.
  const std::array<const char*, 2> options = {target.c_str(), "--std=c++17"};
  if (functions_.compile_program(program.get(), static_cast<int>(options.size()), options.data()) != kNvrtcSuccess) {
    const std::string errors = errors_of(text_of(program.get(), functions_.get_log_size, functions_.get_log));
    const bool header = errors.find("could not open source file") != std::string::npos;
    return fail(ErrorCode::load_failed,
                fmt::format("the module is not PTX, nor CUDA C++ that NVRTC {} compiles: {}{}", version(), errors,
                            header ? "; it reads no headers of this host: put what is needed of them into the module, or compile it with "
                                     "nvcc --ptx and name the .ptx"
                                   : ""));
  }
  std::string ptx = text_of(program.get(), functions_.get_ptx_size, functions_.get_ptx);
  if (ptx.empty()) {
    return fail(ErrorCode::load_failed, fmt::format("NVRTC {} made no PTX of the module; compile it with nvcc --ptx", version()));
  }
  return ptx;
}

int architecture_for(int wanted, std::span<const int> supported) {
  const auto newer = std::ranges::upper_bound(supported, wanted);
  return newer == supported.begin() ? supported.front() : *std::prev(newer);
}

}  // namespace sublet::image
