#include "tests/sim/pipeline.hpp"

#include <array>

#include "common/pipeline/pipeline.hpp"
#include "common/wire/bundle.hpp"
#include "tests/sim/chunks.hpp"

namespace sublet::sim {
namespace {

TestPipeline make(const char* name) {
  Bundle bundle;
  bundle.pipeline.name = name;
  bundle.pipeline.buffers = {{.name = "data", .bytes = "n"}};
  bundle.pipeline.inputs = {"data"};
  bundle.pipeline.outputs = {{.buffer = "data"}};
  bundle.pipeline.lanes = 2;
  const auto bytes = wire::encode_bundle(bundle);
  return {.hash = wire::content_hash(bytes),
          .bundle = Blob::copy_of(bytes),
          .lease = lease_bytes(bundle.pipeline, Chunks::kMaxBytes, module_bytes(bundle)).value()};
}

}  // namespace

const TestPipeline& test_pipeline(std::uint32_t number) {
  static const std::array<TestPipeline, 2> pipelines = {make("a"), make("b")};
  return pipelines.at(number);
}

}  // namespace sublet::sim
