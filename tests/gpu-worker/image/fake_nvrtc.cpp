// A library with NVRTC's functions, for hosts without it and to see how it is used. Its PTX says with which options it was made; a source
// that has "absent" in it does not compile, with "endless" it never ends, and with "greedy" it takes 16 GiB.

#include <cstddef>
#include <cstring>
#include <new>
#include <string>

#include <unistd.h>

namespace {

int compilations = 0;

struct FakeProgram {
  std::string source;
  std::string ptx;
  std::string log;
};

constexpr char kStore[] = R"(
.visible .entry store(.param .u64 out, .param .u64 value) {
  .reg .b32 %r<3>; .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [out];
  ld.param.u64 %rd2, [value];
  mov.u32 %r1, %tid.x;
  mul.wide.u32 %rd3, %r1, 4;
  add.s64 %rd4, %rd1, %rd3;
  cvt.u32.u64 %r2, %rd2;
  st.global.u32 [%rd4], %r2;
  ret;
}
)";

std::size_t size_of(const std::string& text) { return text.size() + 1; }

}  // namespace

extern "C" {

int fake_nvrtc_compilations() { return compilations; }

int nvrtcVersion(int* major, int* minor) {
  *major = 12;
  *minor = 7;
  return 0;
}

int nvrtcGetNumSupportedArchs(int* count) {
  *count = 3;
  return 0;
}

int nvrtcGetSupportedArchs(int* found) {
  found[0] = 60;
  found[1] = 75;
  found[2] = 90;
  return 0;
}

int nvrtcCreateProgram(FakeProgram** program, const char* source, const char* /*name*/, int /*headers*/, const char* const* /*texts*/,
                       const char* const* /*names*/) {
  *program = new FakeProgram{.source = source, .ptx = {}, .log = {}};
  return 0;
}

int nvrtcCompileProgram(FakeProgram* program, int count, const char* const* options) {
  ++compilations;
  if (program->source.find("absent") != std::string::npos) {
    program->log = "module.cu(1): warning: it is long\n";
    for (int i = 0; i < 1000; ++i) {
      program->log += "module.cu(1): error: identifier \"absent\" is undefined\n  *out = absent;\n         ^\n";
    }
    return 6;
  }
  if (program->source.find("endless") != std::string::npos) {
    for (;;) pause();
  }
  if (program->source.find("greedy") != std::string::npos) {
    // Up to 16 GiB, of which none is touched.
    for (int i = 0; i < 64; ++i) static_cast<void>(::operator new(std::size_t{256} << 20U));
  }
  std::string target;
  program->ptx = "//";
  for (int i = 0; i < count; ++i) {
    const std::string option = options[i];
    program->ptx += " " + option;
    if (option.starts_with("--gpu-architecture=compute_")) {
      target = "sm_" + option.substr(std::strlen("--gpu-architecture=compute_"));
    }
  }
  program->ptx += "\n.version 8.0\n.target " + target + "\n.address_size 64\n" + kStore;
  return 0;
}

int nvrtcGetProgramLogSize(FakeProgram* program, std::size_t* size) {
  *size = size_of(program->log);
  return 0;
}

int nvrtcGetProgramLog(FakeProgram* program, char* into) {
  std::memcpy(into, program->log.c_str(), size_of(program->log));
  return 0;
}

int nvrtcGetPTXSize(FakeProgram* program, std::size_t* size) {
  *size = size_of(program->ptx);
  return 0;
}

int nvrtcGetPTX(FakeProgram* program, char* into) {
  std::memcpy(into, program->ptx.c_str(), size_of(program->ptx));
  return 0;
}

int nvrtcDestroyProgram(FakeProgram** program) {
  delete *program;
  *program = nullptr;
  return 0;
}
}
