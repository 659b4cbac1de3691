#pragma once

#include <memory>

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "gpu-worker/devices/image/source_compiler.hpp"
#include "tests/support/folder.hpp"

namespace sublet::test {

/// fake_nvrtc.cpp, kept loaded so that it counts over several uses, and a folder for what it compiles.
class FakeNvrtc {
 public:
  FakeNvrtc() : library_(::dlopen(SUBLET_FAKE_NVRTC, RTLD_NOW | RTLD_LOCAL), &::dlclose) { EXPECT_NE(library_, nullptr) << ::dlerror(); }

  /// For another compiler of this host.
  [[nodiscard]] image::SourceOptions options() const { return {.libraries = {"libabsent.so.1", SUBLET_FAKE_NVRTC}, .cache = cache_}; }
  [[nodiscard]] int compilations() const { return reinterpret_cast<int (*)()>(::dlsym(library_.get(), "fake_nvrtc_compilations"))(); }

 private:
  std::unique_ptr<void, int (*)(void*)> library_;
  Folder folder_;
  std::string cache_ = (folder_.path() / "cache").string();
};

}  // namespace sublet::test
