#include "common/wire/msgpack_reader.hpp"

#include <fmt/format.h>
#include <msgpack/null_visitor.hpp>
#include <msgpack/unpack.hpp>

namespace sublet::wire {
namespace {

/// Called by msgpack for each value, in order; answers false to stop at the first thing that may not be.
class ItemCollector : public msgpack::null_visitor {
 public:
  ItemCollector(ByteView body, const Limits& limits, std::vector<Item>& items) : body_(body), limits_(limits), items_(items) {}

  bool visit_nil() { return add({.kind = ItemKind::nil}); }
  bool visit_boolean(bool value) { return add({.kind = ItemKind::boolean, .value = value ? 1U : 0U}); }
  bool visit_positive_integer(std::uint64_t value) { return add({.kind = ItemKind::integer, .value = value}); }
  // Also called for a number that was written with a sign and is not negative.
  bool visit_negative_integer(std::int64_t value) {
    return add({.kind = value < 0 ? ItemKind::negative : ItemKind::integer, .value = static_cast<std::uint64_t>(value)});
  }
  bool visit_float32(float value) { return visit_float64(static_cast<double>(value)); }
  bool visit_float64(double value) { return add({.kind = ItemKind::real, .value = std::bit_cast<std::uint64_t>(value)}); }
  bool visit_str(const char* data, std::uint32_t size) { return add({ItemKind::text, size, offset_of(data, size)}); }
  bool visit_bin(const char* data, std::uint32_t size) { return add({ItemKind::binary, size, offset_of(data, size)}); }
  bool visit_ext(const char* /*data*/, std::uint32_t /*size*/) { return add({.kind = ItemKind::extension}); }

  bool start_array(std::uint32_t elements) { return open({.kind = ItemKind::array, .size = elements}, elements); }
  bool end_array() { return close(); }
  bool start_map(std::uint32_t pairs) { return open({.kind = ItemKind::map, .size = pairs}, std::uint64_t{pairs} * 2); }
  bool end_map() { return close(); }

  void parse_error(std::size_t /*parsed*/, std::size_t at) {
    fault_ = Error{.code = ErrorCode::bad_message, .detail = fmt::format("byte {} of the body is no MessagePack", at)};
  }
  void insufficient_bytes(std::size_t /*parsed*/, std::size_t /*at*/) {
    fault_ = Error{.code = ErrorCode::bad_message, .detail = fmt::format("the body ends early, after {} bytes", body_.size())};
  }

  [[nodiscard]] std::optional<Error>& fault() { return fault_; }

 private:
  bool stop(ErrorCode code, std::string detail) {
    fault_ = Error{.code = code, .detail = std::move(detail)};
    return false;
  }

  bool add(Item item) {
    if (items_.size() >= limits_.max_objects) {
      return stop(ErrorCode::too_many_objects, fmt::format("more than {} values; send less at a time", limits_.max_objects));
    }
    items_.push_back(item);
    return true;
  }

  /// @param values  what the header says is inside: at least a byte each
  bool open(Item item, std::uint64_t values) {
    if (values > body_.size()) {
      return stop(ErrorCode::bad_message, fmt::format("{} values are announced in a body of {} bytes", values, body_.size()));
    }
    if (item.size > limits_.max_list) {
      return stop(ErrorCode::too_many_objects, fmt::format("a list of {}; at most {} may stand in one", item.size, limits_.max_list));
    }
    if (++depth_ > limits_.max_depth) {
      return stop(ErrorCode::too_deep, fmt::format("nested deeper than {}", limits_.max_depth));
    }
    return add(item);
  }

  bool close() {
    --depth_;
    return true;
  }

  // msgpack hands out no address for an empty text.
  [[nodiscard]] std::uint64_t offset_of(const char* data, std::uint32_t size) const {
    return size == 0 ? 0 : static_cast<std::uint64_t>(data - reinterpret_cast<const char*>(body_.data()));
  }

  ByteView body_;
  const Limits& limits_;
  std::vector<Item>& items_;
  std::uint32_t depth_ = 0;
  std::optional<Error> fault_;
};

}  // namespace

Result<std::size_t> read_first_item(ByteView body, const Limits& limits, std::vector<Item>& items) {
  items.clear();
  if (body.empty()) return fail(ErrorCode::bad_message, "the body is empty; a message without fields is 0x80");
  ItemCollector collector(body, limits, items);
  std::size_t offset = 0;
  msgpack::parse(reinterpret_cast<const char*>(body.data()), body.size(), offset, collector);
  if (collector.fault()) return std::unexpected(*std::move(collector.fault()));
  return offset;
}

std::optional<Error> read_items(ByteView body, const Limits& limits, std::vector<Item>& items) {
  const auto end = read_first_item(body, limits, items);
  if (!end) return end.error();
  if (*end != body.size()) {
    return Error{.code = ErrorCode::bad_message, .detail = fmt::format("{} bytes too many after the body", body.size() - *end)};
  }
  return std::nullopt;
}

}  // namespace sublet::wire
