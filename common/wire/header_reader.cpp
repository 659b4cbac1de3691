#include "common/wire/header_reader.hpp"

#include <cmath>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "common/pipeline/nearest.hpp"
#include "common/pipeline/wording.hpp"
#include "common/wire/header_map.hpp"

namespace sublet::wire {

namespace {

std::unexpected<Error> refuse(std::string problem) { return fail(ErrorCode::bad_parameter, std::move(problem)); }

bool is_whole(const Item& item) { return item.kind == ItemKind::integer || item.kind == ItemKind::negative; }

double number_of(const Item& item) {
  if (item.kind == ItemKind::integer) return static_cast<double>(item.value);
  if (item.kind == ItemKind::negative) return static_cast<double>(static_cast<std::int64_t>(item.value));
  return item.kind == ItemKind::real ? item.real() : std::nan("");
}

}  // namespace

HeaderReader::HeaderReader(const Pipeline& pipeline)
    : variables_(variables_of(pipeline)), first_length_(pipeline.parameters.size()), bytes_(pipeline.inputs.size()) {}

std::string_view HeaderReader::name_of(std::size_t variable) const {
  constexpr std::size_t kPrefix = 2;  // n_
  const std::string_view name = variables_[variable].name;
  return variable < first_length_ ? name : name.substr(kPrefix);
}

Result<void> HeaderReader::set(std::string_view name, const Item& value) {
  std::vector<std::string_view> known;
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    const PipelineParameter& variable = variables_[i];
    if (variable.variation == Variation::none) continue;
    known.push_back(name_of(i));
    if (known.back() != name) continue;
    if (said_[i]) return refuse(fmt::format("the chunk says twice what {} is", in_quotes(name)));
    const double number = number_of(value);
    const bool right = (is_whole(value) || variable.variation == Variation::real) && may_be(variable, number);
    if (!right) {
      return refuse(fmt::format("{} is not {} from {} to {}", in_quotes(name),
                                variable.variation == Variation::real ? "a number" : "a whole number", variable.least, variable.most));
    }
    values_[i] = number;
    said_[i] = true;
    return {};
  }
  return refuse(fmt::format("no chunk of this pipeline says what {} is{}", in_quotes(name), name_remedy(name, known)));
}

Result<void> HeaderReader::check_lengths(std::uint64_t data) {
  if (bytes_.size() == 1) {
    bytes_[0] = data;
    return {};
  }
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    const std::size_t variable = first_length_ + i;
    if (!said_[variable]) return refuse(fmt::format("the chunk does not say how many bytes of it are {}", in_quotes(name_of(variable))));
    bytes_[i] = static_cast<std::uint64_t>(values_[variable]);
    sum += bytes_[i];
  }
  if (sum == data) return {};
  return refuse(fmt::format("the inputs have {} bytes together, as the chunk says, and {} follow", sum, data));
}

Result<HeaderReader::Chunk> HeaderReader::read(ByteView payload) {
  const auto begin = read_header_map(payload, items_);
  if (!begin) return std::unexpected(begin.error());
  values_.clear();
  for (const auto& each : variables_) values_.push_back(each.value);
  said_.assign(variables_.size(), false);
  for (std::size_t i = 1; i + 1 < items_.size(); i += 2) {
    if (auto ok = set(text_of(payload, items_[i]), items_[i + 1]); !ok) return std::unexpected(ok.error());
  }
  if (auto ok = check_lengths(payload.size() - *begin); !ok) return std::unexpected(ok.error());
  return Chunk{.variables = values_, .bytes = bytes_, .begin = *begin};
}

}  // namespace sublet::wire
