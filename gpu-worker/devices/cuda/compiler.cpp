#include "gpu-worker/devices/cuda/compiler.hpp"

#include <array>
#include <cstring>
#include <memory>

#include <dlfcn.h>
#include <fmt/format.h>

#include "gpu-worker/devices/cuda/ptx_header.hpp"

namespace sublet::cuda {
namespace {

using Program = struct ProgramOfNvrtc*;

struct CloseLibrary {
  void operator()(void* library) const { ::dlclose(library); }
};

/// NVRTC's functions as its header declares them.
struct Nvrtc {
  int (*create)(Program*, const char*, const char*, int, const char* const*, const char* const*) = nullptr;
  int (*compile)(Program, int, const char* const*) = nullptr;
  int (*log_size)(Program, std::size_t*) = nullptr;
  int (*log)(Program, char*) = nullptr;
  int (*ptx_size)(Program, std::size_t*) = nullptr;
  int (*ptx)(Program, char*) = nullptr;
  int (*destroy)(Program*) = nullptr;
  std::unique_ptr<void, CloseLibrary> library;
};

std::unique_ptr<void, CloseLibrary> open_nvrtc() {
  for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", "/usr/local/cuda/lib64/libnvrtc.so"}) {
    if (void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL)) {
      return std::unique_ptr<void, CloseLibrary>(library);
    }
  }
  return nullptr;
}

Result<Nvrtc> load_nvrtc() {
  Nvrtc nvrtc;
  nvrtc.library = open_nvrtc();
  if (nvrtc.library == nullptr) {
    return fail(ErrorCode::load_failed, "the module is CUDA C++ and this host has no libnvrtc to compile it: give PTX (nvcc --ptx)");
  }
  bool complete = true;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(nvrtc.library.get(), name));
    complete = complete && function != nullptr;
  };
  find(nvrtc.create, "nvrtcCreateProgram");
  find(nvrtc.compile, "nvrtcCompileProgram");
  find(nvrtc.log_size, "nvrtcGetProgramLogSize");
  find(nvrtc.log, "nvrtcGetProgramLog");
  find(nvrtc.ptx_size, "nvrtcGetPTXSize");
  find(nvrtc.ptx, "nvrtcGetPTX");
  find(nvrtc.destroy, "nvrtcDestroyProgram");
  if (!complete) {
    return fail(ErrorCode::load_failed, "this host's libnvrtc is not one that is known: give PTX (nvcc --ptx)");
  }
  return nvrtc;
}

/// A text of NVRTC's, by the two functions that give its length, with a final NUL, and its bytes.
std::string text_of(Program program, int (*size_of)(Program, std::size_t*), int (*get)(Program, char*)) {
  std::size_t size = 0;
  if (size_of(program, &size) != 0 || size == 0) {
    return {};
  }
  std::string text(size, '\0');
  get(program, text.data());
  text.resize(std::strlen(text.c_str()));
  return text;
}

/// What the just-in-time compiler says, for one call of the driver.
class JitLog {
 public:
  [[nodiscard]] JitOption* options() { return options_.data(); }
  [[nodiscard]] void** values() { return values_.data(); }
  static constexpr unsigned kCount = 2;
  [[nodiscard]] std::string text() const {
    std::string text(buffer_.data());
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
      text.pop_back();
    }
    return text;
  }

 private:
  std::array<char, 4096> buffer_ = {};
  std::array<JitOption, kCount> options_ = {JitOption::error_log_buffer, JitOption::error_log_buffer_bytes};
  // A number goes in the place of a pointer: so cuModuleLoadDataEx takes its options.
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  std::array<void*, kCount> values_ = {buffer_.data(), reinterpret_cast<void*>(buffer_.size() - 1)};
};

std::unexpected<Error> refused_ptx(const Driver& driver, Status status, std::string_view ptx, const JitLog& log) {
  const PtxHeader header = header_of_ptx(ptx);
  std::string detail =
      fmt::format("{}; the PTX has .version {} and .target {}, this driver reads up to {}", driver.text(status),
                  header.version.empty() ? "?" : header.version, header.target.empty() ? "?" : header.target, latest_ptx(driver.version()));
  if (status == kUnsupportedPtxVersion) {
    detail += "; compile it with an older nvcc, or update the driver";
  }
  if (const std::string said = log.text(); !said.empty()) {
    detail += "; the compiler's log: " + said;
  }
  return fail(ErrorCode::load_failed, std::move(detail));
}

}  // namespace

Result<std::string> compile_source(std::string_view source, Capability capability) {
  const auto nvrtc = load_nvrtc();
  if (!nvrtc) {
    return std::unexpected(nvrtc.error());
  }
  const std::string text(source);
  Program program = nullptr;
  if (nvrtc->create(&program, text.c_str(), "module.cu", 0, nullptr, nullptr) != 0) {
    return fail(ErrorCode::load_failed, "libnvrtc does not take the module");
  }
  const std::string architecture = fmt::format("--gpu-architecture=compute_{}{}", capability.major, capability.minor);
  const char* const options[] = {architecture.c_str()};
  const bool compiled = nvrtc->compile(program, 1, options) == 0;
  std::string answer = compiled ? text_of(program, nvrtc->ptx_size, nvrtc->ptx) : text_of(program, nvrtc->log_size, nvrtc->log);
  nvrtc->destroy(&program);
  if (!compiled) {
    return fail(ErrorCode::load_failed, fmt::format("the module is neither PTX nor CUDA C++ that compiles: {}", answer.substr(0, 4096)));
  }
  return answer;
}

Result<std::vector<std::byte>> link_ptx(const DriverRef& driver, std::string_view ptx) {
  JitLog log;
  LinkHandle handle = nullptr;
  if (const Status status = driver->link_create(JitLog::kCount, log.options(), log.values(), &handle); status != kSuccess) {
    return fail(ErrorCode::load_failed, fmt::format("the driver's compiler does not start: {}", driver->text(status)));
  }
  const OwnedLink link(driver, handle);
  // The driver reads up to the final NUL, which counts.
  std::string text(ptx);
  Status status = driver->link_add_data(handle, JitInput::ptx, text.data(), text.size() + 1, "module.ptx", 0, nullptr, nullptr);
  void* code = nullptr;
  std::size_t bytes = 0;
  if (status == kSuccess) {
    status = driver->link_complete(handle, &code, &bytes);
  }
  if (status != kSuccess) {
    return refused_ptx(*driver, status, ptx, log);
  }
  const auto* const first = static_cast<const std::byte*>(code);
  return std::vector<std::byte>(first, first + bytes);
}

}  // namespace sublet::cuda
