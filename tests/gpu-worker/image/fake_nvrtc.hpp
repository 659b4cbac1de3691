#pragma once

#include <memory>

#include <dlfcn.h>

#include "gpu-worker/devices/image/source_compiler.hpp"
#include "tests/support/folder.hpp"

namespace sublet::test {

/// fake_nvrtc.cpp, and a folder for what it compiles.
class FakeNvrtc {
 public:
  /// For another compiler of this host.
  [[nodiscard]] image::SourceOptions options() const { return {.libraries = {"libabsent.so.1", SUBLET_FAKE_NVRTC}, .cache = cache_}; }
  /// Since this object was made.
  [[nodiscard]] int compilations() const { return counted() - before_; }

 private:
  [[nodiscard]] int counted() const { return reinterpret_cast<int (*)()>(::dlsym(library_.get(), "fake_nvrtc_compilations"))(); }

  std::unique_ptr<void, int (*)(void*)> library_ = {::dlopen(SUBLET_FAKE_NVRTC, RTLD_NOW | RTLD_LOCAL), &::dlclose};
  int before_ = counted();
  Folder folder_;
  std::string cache_ = (folder_.path() / "cache").string();
};

}  // namespace sublet::test
