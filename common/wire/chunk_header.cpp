#include "common/wire/chunk_header.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "common/pipeline/nearest.hpp"
#include "common/pipeline/wording.hpp"
#include "common/wire/header_reader.hpp"
#include "common/wire/msgpack_writer.hpp"

namespace sublet::wire {

namespace {

constexpr Limits kLimits{.max_depth = 1, .max_objects = 1 + 2 * PipelineLimits::kVariables, .max_list = PipelineLimits::kVariables};

std::unexpected<Error> refuse(std::string problem) { return fail(ErrorCode::bad_parameter, std::move(problem)); }

/// A map from texts at the start of some bytes: its items, and where it ends.
Result<std::size_t> read_map(ByteView bytes, std::vector<Item>& items) {
  const auto end = read_first_item(bytes, kLimits, items);
  if (!end)
    return refuse(fmt::format("the chunk does not begin with a header, a MessagePack map of names and numbers: {}", end.error().detail));
  bool right = items[0].kind == ItemKind::map;
  for (std::size_t i = 1; i < items.size(); i += 2) right = right && items[i].kind == ItemKind::text;
  if (right) return end;
  return refuse("the chunk begins with something else than a map of names and numbers; put a header before its data");
}

std::string_view text_of(ByteView bytes, const Item& item) { return as_text(bytes).substr(item.value, item.size); }

bool is_whole(const Item& item) { return item.kind == ItemKind::integer || item.kind == ItemKind::negative; }

double number_of(const Item& item) {
  if (item.kind == ItemKind::integer) return static_cast<double>(item.value);
  if (item.kind == ItemKind::negative) return static_cast<double>(static_cast<std::int64_t>(item.value));
  return item.kind == ItemKind::real ? item.real() : std::nan("");
}

/// Whether a double tells it from its neighbours.
bool is_exact(double value) { return std::floor(value) == value && std::abs(value) < 0x1.0p53; }

}  // namespace

std::vector<std::byte> make_chunk(std::span<const NamedNumber> parameters, std::span<const NamedData> inputs) {
  std::vector<std::byte> chunk;
  MsgpackWriter writer(chunk);
  const auto named = inputs.size() > 1 ? inputs : std::span<const NamedData>();
  writer.map(parameters.size() + named.size());
  for (const auto& [name, value] : parameters) {
    writer.text(name);
    if (is_exact(value)) writer.signed_integer(static_cast<std::int64_t>(value));
    if (!is_exact(value)) writer.real(value);
  }
  for (const auto& [name, data] : named) {
    writer.text(name);
    writer.integer(data.size());
  }
  for (const auto& [name, data] : inputs) chunk.insert(chunk.end(), data.begin(), data.end());
  return chunk;
}

std::vector<std::byte> output_header(std::span<const std::pair<std::string_view, std::uint64_t>> lengths) {
  std::vector<std::byte> header;
  MsgpackWriter writer(header);
  writer.map(lengths.size());
  for (const auto& [name, bytes] : lengths) {
    writer.text(name);
    writer.integer(bytes);
  }
  return header;
}

Result<std::vector<NamedData>> split_outputs(ByteView output) {
  std::vector<Item> items;
  const auto begin = read_map(output, items);
  if (!begin) return fail(ErrorCode::bad_message, "the output does not begin with the lengths of several");
  std::vector<NamedData> outputs;
  ByteView left = output.subspan(*begin);
  for (std::size_t i = 1; i + 1 < items.size(); i += 2) {
    const Item& length = items[i + 1];
    if (length.kind != ItemKind::integer || length.value > left.size()) {
      return fail(ErrorCode::bad_message, "the lengths of the outputs are not those of the bytes behind them");
    }
    outputs.emplace_back(text_of(output, items[i]), left.first(length.value));
    left = left.subspan(length.value);
  }
  if (left.empty()) return outputs;
  return fail(ErrorCode::bad_message, fmt::format("there are {} bytes behind the last output", left.size()));
}

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
  const auto begin = read_map(payload, items_);
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
