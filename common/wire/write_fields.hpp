#pragma once

// Writes any struct that has a field table: a map of its fields' names, in the table's order.

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "common/wire/codec.hpp"
#include "common/wire/fields.hpp"
#include "common/wire/msgpack_writer.hpp"
#include "common/wire/opaque.hpp"
#include "common/wire/text.hpp"

namespace sublet::wire {

static_assert(std::endian::native == std::endian::little, "U32List and CodeList are copied as they lie in memory");

class FieldWriter {
 public:
  explicit FieldWriter(std::vector<std::byte>& out) : out_(out) {}

  template <class Struct>
  void write_struct(const Struct& value) {
    constexpr auto& kFields = FieldTable<Struct>::kFields;
    out_.map(std::tuple_size_v<std::remove_cvref_t<decltype(kFields)>>);
    std::apply([&](const auto&... fields) { (write_field(value, fields), ...); }, kFields);
  }

 private:
  template <class Struct, class Field>
  void write_field(const Struct& value, const Field& field) {
    out_.text(field.name);
    write(value.*field.member, rule_of(field.name));
  }

  void write(bool value, TextRule /*rule*/) { out_.boolean(value); }
  void write(double value, TextRule /*rule*/) { out_.real(value); }
  void write(Millis value, TextRule /*rule*/) { out_.integer(static_cast<std::uint64_t>(value.count())); }
  // As the bits of its two's complement, so that one item kind is enough.
  void write(std::int64_t value, TextRule /*rule*/) { out_.integer(std::bit_cast<std::uint64_t>(value)); }
  void write(const Token& value, TextRule /*rule*/) {
    const std::array words = {value.high, value.low};
    out_.binary(to_bytes<2>(words));
  }
  void write(const ContentHash& value, TextRule /*rule*/) { out_.binary(to_bytes<4>(value.words)); }
  void write(const U32List& value, TextRule /*rule*/) { out_.binary(std::as_bytes(std::span(value.values))); }
  void write(const CodeList& value, TextRule /*rule*/) { out_.binary(std::as_bytes(std::span(value.values))); }
  void write(const std::vector<std::byte>& value, TextRule /*rule*/) { out_.binary(value); }
  void write(const ChunkRange& value, TextRule /*rule*/) {
    out_.array(2);
    out_.integer(value.first);
    out_.integer(value.count);
  }

  void write(const std::string& value, TextRule rule) {
    // The common text is short and clean; only another one is worth a copy.
    if (rule == TextRule::prose && text_fault(rule, value, max_prose_)) return out_.text(to_prose(value, max_prose_));
    out_.text(value);
  }

  void write(const std::vector<ChunkDetail>& values, TextRule rule) {
    write_list(std::span(values).first(std::min(values.size(), kMaxDetails)), rule);
  }

  template <std::unsigned_integral Number>
  void write(Number value, TextRule /*rule*/) {
    out_.integer(value);
  }

  template <class Enum>
    requires std::is_enum_v<Enum>
  void write(Enum value, TextRule /*rule*/) {
    out_.integer(static_cast<std::uint64_t>(value));
  }

  template <class Tag>
  void write(Id<Tag> value, TextRule /*rule*/) {
    out_.integer(value.value);
  }

  template <class Element>
  void write(const std::vector<Element>& values, TextRule rule) {
    write_list(std::span<const Element>(values), rule);
  }

  template <class Element, std::size_t kSize>
  void write(const std::array<Element, kSize>& values, TextRule rule) {
    write_list(std::span<const Element>(values), rule);
  }

  template <class Element>
  void write_list(std::span<const Element> values, TextRule rule) {
    const auto outer = max_prose_;
    if (!values.empty()) max_prose_ = std::min(max_prose_, kListedProseBytes / values.size());
    out_.array(values.size());
    for (const auto& value : values) write(value, rule);
    max_prose_ = outer;
  }

  template <class Struct>
    requires requires { FieldTable<Struct>::kFields; }
  void write(const Struct& value, TextRule /*rule*/) {
    write_struct(value);
  }

  MsgpackWriter out_;
  /// What one free text may have here: less inside a list.
  std::size_t max_prose_ = Limits{}.max_text;
};

}  // namespace sublet::wire
