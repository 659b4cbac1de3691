// Random expressions against the same arithmetic done in 128 bits, where nothing can wrap unseen.

#include <algorithm>
#include <array>
#include <optional>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "common/pipeline/expression.hpp"
#include "common/random.hpp"

namespace sublet {
namespace {

// ISO C++ has no name for it; both compilers that build Sublet have it.
__extension__ using Wide = __int128;

struct Written {
  std::string text;
  /// Nothing where any step leaves 64 bits or divides by zero.
  std::optional<Wide> value;
};

class ExpressionWriter {
 public:
  ExpressionWriter(std::uint64_t seed, std::uint64_t n) : random_(seed), n_(n) {}

  Written write(int depth) {
    if (depth == 0 || random_.next() % 5 == 0) return leaf();
    const Written left = write(depth - 1);
    const Written right = write(depth - 1);
    static constexpr std::array<const char*, 8> kOperations = {"+", "-", "*", "/", "%", "min", "max", "ceil_div"};
    const std::string what = kOperations[random_.next() % kOperations.size()];
    const std::string text = what.size() > 1 ? what + "(" + left.text + "," + right.text + ")" : "(" + left.text + what + right.text + ")";
    if (!left.value || !right.value) return {text, std::nullopt};
    return {text, in_range(apply(what, *left.value, *right.value))};
  }

 private:
  Written leaf() {
    const std::uint64_t kind = random_.next() % 4;
    if (kind == 0) return {"n", static_cast<Wide>(n_)};
    if (kind == 1) return {"p", 12};
    // Small numbers meet, large ones overflow.
    const std::uint64_t number = kind == 2 ? random_.next() % 10 : random_.next() >> (random_.next() % 64);
    return {std::to_string(number), static_cast<Wide>(number)};
  }

  static std::optional<Wide> apply(const std::string& what, Wide left, Wide right) {
    if (what == "+") return left + right;
    if (what == "-") return left - right;
    if (what == "*") {
      // 64 bits times 64 bits can pass the 127 that a Wide has.
      if (left != 0 && right > UINT64_MAX / left) return std::nullopt;
      return left * right;
    }
    if (what == "min") return std::min(left, right);
    if (what == "max") return std::max(left, right);
    if (right == 0) return std::nullopt;
    if (what == "/") return left / right;
    if (what == "%") return left % right;
    return (left + right - 1) / right;
  }

  static std::optional<Wide> in_range(std::optional<Wide> value) {
    if (!value || *value < 0 || *value > static_cast<Wide>(UINT64_MAX)) return std::nullopt;
    return value;
  }

  SeededRandom random_;
  std::uint64_t n_;
};

RC_GTEST_PROP(ExpressionProperty, AgreesWithArithmeticIn128Bits, (std::uint64_t seed)) {
  SeededRandom random(seed);
  const std::uint64_t n = random.next() >> (random.next() % 65 == 64 ? 63 : random.next() % 64);
  const std::vector<PipelineParameter> parameters = {{"p", 12}};
  // Many per case: most random trees are small.
  for (int i = 0; i < 200; ++i) {
    const Written written = ExpressionWriter(random.next(), n).write(static_cast<int>(random.next() % 5));
    if (written.text.size() > PipelineLimits::kExpressionLength) continue;
    const auto compiled = CompiledExpression::compile(written.text, parameters);
    const auto value = compiled ? compiled->evaluate(n) : Result<std::uint64_t>(std::unexpected(compiled.error()));
    RC_ASSERT(value.has_value() == written.value.has_value());
    if (value) RC_ASSERT(static_cast<Wide>(*value) == *written.value);
  }
}

RC_GTEST_PROP(ExpressionProperty, AnswersAnyTextWithAValueOrAnError, (const std::string& text, std::uint64_t n)) {
  const std::vector<PipelineParameter> parameters = {{"p", 12}};
  const auto compiled = CompiledExpression::compile(text, parameters);
  if (!compiled) {
    RC_ASSERT(compiled.error().code == ErrorCode::bad_pipeline);
    return;
  }
  const auto value = compiled->evaluate(n);
  // RC_ASSERT evaluates both sides of an || to print them.
  const bool answered = value.has_value() || value.error().code == ErrorCode::bad_pipeline;
  RC_ASSERT(answered);
}

}  // namespace
}  // namespace sublet
