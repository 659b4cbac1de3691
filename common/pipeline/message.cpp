#include "common/pipeline/message.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/pipeline/wording.hpp"

namespace sublet {

namespace {

std::unexpected<Error> wrong(std::string problem) { return fail(ErrorCode::bad_pipeline, std::move(problem)); }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

Result<CompiledMessage> CompiledMessage::compile(std::string_view text, std::span<const PipelineParameter> parameters) {
  if (trimmed(text).empty()) return wrong("else is missing; say in words what is right");
  if (text.size() > PipelineLimits::kMessageLength || std::ranges::any_of(text, is_control)) {
    return wrong(fmt::format("else should be one line of at most {} bytes", PipelineLimits::kMessageLength));
  }
  CompiledMessage message;
  for (;;) {
    const auto open = text.find('{');
    Part part{.text = std::string(text.substr(0, open)), .value = {}};
    if (open == std::string_view::npos) {
      message.parts_.push_back(std::move(part));
      return message;
    }
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) return wrong(fmt::format("else {} has a {{ without its }}", in_quotes(text)));
    auto value = CompiledExpression::compile(trimmed(text.substr(open + 1, close - open - 1)), parameters);
    if (!value) return fail_in("else", value.error());
    part.value = *std::move(value);
    message.parts_.push_back(std::move(part));
    text.remove_prefix(close + 1);
  }
}

std::string CompiledMessage::at(const ChunkValues& chunk) const {
  std::string text;
  for (const Part& part : parts_) {
    text += part.text;
    if (&part == &parts_.back()) break;
    const auto value = part.value.evaluate(chunk);
    text += value ? std::to_string(*value) : "?";
  }
  return text;
}

}  // namespace sublet
