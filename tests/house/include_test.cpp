// Who may include whom. Every library's headers stand in /usr/include, so the compiler cannot say.

#include <algorithm>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/house/source_tree.hpp"

namespace sublet::test {
namespace {

struct Layer {
  std::string_view folder;
  std::vector<std::string_view> may_include;
};

// The longest folder that a file lies in says what of the project it may include.
const std::vector<Layer> kLayers = {
    {"common/io/", {"common/"}},
    {"common/", {"common/"}},
    {"broker/core/", {"common/", "broker/core/", "broker/stores/record.hpp", "broker/stores/store.hpp"}},
    {"broker/stores/", {"common/", "broker/core/", "broker/stores/"}},
    {"broker/", {"common/", "broker/"}},
    {"gpu-worker/core/", {"common/", "gpu-worker/core/", "gpu-worker/device.hpp"}},
    {"gpu-worker/devices/", {"common/", "gpu-worker/core/", "gpu-worker/devices/", "gpu-worker/device.hpp"}},
    {"gpu-worker/ring/", {"common/", "gpu-worker/ring/"}},
    {"gpu-worker/agent/", {"common/", "gpu-worker/core/", "gpu-worker/ring/", "gpu-worker/agent/"}},
    {"gpu-worker/session/",
     {"common/", "gpu-worker/core/", "gpu-worker/ring/", "gpu-worker/session/", "gpu-worker/devices/", "gpu-worker/device.hpp"}},
    {"gpu-worker/", {"common/", "gpu-worker/"}},
    {"producer/core/", {"common/", "producer/core/", "producer/outputs.hpp"}},
    {"producer/cli/", {"common/", "producer/"}},
    {"producer/", {"common/", "producer/"}},
};

// Folders without a socket, file, thread, clock, random device or log.
const std::vector<std::string_view> kPure = {"broker/core/", "gpu-worker/core/", "producer/core/", "common/wire/"};

const std::vector<std::string_view> kImpure = {"thread", "mutex",        "condition_variable", "fstream",     "iostream", "filesystem",
                                               "random", "sys/socket.h", "unistd.h",           "sys/mman.h",  "fcntl.h",  "poll.h",
                                               "zmq.h",  "zmq.hpp",      "spdlog/spdlog.h",    "sys/epoll.h", "ctime",    "time.h",
                                               "future", "sys/eventfd.h"};

struct Reserved {
  std::string_view header;
  std::vector<std::string_view> only_in;
};

const std::vector<Reserved> kReserved = {
    {"zmq", {"common/io/socket"}},
    {"msgpack", {"common/wire/msgpack_"}},
    {"yaml-cpp", {"common/pipeline/pipeline_yaml.cpp"}},
    {"hiredis", {"broker/stores/redis_connection.cpp"}},
    {"lz4", {"broker/stores/packing.cpp"}},
    {"httplib", {"broker/http/http_server.cpp"}},
    {"prometheus/", {"broker/http/exposition.cpp"}},
    {"asmjit", {"gpu-worker/devices/cpu/native/"}},
    {"CLI/", {"broker/", "gpu-worker/", "producer/cli/"}},
};

bool is_ours(std::string_view include) {
  return std::ranges::any_of(std::vector<std::string_view>{"common/", "broker/", "gpu-worker/", "producer/"},
                             [&](auto folder) { return include.starts_with(folder); });
}

const Layer* layer_of(std::string_view path) {
  const auto found = std::ranges::find_if(kLayers, [&](const Layer& layer) { return path.starts_with(layer.folder); });
  return found == kLayers.end() ? nullptr : &*found;
}

std::vector<SourceFile> production() { return read_sources({"common", "broker", "gpu-worker", "producer"}); }

TEST(Includes, GoFromTheLoopToTheCoreAndNeverBetweenPrograms) {
  for (const auto& file : production()) {
    const auto* layer = layer_of(file.path);
    ASSERT_NE(layer, nullptr) << file.path << " lies in no known layer";
    for (const auto& include : file.includes()) {
      if (!is_ours(include)) continue;
      const bool allowed = std::ranges::any_of(layer->may_include, [&](auto prefix) { return include.starts_with(prefix); });
      EXPECT_TRUE(allowed) << file.path << " includes " << include;
    }
  }
}

TEST(Includes, OfCommonStayBelowItsIo) {
  for (const auto& file : production()) {
    if (!file.path.starts_with("common/") || file.path.starts_with("common/io/")) continue;
    for (const auto& include : file.includes()) EXPECT_FALSE(include.starts_with("common/io/")) << file.path << " includes " << include;
  }
}

TEST(Includes, KeepPureFoldersFreeOfTheSystem) {
  for (const auto& file : production()) {
    if (std::ranges::none_of(kPure, [&](auto folder) { return file.path.starts_with(folder); })) continue;
    for (const auto& include : file.includes()) {
      EXPECT_EQ(std::ranges::count(kImpure, include), 0) << file.path << " includes " << include;
      EXPECT_FALSE(include.starts_with("common/io/")) << file.path << " includes " << include;
    }
    EXPECT_EQ(file.text.find("_clock::now"), std::string::npos) << file.path << " reads a clock";
  }
}

TEST(Includes, NameEachLibraryInItsOwnFileOnly) {
  for (const auto& file : production()) {
    for (const auto& include : file.includes()) {
      for (const auto& [header, only_in] : kReserved) {
        if (!include.starts_with(header)) continue;
        const bool allowed = std::ranges::any_of(only_in, [&](auto prefix) { return file.path.starts_with(prefix); });
        EXPECT_TRUE(allowed) << file.path << " includes " << include;
      }
    }
  }
}

}  // namespace
}  // namespace sublet::test
