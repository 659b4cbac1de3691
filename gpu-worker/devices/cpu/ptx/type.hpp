#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sublet::cpu {

/// The types an instruction or a register may have.
enum class Type : std::uint8_t { none, pred, b8, b16, b32, b64, u8, u16, u32, u64, s8, s16, s32, s64, f16, bf16, f16x2, bf16x2, f32, f64 };

/// Bytes that a value takes in memory; a predicate takes one byte in a register and cannot be stored.
constexpr std::uint32_t width_of(Type type) {
  switch (type) {
    case Type::none:
      return 0;
    case Type::pred:
    case Type::b8:
    case Type::u8:
    case Type::s8:
      return 1;
    case Type::b16:
    case Type::u16:
    case Type::s16:
    case Type::f16:
    case Type::bf16:
      return 2;
    case Type::b32:
    case Type::u32:
    case Type::s32:
    case Type::f32:
    case Type::f16x2:
    case Type::bf16x2:
      return 4;
    case Type::b64:
    case Type::u64:
    case Type::s64:
    case Type::f64:
      return 8;
  }
  return 0;
}

constexpr bool is_float(Type type) { return type >= Type::f16; }
/// Half precision, one value or two packed into 32 bits.
constexpr bool is_half(Type type) { return type >= Type::f16 && type <= Type::bf16x2; }
constexpr bool is_signed(Type type) { return type >= Type::s8 && type <= Type::s64; }

/// What a value of `width` bytes is copied as, whatever it means.
constexpr Type unsigned_of(std::uint32_t width) {
  switch (width) {
    case 1:
      return Type::u8;
    case 2:
      return Type::u16;
    case 4:
      return Type::u32;
    default:
      return Type::u64;
  }
}

/// "u32" -> Type::u32.
std::optional<Type> type_named(std::string_view name);
std::string_view name_of(Type type);

}  // namespace sublet::cpu
