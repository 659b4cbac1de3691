#include "gpu-worker/devices/image/nvrtc.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>

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

/// Where a toolkit may be.
std::vector<std::string> toolkits() {
  std::vector<std::string> folders;
  for (const char* const name : {"CUDA_HOME", "CUDA_PATH"}) {
    const char* const value = std::getenv(name);
    if (value != nullptr && *value != '\0') {
      folders.emplace_back(value);
    }
  }
  folders.emplace_back("/usr/local/cuda");
  return folders;
}

std::string header_remedy(const CompileOptions& options) {
  const std::string_view missing =
      options.includes.empty() ? ", of which this host has none: install them (NVIDIA's package cuda-cudart-dev-13-0)" : "";
  return fmt::format(
      "; it reads no headers but CUDA's own, such as cuda_fp16.h{}; put what is needed of others into the module, or compile it "
      "with nvcc --ptx and name the .ptx",
      missing);
}

}  // namespace

void Nvrtc::CloseLibrary::operator()(void* library) const { ::dlclose(library); }

std::vector<std::string> Nvrtc::usual_libraries() {
  // An installation without the toolkit's headers has the first names only.
  constexpr std::array<std::string_view, 4> kNames = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"};
  std::vector<std::string> libraries(kNames.begin(), kNames.end());
  for (const std::string& folder : toolkits()) {
    for (const std::string_view name : kNames) {
      libraries.push_back(fmt::format("{}/lib64/{}", folder, name));
    }
  }
  return libraries;
}

std::vector<std::string> Nvrtc::usual_includes() {
  std::error_code problem;
  for (const std::string& toolkit : toolkits()) {
    const std::string folder = toolkit + "/include";
    if (!std::filesystem::exists(folder + "/cuda_fp16.h", problem)) {
      continue;
    }
    std::vector<std::string> found = {folder};
    // Where releases from 13 on have what those headers include in their turn.
    if (std::filesystem::exists(folder + "/cccl", problem)) {
      found.push_back(folder + "/cccl");
    }
    return found;
  }
  return {};
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

Result<std::string> Nvrtc::compile(std::string_view source, const CompileOptions& wanted) const {
  const std::string text(source);
  Program program(functions_.destroy_program);
  if (functions_.create_program(program.into(), text.c_str(), "module.cu", 0, nullptr, nullptr) != kNvrtcSuccess) {
    return fail(ErrorCode::load_failed, fmt::format("NVRTC {} does not take the module; compile it with nvcc --ptx", version()));
  }
  // The language does not follow from whichever release is installed. The macros are <math.h>'s, which NVRTC has but for these.
  std::vector<std::string> texts = {fmt::format("--gpu-architecture=compute_{}", wanted.architecture), "--std=c++17",
                                    "--generate-line-info", "--define-macro=INFINITY=__builtin_bit_cast(float, 0x7f800000u)",
                                    "--define-macro=NAN=__builtin_bit_cast(float, 0x7fc00000u)"};
  for (const std::string& folder : wanted.includes) {
    texts.push_back("--include-path=" + folder);
  }
  std::vector<const char*> options;
  for (const std::string& each : texts) {
    options.push_back(each.c_str());
  }
  if (functions_.compile_program(program.get(), static_cast<int>(options.size()), options.data()) != kNvrtcSuccess) {
    const std::string errors = errors_of(text_of(program.get(), functions_.get_log_size, functions_.get_log));
    const bool header = errors.find(" open source file") != std::string::npos;
    return fail(ErrorCode::load_failed, fmt::format("the module is not PTX, nor CUDA C++ that NVRTC {} compiles: {}{}", version(), errors,
                                                    header ? header_remedy(wanted) : ""));
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
