#include "common/pipeline/argument.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/pipeline/nearest.hpp"
#include "common/pipeline/wording.hpp"

namespace sublet {

namespace {

struct TypeInfo {
  std::string_view name;
  std::uint32_t size;
  bool is_signed;
};

/// By the number of the `ArgumentType`.
constexpr std::array<TypeInfo, 11> kTypes = {{{"buffer", 8, false},
                                              {"u8", 1, false},
                                              {"i8", 1, true},
                                              {"u16", 2, false},
                                              {"i16", 2, true},
                                              {"u32", 4, false},
                                              {"i32", 4, true},
                                              {"u64", 8, false},
                                              {"i64", 8, true},
                                              {"f32", 4, false},
                                              {"f64", 8, false}}};

const TypeInfo& info(ArgumentType type) { return kTypes[std::min<std::size_t>(std::to_underlying(type), kTypes.size() - 1)]; }

bool is_float(ArgumentType type) { return type == ArgumentType::f32 || type == ArgumentType::f64; }

std::unexpected<Error> does_not_fit(ArgumentType type, std::string_view value) {
  return fail(ErrorCode::bad_pipeline, fmt::format("{} cannot hold {}; use a wider type", argument_type_name(type), value));
}

Result<std::uint64_t> bits_of(ArgumentType type, std::uint64_t value) {
  const unsigned value_bits = info(type).size * 8 - (info(type).is_signed ? 1 : 0);
  if (value_bits < 64 && value >> value_bits != 0) return does_not_fit(type, std::to_string(value));
  return value;
}

Result<std::uint64_t> bits_of_negative(ArgumentType type, std::int64_t value) {
  const auto smallest = std::numeric_limits<std::int64_t>::min() >> (64 - info(type).size * 8);
  if (value < smallest) return does_not_fit(type, std::to_string(value));
  return static_cast<std::uint64_t>(value);
}

Result<std::uint64_t> bits_of_float(ArgumentType type, double value) {
  if (type == ArgumentType::f64) return std::bit_cast<std::uint64_t>(value);
  if (std::abs(value) > std::numeric_limits<float>::max()) return does_not_fit(type, fmt::format("{}", value));
  return std::bit_cast<std::uint32_t>(static_cast<float>(value));
}

/// A whole number where the type is one.
Result<std::uint64_t> bits_of_parameter(ArgumentType type, double value) {
  if (is_float(type)) return bits_of_float(type, value);
  if (value < 0) return bits_of_negative(type, static_cast<std::int64_t>(value));
  return bits_of(type, static_cast<std::uint64_t>(value));
}

/// Whether the type holds whatever a chunk may say that the parameter is.
Result<void> check_range(ArgumentType type, const PipelineParameter& parameter) {
  if (!is_float(type) && parameter.variation == Variation::real) {
    return fail(ErrorCode::bad_pipeline,
                fmt::format("{} may be no whole number, which {} takes; give it a range of whole numbers, or use f32",
                            in_quotes(parameter.name), argument_type_name(type)));
  }
  for (const double value : {parameter.least, parameter.most}) {
    if (!is_float(type) && value < 0 && !info(type).is_signed) return does_not_fit(type, fmt::format("{}", value));
    if (auto bits = bits_of_parameter(type, value); !bits) return std::unexpected(bits.error());
  }
  return {};
}

template <class Number>
std::optional<Number> whole_text_as(std::string_view text) {
  Number value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parameter_value(std::string_view name, const Pipeline& pipeline) {
  const auto found = std::ranges::find(pipeline.parameters, name, &PipelineParameter::name);
  if (found == pipeline.parameters.end()) return std::nullopt;
  return found->value;
}

Result<std::uint64_t> float_bits(ArgumentType type, std::string_view text, const Pipeline& pipeline) {
  auto value = whole_text_as<double>(text);
  if (!value) value = parameter_value(text, pipeline);
  if (!value) {
    std::vector<std::string_view> known;
    for (const auto& each : pipeline.parameters) known.push_back(each.name);
    return fail(ErrorCode::bad_pipeline,
                fmt::format("{} is neither a number nor a parameter, which is what {} takes{}", in_quotes(text), argument_type_name(type),
                            known.empty() ? "; write a number such as 0.1, or declare it under parameters" : name_remedy(text, known)));
  }
  if (!std::isfinite(*value))
    return fail(ErrorCode::bad_pipeline, fmt::format("{} is not a finite number; write one such as 0.1", in_quotes(text)));
  return bits_of_float(type, *value);
}

/// The number that an expression cannot be: one below zero, written out or named.
std::optional<std::int64_t> negative_value(std::string_view text, const Pipeline& pipeline) {
  if (text.starts_with('-')) return whole_text_as<std::int64_t>(text);
  const auto value = parameter_value(text, pipeline);
  if (!value || *value >= 0 || *value < -0x1.0p53 || std::floor(*value) != *value) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

}  // namespace

std::string_view argument_type_name(ArgumentType type) { return info(type).name; }

std::uint32_t argument_size(ArgumentType type) { return info(type).size; }

std::optional<ArgumentType> parse_argument_type(std::string_view name) {
  const auto found = std::ranges::find(kTypes, name, &TypeInfo::name);
  if (found == kTypes.end() || found == kTypes.begin()) return std::nullopt;
  return static_cast<ArgumentType>(found - kTypes.begin());
}

Result<PipelineArgument> parse_argument(std::string_view text) {
  text = trimmed(text);
  if (text.empty())
    return fail(ErrorCode::bad_pipeline, "an argument is empty; write a buffer's name, or a type and a value such as i32 n");
  const auto blank = text.find_first_of(" \t");
  const std::string_view first = text.substr(0, blank);
  const auto type = parse_argument_type(first);
  if (blank == std::string_view::npos) {
    if (type)
      return fail(ErrorCode::bad_pipeline,
                  fmt::format("argument {0} has no value; write {1} and a value, such as {1} 1", in_quotes(text), first));
    return PipelineArgument{.type = ArgumentType::buffer, .value = std::string(text)};
  }
  if (!type) {
    std::vector<std::string_view> known;
    for (const auto& each : std::span(kTypes).subspan(1)) known.push_back(each.name);
    return fail(ErrorCode::bad_pipeline, fmt::format("argument {} starts with {}, which is not a type{}", in_quotes(text), in_quotes(first),
                                                     name_remedy(first, known)));
  }
  return PipelineArgument{.type = *type, .value = std::string(trimmed(text.substr(blank)))};
}

std::string to_text(const PipelineArgument& argument) {
  if (argument.type == ArgumentType::buffer) return argument.value;
  return fmt::format("{} {}", argument_type_name(argument.type), argument.value);
}

Result<CompiledArgument> CompiledArgument::compile(const PipelineArgument& argument, const Scope& scope) {
  const Pipeline& pipeline = scope.pipeline();
  CompiledArgument result;
  result.type_ = argument.type;
  if (argument.type == ArgumentType::buffer) {
    const auto memory = scope.memory(argument.value);
    if (!memory) return std::unexpected(memory.error());
    result.buffer_ = *memory;
    return result;
  }
  const std::string_view text = trimmed(argument.value);
  const auto keep = [&](Result<std::uint64_t> bits) -> Result<CompiledArgument> {
    if (!bits) return std::unexpected(bits.error());
    result.constant_bits_ = *bits;
    return std::move(result);
  };
  const auto parameter = std::ranges::find(pipeline.parameters, text, &PipelineParameter::name);
  if (parameter != pipeline.parameters.end() && parameter->variation != Variation::none) {
    if (auto ok = check_range(argument.type, *parameter); !ok) return std::unexpected(ok.error());
    result.variable_ = static_cast<std::uint32_t>(parameter - pipeline.parameters.begin());
    result.otherwise_ = parameter->value;
    return result;
  }
  if (is_float(argument.type)) return keep(float_bits(argument.type, text, pipeline));
  if (const auto negative = negative_value(text, pipeline); negative && info(argument.type).is_signed) {
    return keep(bits_of_negative(argument.type, *negative));
  }
  auto expression = CompiledExpression::compile(text, scope.variables());
  if (!expression) return std::unexpected(expression.error());
  if (expression->is_constant()) return keep(bits_of(argument.type, expression->evaluate(0).value_or(0)));
  result.expression_ = *std::move(expression);
  return result;
}

Result<std::uint64_t> CompiledArgument::bits(const ChunkValues& chunk) const {
  if (constant_bits_) return *constant_bits_;
  if (variable_) return bits_of_parameter(type_, chunk.variables.empty() ? otherwise_ : chunk.variables[*variable_]);
  const auto value = expression_.evaluate(chunk);
  if (!value) return value;
  auto result = bits_of(type_, *value);
  if (!result) return fail_in(fmt::format("expression {} at n = {}", in_quotes(expression_.text()), chunk.n), result.error());
  return result;
}

}  // namespace sublet
