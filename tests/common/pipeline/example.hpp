#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "common/pipeline/pipeline.hpp"

namespace sublet::test {

/// The video pipeline as plain values, to be broken in one place by each test.
inline Pipeline video_pipeline() {
  Pipeline pipeline;
  pipeline.name = "video";
  pipeline.modules = {{.name = "video", .file = "video.ptx"}};
  pipeline.parameters = {{.name = "threshold", .value = 0.1}};
  pipeline.buffers = {{"raw", "n"}, {"decoded", "n * 4"}, {"smooth", "n * 4"}, {"encoded", "n"}};
  pipeline.inputs = {"raw"};
  pipeline.outputs = {{.buffer = "encoded"}};
  pipeline.lanes = 2;
  const PipelineArgument n = {ArgumentType::s32, "n"};
  const auto stage = [](std::string kernel, std::vector<PipelineArgument> args) {
    PipelineStage result;
    result.kernel = std::move(kernel);
    result.over = "n";
    result.args = std::move(args);
    return result;
  };
  const auto buffer = [](std::string name) { return PipelineArgument{ArgumentType::buffer, std::move(name)}; };
  pipeline.stages = {stage("decode", {buffer("raw"), buffer("decoded"), n}),
                     stage("denoise", {buffer("decoded"), buffer("smooth"), n, {ArgumentType::f32, "threshold"}}),
                     stage("encode", {buffer("smooth"), buffer("encoded"), n})};
  return pipeline;
}

/// The text with one part replaced.
inline std::string replaced(std::string_view text, std::string_view old_part, std::string_view new_part) {
  std::string result(text);
  const auto at = result.find(old_part);
  if (at == std::string::npos) throw std::invalid_argument("not in the text: " + std::string(old_part));
  return result.replace(at, old_part.size(), new_part);
}

/// The detail of a refusal with `code`; otherwise what happened instead, which no test expects.
template <class T>
std::string refusal(const Result<T>& result, ErrorCode code = ErrorCode::bad_pipeline) {
  if (result) return "(was not refused)";
  return result.error().code == code ? result.error().detail : "(another code) " + to_text(result.error());
}

}  // namespace sublet::test
