#include "common/pipeline/requirement.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "common/pipeline/wording.hpp"

namespace sublet {

namespace {

std::unexpected<Error> wrong(std::string problem) { return fail(ErrorCode::bad_pipeline, std::move(problem)); }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

std::span<const CompiledRequirement::Operator> CompiledRequirement::operators() {
  // The longer ones first: "<=" begins as "<" does.
  static constexpr std::array<Operator, 6> kOperators = {{{"==", Comparison::equal},
                                                          {"!=", Comparison::unequal},
                                                          {"<=", Comparison::at_most},
                                                          {">=", Comparison::at_least},
                                                          {"<", Comparison::less},
                                                          {">", Comparison::greater}}};
  return kOperators;
}

Result<void> CompiledRequirement::read_condition(std::string_view text, std::span<const PipelineParameter> parameters) {
  const auto at = text.find_first_of("=!<>");
  const auto rest = at == std::string_view::npos ? std::string_view() : text.substr(at);
  const auto found = std::ranges::find_if(operators(), [&](const Operator& each) { return rest.starts_with(each.text); });
  const bool once = found != operators().end() && rest.find_first_of("=!<>", found->text.size()) == std::string_view::npos;
  if (!once) {
    return wrong(
        fmt::format("{} is no comparison; write one of == != < <= > >= between two expressions, such as n % 4 == 0", in_quotes(text)));
  }
  auto left = CompiledExpression::compile(trimmed(text.substr(0, at)), parameters);
  if (!left) return std::unexpected(left.error());
  auto right = CompiledExpression::compile(trimmed(rest.substr(found->text.size())), parameters);
  if (!right) return std::unexpected(right.error());
  left_ = *std::move(left);
  right_ = *std::move(right);
  comparison_ = found->comparison;
  return {};
}

Result<void> CompiledRequirement::read_message(std::string_view text, std::span<const PipelineParameter> parameters) {
  if (trimmed(text).empty()) return wrong("else is missing; say in words what is right");
  if (text.size() > PipelineLimits::kMessageLength || std::ranges::any_of(text, is_control)) {
    return wrong(fmt::format("else should be one line of at most {} bytes", PipelineLimits::kMessageLength));
  }
  for (;;) {
    const auto open = text.find('{');
    Part part{.text = std::string(text.substr(0, open)), .value = {}};
    if (open == std::string_view::npos) {
      parts_.push_back(std::move(part));
      return {};
    }
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) return wrong(fmt::format("else {} has a {{ without its }}", in_quotes(text)));
    auto value = CompiledExpression::compile(trimmed(text.substr(open + 1, close - open - 1)), parameters);
    if (!value) return fail_in("else", value.error());
    part.value = *std::move(value);
    parts_.push_back(std::move(part));
    text.remove_prefix(close + 1);
  }
}

Result<CompiledRequirement> CompiledRequirement::compile(const PipelineRequirement& requirement,
                                                         std::span<const PipelineParameter> parameters) {
  CompiledRequirement result;
  if (auto read = result.read_condition(requirement.that, parameters); !read) return std::unexpected(read.error());
  if (auto read = result.read_message(requirement.otherwise, parameters); !read) return std::unexpected(read.error());
  // Between constants it is about the parameters, and no chunk would ever pass.
  if (!result.left_.is_constant() || !result.right_.is_constant() || *result.holds(0)) return result;
  return wrong(fmt::format("{} ({} does not hold)", result.message(0), in_quotes(requirement.that)));
}

Result<bool> CompiledRequirement::holds(std::uint64_t n) const {
  const auto left = left_.evaluate(n);
  if (!left) return std::unexpected(left.error());
  const auto right = right_.evaluate(n);
  if (!right) return std::unexpected(right.error());
  switch (comparison_) {
    case Comparison::equal:
      return *left == *right;
    case Comparison::unequal:
      return *left != *right;
    case Comparison::less:
      return *left < *right;
    case Comparison::at_most:
      return *left <= *right;
    case Comparison::greater:
      return *left > *right;
    case Comparison::at_least:
      return *left >= *right;
  }
  return false;
}

std::string CompiledRequirement::message(std::uint64_t n) const {
  std::string text;
  for (const Part& part : parts_) {
    text += part.text;
    if (&part == &parts_.back()) break;
    const auto value = part.value.evaluate(n);
    text += value ? std::to_string(*value) : "?";
  }
  return text;
}

}  // namespace sublet
