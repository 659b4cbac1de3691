#include "common/pipeline/chunk_header.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <msgpack.hpp>

#include "common/pipeline/nearest.hpp"
#include "common/pipeline/wording.hpp"

namespace sublet {

namespace {

using Packer = msgpack::packer<msgpack::sbuffer>;

/// Longer ones are refused before memory is set aside for them.
constexpr std::size_t kMostEntries = PipelineLimits::kVariables;

std::unexpected<Error> refuse(std::string problem) { return fail(ErrorCode::bad_parameter, std::move(problem)); }

void put_text(Packer& packer, std::string_view text) {
  packer.pack_str(static_cast<std::uint32_t>(text.size()));
  packer.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
}

std::vector<std::byte> bytes_of(const msgpack::sbuffer& buffer) {
  const auto bytes = std::as_bytes(std::span(buffer.data(), buffer.size()));
  return {bytes.begin(), bytes.end()};
}

/// The map at the start of some bytes, and where it ends.
struct Map {
  msgpack::object_handle held;
  std::size_t end = 0;

  [[nodiscard]] std::span<const msgpack::object_kv> entries() const { return {held.get().via.map.ptr, held.get().via.map.size}; }
};

Result<Map> read_map(ByteView bytes) {
  Map map;
  try {
    const msgpack::unpack_limit limit(0, kMostEntries, PipelineLimits::kNameLength, 0, 0, 1);
    map.held = msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size(), map.end, nullptr, nullptr, limit);
  } catch (const msgpack::unpack_error&) {
    return refuse(
        "the chunk does not begin with a map of names and numbers; put a header of MessagePack before its data, {} where nothing is set");
  }
  const auto& object = map.held.get();
  const bool right = object.type == msgpack::type::MAP && std::ranges::all_of(map.entries(), [](const msgpack::object_kv& entry) {
                       return entry.key.type == msgpack::type::STR;
                     });
  if (!right) return refuse("the chunk begins with something else than a map from names; put a header before its data");
  return map;
}

std::string_view text_of(const msgpack::object& object) { return {object.via.str.ptr, object.via.str.size}; }

bool is_whole(const msgpack::object& object) {
  return object.type == msgpack::type::POSITIVE_INTEGER || object.type == msgpack::type::NEGATIVE_INTEGER;
}

double number_of(const msgpack::object& object) {
  if (object.type == msgpack::type::POSITIVE_INTEGER) return static_cast<double>(object.via.u64);
  if (object.type == msgpack::type::NEGATIVE_INTEGER) return static_cast<double>(object.via.i64);
  const bool real = object.type == msgpack::type::FLOAT32 || object.type == msgpack::type::FLOAT64;
  return real ? object.via.f64 : std::nan("");
}

bool is_exact(double value) { return std::floor(value) == value && std::abs(value) < 0x1.0p53; }

}  // namespace

std::vector<std::byte> make_chunk(std::span<const NamedNumber> parameters, std::span<const NamedData> inputs) {
  msgpack::sbuffer buffer;
  Packer packer(buffer);
  const bool names_inputs = inputs.size() > 1;
  packer.pack_map(static_cast<std::uint32_t>(parameters.size() + (names_inputs ? inputs.size() : 0)));
  for (const auto& [name, value] : parameters) {
    put_text(packer, name);
    if (is_exact(value)) packer.pack(static_cast<std::int64_t>(value));
    if (!is_exact(value)) packer.pack_double(value);
  }
  for (const auto& [name, data] : inputs) {
    if (!names_inputs) break;
    put_text(packer, name);
    packer.pack_uint64(data.size());
  }
  std::vector<std::byte> chunk = bytes_of(buffer);
  for (const auto& [name, data] : inputs) chunk.insert(chunk.end(), data.begin(), data.end());
  return chunk;
}

std::vector<std::byte> output_header(std::span<const std::pair<std::string_view, std::uint64_t>> lengths) {
  msgpack::sbuffer buffer;
  Packer packer(buffer);
  packer.pack_map(static_cast<std::uint32_t>(lengths.size()));
  for (const auto& [name, bytes] : lengths) {
    put_text(packer, name);
    packer.pack_uint64(bytes);
  }
  return bytes_of(buffer);
}

