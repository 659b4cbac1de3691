#include "common/pipeline/expression.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "common/pipeline/nearest.hpp"
#include "common/pipeline/wording.hpp"

namespace sublet {

namespace {

constexpr std::size_t kNesting = 32;
/// Above this a double no longer tells neighbouring whole numbers apart.
constexpr double kLargestWhole = 0x1.0p53;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

/// Reads by recursive descent and writes postfix steps, folding constants as it goes.
class ExpressionParser {
 public:
  ExpressionParser(std::string_view text, std::span<const PipelineParameter> parameters) : text_(text), parameters_(parameters) {}

  Result<CompiledExpression> run() {
    if (auto read = sum(0); !read) return std::unexpected(read.error());
    skip_blanks();
    if (at_ < text_.size()) return refuse(fmt::format("has {} after its end", in_quotes(text_.substr(at_))));
    CompiledExpression result;
    result.text_ = text_;
    result.steps_ = std::move(steps_);
    return result;
  }

  using Operation = CompiledExpression::Operation;

  /// What is wrong with an operation on these two values, or its result.
  static std::expected<std::uint64_t, std::string_view> apply(Operation what, std::uint64_t left, std::uint64_t right);

 private:
  std::unexpected<Error> refuse(std::string_view problem) const {
    return fail(ErrorCode::bad_pipeline, fmt::format("expression {} {}", in_quotes(text_), problem));
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  bool take(char wanted) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  std::optional<Operation> take_one_of(std::string_view letters, std::span<const Operation> operations) {
    for (std::size_t i = 0; i < letters.size(); ++i) {
      if (take(letters[i])) return operations[i];
    }
    return std::nullopt;
  }

  Result<void> sum(std::size_t nesting) {
    static constexpr std::array kOperations = {Operation::add, Operation::subtract};
    if (auto left = product(nesting); !left) return left;
    while (const auto what = take_one_of("+-", kOperations)) {
      if (auto right = product(nesting); !right) return right;
      if (auto put = emit(*what); !put) return put;
    }
    return {};
  }

  Result<void> product(std::size_t nesting) {
    static constexpr std::array kOperations = {Operation::multiply, Operation::divide, Operation::remainder};
    if (auto left = factor(nesting); !left) return left;
    while (const auto what = take_one_of("*/%", kOperations)) {
      if (auto right = factor(nesting); !right) return right;
      if (auto put = emit(*what); !put) return put;
    }
    return {};
  }

  Result<void> factor(std::size_t nesting) {
    if (nesting > kNesting) return refuse(fmt::format("is nested more than {} deep; split it into parameters", kNesting));
    skip_blanks();
    if (at_ >= text_.size())
      return refuse(text_.empty() ? "is empty; write a number or n" : "ends too soon; a number or a name is missing");
    if (is_digit(text_[at_])) return number();
    if (starts_name(text_[at_])) return name(nesting);
    if (!take('(')) return refuse(fmt::format("has {} where a number, a name or ( should stand", in_quotes(text_.substr(at_, 1))));
    if (auto inner = sum(nesting + 1); !inner) return inner;
    if (!take(')')) return refuse("has a ( without its )");
    return {};
  }

  Result<void> number() {
    std::uint64_t value = 0;
    const auto [end, problem] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (problem != std::errc{}) return refuse("has a number larger than 2^64 - 1");
    at_ = static_cast<std::size_t>(end - text_.data());
    if (at_ < text_.size() && (starts_name(text_[at_]) || text_[at_] == '.')) {
      return refuse("has something other than a whole decimal number; write 1024, not 1k, 0x400 or 1024.0");
    }
    steps_.push_back({.what = Operation::constant, .value = value});
    return {};
  }

  Result<void> name(std::size_t nesting) {
    const std::size_t start = at_;
    while (at_ < text_.size() && (starts_name(text_[at_]) || is_digit(text_[at_]))) ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    if (word == "n") {
      steps_.push_back({.what = Operation::n});
      return {};
    }
    if (word == "min") return call(Operation::minimum, word, nesting);
    if (word == "max") return call(Operation::maximum, word, nesting);
    if (word == "ceil_div") return call(Operation::ceil_divide, word, nesting);
    return parameter(word);
  }

  Result<void> parameter(std::string_view word) {
    const auto found = std::ranges::find(parameters_, word, &PipelineParameter::name);
    if (found == parameters_.end()) {
      std::vector<std::string_view> known = {"n", "min", "max", "ceil_div"};
      for (const auto& each : parameters_) known.push_back(each.name);
      return refuse(fmt::format("uses the unknown name {}{}", in_quotes(word), name_remedy(word, known)));
    }
    if (found->variation == Variation::real || found->least < 0) {
      return refuse(fmt::format(
          "uses {}, of which chunks may say what is not a whole number from 0 on; give it such a range under per_chunk", in_quotes(word)));
    }
    if (!(found->value >= 0 && found->value <= kLargestWhole && std::floor(found->value) == found->value)) {
      return refuse(fmt::format("uses the parameter {} = {}, which is not a whole number from 0 to 2^53", in_quotes(word), found->value));
    }
    steps_.push_back({.what = found->variation == Variation::none ? Operation::constant : Operation::variable,
                      .value = static_cast<std::uint64_t>(found->value),
                      .variable = static_cast<std::uint32_t>(found - parameters_.begin())});
    return {};
  }

  Result<void> call(Operation what, std::string_view word, std::size_t nesting) {
    const auto misused = [&] {
      return refuse(fmt::format(
          "uses {0} without two arguments; write {0}(a, b), with quotes around it inside [ ] or {{ }}, where YAML reads the comma", word));
    };
    if (!take('(')) return misused();
    if (auto left = sum(nesting + 1); !left) return left;
    if (!take(',')) return misused();
    if (auto right = sum(nesting + 1); !right) return right;
    if (!take(')')) return misused();
    return emit(what);
  }

  Result<void> emit(Operation what) {
    // In postfix a constant in last place is the whole right operand, and one before it the whole left operand.
    const auto right = steps_.end() - 1;
    const auto left = steps_.end() - 2;
    const bool right_is_constant = right->what == Operation::constant;
    const bool both_are_constant = right_is_constant && left->what == Operation::constant;
    const bool divides = what == Operation::divide || what == Operation::remainder || what == Operation::ceil_divide;
    if (!both_are_constant && !(divides && right_is_constant && right->value == 0)) {
      steps_.push_back({.what = what});
      return {};
    }
    const auto value = apply(what, both_are_constant ? left->value : 0, right->value);
    if (!value) return refuse(value.error());
    left->value = *value;
    steps_.pop_back();
    return {};
  }

  std::string_view text_;
  std::span<const PipelineParameter> parameters_;
  std::size_t at_ = 0;
  std::vector<CompiledExpression::Step> steps_;
};

std::expected<std::uint64_t, std::string_view> ExpressionParser::apply(Operation what, std::uint64_t left, std::uint64_t right) {
  constexpr std::string_view kOverflow = "overflows 64 bits; use smaller numbers";
  constexpr std::string_view kBelowZero = "goes below zero; write max(a, b) - b where a - b can";
  constexpr std::string_view kByZero = "divides by zero; write max(1, …) where a divisor can be 0";
  std::uint64_t value = 0;
  switch (what) {
    case Operation::add:
      if (__builtin_add_overflow(left, right, &value)) return std::unexpected(kOverflow);
      return value;
    case Operation::subtract:
      if (__builtin_sub_overflow(left, right, &value)) return std::unexpected(kBelowZero);
      return value;
    case Operation::multiply:
      if (__builtin_mul_overflow(left, right, &value)) return std::unexpected(kOverflow);
      return value;
    case Operation::divide:
      if (right == 0) return std::unexpected(kByZero);
      return left / right;
    case Operation::remainder:
      if (right == 0) return std::unexpected(kByZero);
      return left % right;
    case Operation::ceil_divide:
      if (right == 0) return std::unexpected(kByZero);
      return left / right + (left % right == 0 ? 0 : 1);
    case Operation::minimum:
      return std::min(left, right);
    case Operation::maximum:
      return std::max(left, right);
    case Operation::constant:
    case Operation::n:
    case Operation::variable:
      break;
  }
  return std::unexpected("holds a step that is no operation");
}

Result<CompiledExpression> CompiledExpression::compile(std::string_view text, std::span<const PipelineParameter> variables) {
  if (text.size() > PipelineLimits::kExpressionLength) {
    return fail(ErrorCode::bad_pipeline, fmt::format("expression {} has {} characters; at most {} are read", in_quotes(text), text.size(),
                                                     PipelineLimits::kExpressionLength));
  }
  return ExpressionParser(text, variables).run();
}

Result<std::uint64_t> CompiledExpression::evaluate(const ChunkValues& chunk) const {
  if (steps_.empty()) return 0;
  // Each nesting level keeps at most three values waiting: a sum's left side, a product's left side, a call's first argument.
  static_assert(kStackDepth >= 3 * (kNesting + 2));
  std::array<std::uint64_t, kStackDepth> stack;
  std::size_t top = 0;
  for (const Step& step : steps_) {
    if (step.what == Operation::n) {
      stack[top++] = chunk.n;
      continue;
    }
    if (step.what == Operation::constant || step.what == Operation::variable) {
      const bool said = step.what == Operation::variable && !chunk.variables.empty();
      stack[top++] = said ? static_cast<std::uint64_t>(chunk.variables[step.variable]) : step.value;
      continue;
    }
    const auto value = ExpressionParser::apply(step.what, stack[top - 2], stack[top - 1]);
    if (!value) return fail(ErrorCode::bad_pipeline, fmt::format("expression {} {} (n = {})", in_quotes(text_), value.error(), chunk.n));
    --top;
    stack[top - 1] = *value;
  }
  return stack[0];
}

}  // namespace sublet
