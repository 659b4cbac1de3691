#pragma once

#include <cstddef>
#include <vector>

#include "common/pipeline/pipeline.hpp"

namespace sublet {

/// A pipeline that a broker could take; nothing runs it.
inline Bundle bundle() {
  Bundle bundle;
  bundle.pipeline.name = "echo";
  bundle.pipeline.modules = {{.name = "echo", .file = {}}};
  bundle.pipeline.buffers = {{.name = "data", .bytes = "n"}};
  bundle.pipeline.stages = {
      {.kernel = "echo", .module = {}, .over = "n", .grid = {}, .args = {{.type = ArgumentType::buffer, .value = "data"}}}};
  bundle.pipeline.inputs = {"data"};
  bundle.pipeline.outputs = {{.buffer = "data"}};
  bundle.modules = {{.name = "echo", .image = std::vector<std::byte>(16)}};
  return bundle;
}

}  // namespace sublet