std::uint64_t output_header_room(const Pipeline& pipeline) {
  std::vector<std::pair<std::string_view, std::uint64_t>> longest;
  for (const auto& output : pipeline.outputs) longest.emplace_back(output.buffer, ~std::uint64_t{0});
  return longest.size() > 1 ? output_header(longest).size() : 0;
}

Result<std::vector<NamedData>> split_outputs(ByteView output) {
  const auto map = read_map(output);
  if (!map) return fail(ErrorCode::bad_message, "the output does not begin with the lengths of several");
  std::vector<NamedData> outputs;
  std::size_t at = map->end;
  for (const auto& entry : map->entries()) {
    const bool fits = entry.val.type == msgpack::type::POSITIVE_INTEGER && entry.val.via.u64 <= output.size() - at;
    if (!fits) return fail(ErrorCode::bad_message, "the lengths of the outputs are not those of the bytes behind them");
    // The text in the map goes with it; the output's own bytes stay.
    const std::string_view name = text_of(entry.key);
    const auto place = as_text(output.first(map->end)).find(name);
    outputs.emplace_back(as_text(output).substr(place, name.size()), output.subspan(at, entry.val.via.u64));
    at += entry.val.via.u64;
  }
  if (at != output.size()) return fail(ErrorCode::bad_message, "there are bytes behind the last output");
  return outputs;
}

HeaderReader::HeaderReader(const Pipeline& pipeline)
    : variables_(variables_of(pipeline)), first_length_(pipeline.parameters.size()), bytes_(pipeline.inputs.size()) {}

Result<void> HeaderReader::set(std::string_view name, double value, bool whole) {
  // An input's length goes by the buffer's name there, and by n_ and that name in expressions.
  const auto is_named = [&](const PipelineParameter& each) {
    const bool length = &each - variables_.data() >= static_cast<std::ptrdiff_t>(first_length_);
    return each.variation != Variation::none && (length ? std::string_view(each.name).substr(2) : std::string_view(each.name)) == name;
  };
  const auto found = std::ranges::find_if(variables_, is_named);
  if (found == variables_.end()) {
    std::vector<std::string_view> known;
    for (const auto& each : variables_) {
      if (each.variation == Variation::none) continue;
      const bool length = &each - variables_.data() >= static_cast<std::ptrdiff_t>(first_length_);
      known.push_back(length ? std::string_view(each.name).substr(2) : std::string_view(each.name));
    }
    return refuse(fmt::format("no chunk of this pipeline says what {} is{}", in_quotes(name), name_remedy(name, known)));
  }
  const auto at = static_cast<std::size_t>(found - variables_.begin());
  if (said_[at]) return refuse(fmt::format("the chunk says twice what {} is", in_quotes(name)));
  const bool right = (whole || found->variation == Variation::real) && value >= found->least && value <= found->most;
  if (!right) {
    return refuse(fmt::format("{} is {}; {} from {} to {} is right", in_quotes(name), value,
                              found->variation == Variation::real ? "a number" : "a whole number", found->least, found->most));
  }
  values_[at] = value;
  said_[at] = true;
  return {};
}

Result<void> HeaderReader::check_lengths(std::uint64_t data) {
  if (bytes_.size() == 1) {
    bytes_[0] = data;
    return {};
  }
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    if (!said_[first_length_ + i]) {
      return refuse(
          fmt::format("the chunk does not say how many bytes of it are {}", in_quotes(variables_[first_length_ + i].name.substr(2))));
    }
    bytes_[i] = static_cast<std::uint64_t>(values_[first_length_ + i]);
    sum += bytes_[i];
  }
  if (sum == data) return {};
  return refuse(fmt::format("the inputs have {} bytes together, as the chunk says, and {} follow", sum, data));
}

Result<HeaderReader::Chunk> HeaderReader::read(ByteView payload) {
  const auto map = read_map(payload);
  if (!map) return std::unexpected(map.error());
  values_.clear();
  for (const auto& each : variables_) values_.push_back(each.value);
  said_.assign(variables_.size(), false);
  for (const auto& entry : map->entries()) {
    if (auto ok = set(text_of(entry.key), number_of(entry.val), is_whole(entry.val)); !ok) return std::unexpected(ok.error());
  }
  if (auto ok = check_lengths(payload.size() - map->end); !ok) return std::unexpected(ok.error());
  return Chunk{.variables = values_, .bytes = bytes_, .begin = map->end};
}

}  // namespace sublet
