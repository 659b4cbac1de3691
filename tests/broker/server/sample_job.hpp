#pragma once

#include <string>

#include "common/bytes.hpp"
#include "common/job.hpp"
#include "common/pipeline/pipeline.hpp"
#include "common/wire/bundle.hpp"
#include "common/wire/messages.hpp"

namespace sublet::broker::test {

/// A pipeline of one stage whose output is as long as its input. Nobody here runs it.
inline Bundle sample_bundle() {
  Bundle bundle;
  bundle.pipeline.name = "copy";
  bundle.pipeline.modules = {{.name = "copy", .file = ""}};
  bundle.pipeline.buffers = {{.name = "in", .bytes = "n"}, {.name = "out", .bytes = "n"}};
  bundle.pipeline.stages = {{.kernel = "copy",
                             .module = "",
                             .over = "n",
                             .grid = {},
                             .args = {{.type = ArgumentType::buffer, .value = "in"}, {.type = ArgumentType::buffer, .value = "out"}}}};
  bundle.pipeline.inputs = {"in"};
  bundle.pipeline.outputs = {{.buffer = "out"}};
  const ByteView image = as_view("// PTX");
  bundle.modules = {{.name = "copy", .image = {image.begin(), image.end()}}};
  return bundle;
}

inline std::string sample_bundle_bytes() {
  const auto bytes = wire::encode_bundle(sample_bundle());
  return std::string(as_text(bytes));
}

inline wire::Open sample_open() {
  wire::Open open;
  const std::string bytes = sample_bundle_bytes();
  open.spec.name = "by hand";
  open.spec.pipeline = wire::content_hash(as_view(bytes));
  open.spec.max_chunk_bytes = 1'024;
  return open;
}

inline wire::Offer sample_offer() {
  return {.seen = 0,
          .cards = {{.index = 0, .kind = "cpu", .name = "test", .total_bytes = 1U << 30U, .free_bytes = 1U << 30U, .free_sessions = 1}}};
}

}  // namespace sublet::broker::test
