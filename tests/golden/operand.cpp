#include "tests/golden/operand.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <numbers>
#include <stdexcept>

#include "common/random.hpp"
#include "tests/golden/corners.hpp"

namespace sublet::golden {
namespace {

using Values = std::vector<std::uint64_t>;

struct Named {
  std::string_view type;
  unsigned bytes;
  Meaning meaning = Meaning::none;
};

// 8-bit integers live in registers of 16 bits, whose upper half an instruction has to ignore.
// clang-format off
constexpr std::array kTypes = std::to_array<Named>({
    {"pred", 1}, {"u8", 2}, {"s8", 2}, {"b16", 2}, {"u16", 2}, {"s16", 2}, {"b32", 4}, {"u32", 4}, {"s32", 4}, {"b64", 8}, {"u64", 8}, {"s64", 8},
    {"f16", 2, Meaning::f16}, {"bf16", 2, Meaning::bf16}, {"f16x2", 4, Meaning::f16x2}, {"bf16x2", 4, Meaning::bf16x2},
    {"f32", 4, Meaning::f32}, {"f64", 8, Meaning::f64},
    {"shift", 4}, {"field", 4}, {"lane", 4}, {"turn", 4, Meaning::f32}, {"turns", 4, Meaning::f32}});
// clang-format on

const Named& named(std::string_view type) {
  const auto found = std::ranges::find(kTypes, type, &Named::type);
  if (found == kTypes.end()) throw std::logic_error("no operand is of type " + std::string(type));
  return *found;
}

float angle(double most, Random& random) { return static_cast<float>((2 * random.spread() - 1) * most * std::numbers::pi); }

std::uint64_t drawn_float(const Named& type, std::uint64_t bits) {
  // Half of them near one, where sums and products do more than overflow.
  if ((bits >> 63U) == 0) return bits;
  const std::uint64_t near = (bits >> 52U) % 16;
  switch (type.meaning) {
    case Meaning::f64:
      return (bits & 0x800f'ffff'ffff'ffffU) | ((1015 + near) << 52U);
    case Meaning::f32:
      return (bits & 0x807f'ffffU) | ((119 + near) << 23U);
    case Meaning::bf16:
      return (bits & 0x807fU) | ((119 + near) << 7U);
    default:
      return (bits & 0x83ffU) | ((11 + near / 2) << 10U);
  }
}

std::uint64_t drawn(const Named& type, Random& random) {
  const std::uint64_t bits = random.next();
  if (type.type == "turn" || type.type == "turns") return std::bit_cast<std::uint32_t>(angle(type.type == "turn" ? 2 : 100, random));
  if (type.meaning != Meaning::none) return drawn_float(type, bits);
  if (type.type == "shift" || type.type == "field") return bits % 68;
  if (type.type == "lane") return bits % 32;
  return type.bytes == 1 ? bits & 1U : bits >> ((bits & 1U) != 0 ? (random.next() % 64) : 0U);
}

std::uint64_t masked(std::uint64_t bits, unsigned bytes) { return bytes == 8 ? bits : bits & ((1ULL << (8 * bytes)) - 1); }

Values one_by_one(const Named& type, std::size_t index, std::size_t sources) {
  // As many of the first corner cases as give no more combinations than there are lanes.
  constexpr std::array<std::size_t, 5> kForemost = {0, 1000, 13, 5, 3};
  const Values corners = corners_of(type.type, type.bytes);
  const std::size_t foremost = std::min(kForemost[sources], corners.size());
  std::size_t step = 1;
  std::size_t combinations = foremost;
  for (std::size_t i = 1; i < sources; ++i) {
    combinations *= foremost;
    step *= i <= index ? foremost : 1;
  }
  SeededRandom random(index + 1);
  Values made(lanes_of(sources));
  for (std::size_t lane = 0; lane < made.size(); ++lane) {
    const std::uint64_t choice = random.next();
    const std::uint64_t number = drawn(type, random);
    if (lane < combinations) {
      made[lane] = corners[lane / step % foremost];
    } else {
      made[lane] = choice % 4 == 0 ? corners[(choice >> 8U) % corners.size()] : number;
    }
    made[lane] = masked(made[lane], type.bytes);
  }
  return made;
}

}  // namespace

std::string_view Operand::register_type() const { return bytes == 8 ? "b64" : (bytes == 4 ? "b32" : (bytes == 2 ? "b16" : "pred")); }
Meaning Operand::meaning() const { return named(type).meaning; }

Operand operand_of(std::string_view type) { return {.type = std::string(type), .bytes = named(type).bytes}; }

std::size_t lanes_of(std::size_t sources) { return sources < 2 ? 96 : 192; }

std::vector<std::uint64_t> values_of(const Operand& operand, std::size_t index, std::size_t sources) {
  if (operand.type != "f16x2" && operand.type != "bf16x2") return one_by_one(named(operand.type), index, sources);
  // The upper halves are another source's, and turned by a half so that corner cases meet others.
  const Named& half = named(operand.type == "f16x2" ? "f16" : "bf16");
  Values made = one_by_one(half, index, sources);
  const Values upper = one_by_one(half, index, sources);
  for (std::size_t lane = 0; lane < made.size(); ++lane) made[lane] |= upper[(lane + 37) % upper.size()] << 16U;
  return made;
}

}  // namespace sublet::golden
