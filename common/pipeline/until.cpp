#include "common/pipeline/until.hpp"

#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "common/pipeline/wording.hpp"

namespace sublet {

namespace {

template <class Number>
bool compare_as(ByteView value, Comparison comparison, std::uint64_t limit) {
  Number left = 0;
  Number right = 0;
  std::memcpy(&left, value.data(), sizeof(Number));
  std::memcpy(&right, &limit, sizeof(Number));
  return compare(left, comparison, right);
}

}  // namespace

Result<CompiledUntil> CompiledUntil::compile(std::string_view text, const Scope& scope) {
  const auto sides = split_comparison(text);
  auto left = sides ? parse_argument(sides->left) : Result<PipelineArgument>();
  if (!sides || (left && left->type == ArgumentType::buffer)) {
    return fail(ErrorCode::bad_pipeline,
                fmt::format("{} is no condition; write a type, a buffer, one of == != < <= > >= and a number, such as f32 residual < 1e-6",
                            in_quotes(text)));
  }
  if (!left) return std::unexpected(left.error());
  const auto buffer = scope.written_buffer(left->value);
  if (!buffer) return std::unexpected(buffer.error());
  auto limit = CompiledArgument::compile({.type = left->type, .value = std::string(sides->right)}, scope);
  if (!limit) return std::unexpected(limit.error());
  CompiledUntil result;
  result.type_ = left->type;
  result.buffer_ = *buffer;
  result.comparison_ = sides->comparison;
  result.limit_ = *std::move(limit);
  return result;
}

bool CompiledUntil::holds(ByteView value, std::uint64_t limit) const {
  switch (type_) {
    case ArgumentType::u8:
      return compare_as<std::uint8_t>(value, comparison_, limit);
    case ArgumentType::s8:
      return compare_as<std::int8_t>(value, comparison_, limit);
    case ArgumentType::u16:
      return compare_as<std::uint16_t>(value, comparison_, limit);
    case ArgumentType::s16:
      return compare_as<std::int16_t>(value, comparison_, limit);
    case ArgumentType::u32:
      return compare_as<std::uint32_t>(value, comparison_, limit);
    case ArgumentType::s32:
      return compare_as<std::int32_t>(value, comparison_, limit);
    case ArgumentType::s64:
      return compare_as<std::int64_t>(value, comparison_, limit);
    case ArgumentType::f32:
      return compare_as<float>(value, comparison_, limit);
    case ArgumentType::f64:
      return compare_as<double>(value, comparison_, limit);
    case ArgumentType::buffer:
    case ArgumentType::u64:
      break;
  }
  return compare_as<std::uint64_t>(value, comparison_, limit);
}

}  // namespace sublet
