#include "common/wire/chunk_header.hpp"

#include <cmath>

#include <fmt/format.h>

#include "common/wire/header_map.hpp"
#include "common/wire/msgpack_writer.hpp"

namespace sublet::wire {

namespace {

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

std::vector<std::byte> lengths_header(std::span<const std::pair<std::string_view, std::uint64_t>> lengths) {
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
  const auto begin = read_header_map(output, items);
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

}  // namespace sublet::wire
