#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include "common/pipeline/bundle_file.hpp"
#include "tests/e2e/inputs.hpp"
#include "tests/support/source.hpp"

namespace sublet::test {

/// A pipeline of one kernel, in place on its input.
/// @param file  in kernels/
inline Bundle fault_pipeline(const std::string& kernel, const std::string& file = "faults.ptx") {
  std::ifstream stream(source("tests/e2e/kernels/" + file), std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  Bundle bundle;
  auto& pipeline = bundle.pipeline;
  pipeline.name = "faults";
  pipeline.modules = {{.name = "faults"}};
  pipeline.buffers = {{.name = "data", .bytes = "n"}, {.name = "flag", .bytes = "4"}};
  pipeline.inputs = {"data"};
  pipeline.outputs = {{.buffer = "data"}};
  pipeline.lanes = 2;
  pipeline.time_limit_ms = 500;
  PipelineStage stage{.kernel = kernel, .over = "1", .block = {1, 1, 1}};
  stage.args.push_back({.type = ArgumentType::buffer, .value = "data"});
  if (kernel == "endless") stage.args.push_back({.type = ArgumentType::buffer, .value = "flag"});
  stage.args.push_back({.type = ArgumentType::s32, .value = "n"});
  pipeline.stages = {stage};
  const auto bytes = as_view(text);
  bundle.modules = {{.name = "faults", .image = {bytes.begin(), bytes.end()}}};
  return bundle;
}

constexpr int kSlowSteps = 300;

/// A pipeline that takes about a tenth of a millisecond for a few hundred bytes.
inline Bundle slow_pipeline(int steps = kSlowSteps) {
  auto bundle = fault_pipeline("slow");
  auto& stage = bundle.pipeline.stages.front();
  stage.over = "n";
  stage.block = {256, 1, 1};
  stage.args.push_back({.type = ArgumentType::s32, .value = std::to_string(steps)});
  bundle.pipeline.time_limit_ms = 60'000;
  return bundle;
}

inline ByteVector slow_reference(ByteVector bytes, int steps = kSlowSteps) {
  for (auto& byte : bytes) {
    auto state = std::to_integer<std::uint32_t>(byte);
    for (int step = 0; step < steps; ++step) state = state * 1664525U + 1013904223U + (state >> 7U);
    byte = static_cast<std::byte>(state >> 24U);
  }
  return bytes;
}

}  // namespace sublet::test
