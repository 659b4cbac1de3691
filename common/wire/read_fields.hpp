#pragma once

// Reads any struct that has a field table from a body's items. Fields may come in any order; each must come exactly once, and no other.

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/wire/fields.hpp"
#include "common/wire/item_reader.hpp"
#include "common/wire/opaque.hpp"
#include "common/wire/text.hpp"

namespace sublet::wire {

static_assert(std::endian::native == std::endian::little, "U32List and CodeList are copied as they lie in memory");

/// Every `read` answers whether the value could be read; when not, `error()` says why and where.
class FieldReader : public ItemReader {
 public:
  using ItemReader::ItemReader;

  template <class Struct>
  bool read_struct(Struct& out) {
    using Table = Fields<Struct>;
    std::uint32_t pairs = 0;
    if (!enter_map(pairs)) return false;
    std::uint64_t seen = 0;
    for (std::uint32_t pair = 0; pair < pairs; ++pair) {
      std::string_view key;
      if (!read_key(key)) return false;
      // Written in the table's order, which is the usual case, field number `pair` comes at its place.
      const auto index = find_name(Table::kNames, key, pair);
      if (index == Table::kCount) return fail_unknown(key, Table::kNames);
      if (!mark_seen(seen, index, key)) return false;
      if (!Table::kReaders[index](*this, out)) return fail_inside(Table::kNames[index]);
    }
    return seen == Table::kAll || fail_missing(Table::kNames, seen);
  }

 private:
  /// A struct's field table, turned into what reading looks up: names, and a function for each member.
  template <class Struct>
  struct Fields {
    static constexpr auto& kTable = FieldTable<Struct>::kFields;
    static constexpr std::size_t kCount = std::tuple_size_v<std::remove_cvref_t<decltype(kTable)>>;
    static_assert(kCount < 64, "the fields seen are kept as bits of one word");
    static constexpr std::uint64_t kAll = (std::uint64_t{1} << kCount) - 1;

    using Reader = bool (*)(FieldReader&, Struct&);

    template <std::size_t kIndex>
    static bool read_member(FieldReader& reader, Struct& out) {
      constexpr auto kField = std::get<kIndex>(kTable);
      return reader.read(out.*kField.member, rule_of(kField.name));
    }

    static constexpr auto kNames = []<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
      return std::array<std::string_view, kCount>{std::get<kIndex>(kTable).name...};
    }(std::make_index_sequence<kCount>{});

    static constexpr auto kReaders = []<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
      return std::array<Reader, kCount>{&read_member<kIndex>...};
    }(std::make_index_sequence<kCount>{});
  };

  bool read(bool& out, TextRule /*rule*/) { return read_boolean(out); }
  bool read(double& out, TextRule /*rule*/) { return read_real(out); }
  bool read(Millis& out, TextRule /*rule*/) { return read_duration(out); }
  bool read(std::string& out, TextRule rule) { return read_text(out, rule); }
  bool read(std::vector<std::byte>& out, TextRule /*rule*/) { return read_binary(out); }
  bool read(U32List& out, TextRule /*rule*/) { return read_packed(out.values); }
  bool read(CodeList& out, TextRule /*rule*/) { return read_packed(out.values) && check_codes(out); }
  bool read(std::int64_t& out, TextRule /*rule*/) {
    std::uint64_t bits = 0;
    if (!read_integer(bits, std::numeric_limits<std::uint64_t>::max())) return false;
    out = std::bit_cast<std::int64_t>(bits);
    return true;
  }
  bool read(Token& out, TextRule /*rule*/) {
    std::array<std::uint64_t, 2> words{};
    if (!read_words(std::span(words))) return false;
    out = {.high = words[0], .low = words[1]};
    return true;
  }
  bool read(ContentHash& out, TextRule /*rule*/) { return read_words(std::span(out.words)); }
  bool read(ErrorCode& out, TextRule /*rule*/) { return read_error_code(out); }
  bool read(ChunkRange& out, TextRule /*rule*/) {
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    return enter_array_of(2) && read_integer(out.first, kMost) && read_integer(out.count, kMost) && check_range(out);
  }

  template <std::unsigned_integral Number>
  bool read(Number& out, TextRule /*rule*/) {
    std::uint64_t value = 0;
    if (!read_integer(value, std::numeric_limits<Number>::max())) return false;
    out = static_cast<Number>(value);
    return true;
  }

  template <class Enum>
    requires std::is_enum_v<Enum>
  bool read(Enum& out, TextRule /*rule*/) {
    std::uint64_t value = 0;
    if (!read_integer(value, static_cast<std::uint64_t>(Last<Enum>::kValue))) return false;
    out = static_cast<Enum>(value);
    return true;
  }

  template <class Tag>
  bool read(Id<Tag>& out, TextRule /*rule*/) {
    return read_integer(out.value, std::numeric_limits<std::uint64_t>::max());
  }

  template <class Element>
  bool read(std::vector<Element>& out, TextRule rule) {
    std::uint32_t elements = 0;
    if (!enter_array(elements)) return false;
    out.clear();
    // Ahead of reading, only elements no larger than the items that announce them are given room. A larger struct has to be read first, so
    // that a body pays for its memory with the names of its fields.
    if constexpr (sizeof(Element) <= sizeof(Item)) out.reserve(elements);
    for (std::uint32_t i = 0; i < elements; ++i) {
      if (!read(out.emplace_back(), rule)) return fail_inside(i);
    }
    return true;
  }

  template <class Element, std::size_t kSize>
  bool read(std::array<Element, kSize>& out, TextRule rule) {
    if (!enter_array_of(kSize)) return false;
    for (std::size_t i = 0; i < kSize; ++i) {
      if (!read(out[i], rule)) return fail_inside(i);
    }
    return true;
  }

  template <class Struct>
    requires requires { FieldTable<Struct>::kFields; }
  bool read(Struct& out, TextRule /*rule*/) {
    return read_struct(out);
  }

  template <class Number>
  bool read_packed(std::vector<Number>& out) {
    ByteView bytes;
    if (!take_binary(bytes, sizeof(Number))) return false;
    out.resize(bytes.size() / sizeof(Number));
    if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
    return true;
  }

  template <std::size_t kWords>
  bool read_words(std::span<std::uint64_t, kWords> out) {
    ByteView bytes;
    if (!take_binary_of(bytes, kWords * 8)) return false;
    from_bytes<kWords>(bytes, out);
    return true;
  }
};

}  // namespace sublet::wire
