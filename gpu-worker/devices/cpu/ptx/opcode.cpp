#include "gpu-worker/devices/cpu/ptx/opcode.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

namespace sublet::cpu {

namespace {

/// Which kinds of modifiers an opcode takes. `.lo` means the lower half after mul and "lower, unsigned" after setp, so the kind decides.
enum Accepts : std::uint32_t {
  kNothing = 0,
  kRounding = 1U << 0U,
  kApproximate = 1U << 1U,
  kFlush = 1U << 2U,
  kSaturate = 1U << 3U,
  kCompare = 1U << 4U,
  kHalf = 1U << 5U,
  kMemory = 1U << 6U,
  kNan = 1U << 7U,
  kFunnel = 1U << 8U,
  kTestp = 1U << 9U,
  kPermute = 1U << 10U,
  kTo = 1U << 11U,
  kUniform = 1U << 12U,
  kIntegerRounding = 1U << 13U,
  kShiftAmount = 1U << 14U,
  kCarry = 1U << 15U,
  kOperation = 1U << 16U,
  kWarpMode = 1U << 17U,
  kBarrier = 1U << 18U,
  kRelu = 1U << 19U,
  kScope = 1U << 20U,
  kSync = 1U << 21U,
  kWrap = 1U << 22U,
  kIndex = 1U << 23U,
};

struct Row {
  Opcode opcode;
  std::uint32_t accepts;
  std::uint8_t types;  ///< how many types it names
  bool may_lack_types = false;
};

const std::unordered_map<std::string_view, Row>& rows() {
  constexpr std::uint32_t kFloat = kRounding | kFlush | kSaturate;
  constexpr std::uint32_t kApproximated = kApproximate | kFlush;
  static const std::unordered_map<std::string_view, Row> kRows = {
      {"abs", {Opcode::abs_, kFlush, 1}},
      {"activemask", {Opcode::activemask, kNothing, 1}},
      {"add", {Opcode::add, kFloat | kCarry, 1}},
      {"addc", {Opcode::addc, kCarry, 1}},
      {"and", {Opcode::and_, kNothing, 1}},
      {"applypriority", {Opcode::hint, kMemory, 0}},
      {"atom", {Opcode::atom, kMemory | kOperation, 1}},
      {"bar", {Opcode::bar, kBarrier | kOperation | kSync, 1, true}},
      {"barrier", {Opcode::bar, kBarrier | kOperation | kSync, 1, true}},
      {"bfe", {Opcode::bfe, kNothing, 1}},
      {"bfi", {Opcode::bfi, kNothing, 1}},
      {"bfind", {Opcode::bfind, kShiftAmount, 1}},
      {"bmsk", {Opcode::bmsk, kWrap, 1}},
      {"bra", {Opcode::bra, kUniform, 0}},
      {"brev", {Opcode::brev, kNothing, 1}},
      {"brx", {Opcode::brx, kUniform | kIndex, 0}},
      {"call", {Opcode::call, kUniform, 0}},
      {"clz", {Opcode::clz, kNothing, 1}},
      {"cnot", {Opcode::cnot, kNothing, 1}},
      {"copysign", {Opcode::copysign, kNothing, 1}},
      {"cos", {Opcode::cos, kApproximated, 1}},
      {"cvt", {Opcode::cvt, kFloat | kIntegerRounding | kRelu, 2}},
      {"cvta", {Opcode::cvta, kTo | kMemory, 1}},
      {"div", {Opcode::div, kRounding | kApproximated, 1}},
      {"discard", {Opcode::hint, kMemory, 0}},
      {"dp2a", {Opcode::dp2a, kHalf, 2}},
      {"dp4a", {Opcode::dp4a, kNothing, 2}},
      {"elect", {Opcode::elect, kSync, 0}},
      {"ex2", {Opcode::ex2, kApproximated, 1}},
      {"exit", {Opcode::exit, kNothing, 0}},
      {"fence", {Opcode::fence, kScope, 0}},
      {"fma", {Opcode::fma, kFloat | kRelu, 1}},
      {"isspacep", {Opcode::isspacep, kMemory, 0}},
      {"ld", {Opcode::ld, kMemory, 1}},
      {"ldu", {Opcode::ld, kMemory, 1}},
      {"lg2", {Opcode::lg2, kApproximated, 1}},
      {"lop3", {Opcode::lop3, kNothing, 1}},
      {"mad", {Opcode::mad, kFloat | kHalf | kCarry, 1}},
      {"madc", {Opcode::madc, kHalf | kCarry, 1}},
      {"mad24", {Opcode::mad24, kHalf, 1}},
      {"match", {Opcode::match, kWarpMode | kSync, 1}},
      {"max", {Opcode::max, kFlush | kNan | kRelu, 1}},
      {"membar", {Opcode::fence, kScope, 0}},
      {"min", {Opcode::min, kFlush | kNan | kRelu, 1}},
      {"mov", {Opcode::mov, kNothing, 1}},
      {"mul", {Opcode::mul, kFloat | kHalf, 1}},
      {"mul24", {Opcode::mul24, kHalf, 1}},
      {"nanosleep", {Opcode::nanosleep, kNothing, 1}},
      {"neg", {Opcode::neg, kFlush, 1}},
      {"not", {Opcode::not_, kNothing, 1}},
      {"or", {Opcode::or_, kNothing, 1}},
      {"pmevent", {Opcode::hint, kNothing, 0}},
      {"popc", {Opcode::popc, kNothing, 1}},
      {"prefetch", {Opcode::hint, kMemory, 0}},
      {"prefetchu", {Opcode::hint, kMemory, 0}},
      {"prmt", {Opcode::prmt, kPermute, 1}},
      {"rcp", {Opcode::rcp, kRounding | kApproximated, 1}},
      {"red", {Opcode::red, kMemory | kOperation, 1}},
      {"redux", {Opcode::redux, kOperation | kSync, 1}},
      {"rem", {Opcode::rem, kNothing, 1}},
      {"ret", {Opcode::ret, kUniform, 0}},
      {"rsqrt", {Opcode::rsqrt, kApproximated, 1}},
      {"sad", {Opcode::sad, kNothing, 1}},
      {"selp", {Opcode::selp, kNothing, 1}},
      {"set", {Opcode::set, kCompare | kFlush, 2}},
      {"setp", {Opcode::setp, kCompare | kFlush, 1}},
      {"shf", {Opcode::shf, kFunnel, 1}},
      {"shfl", {Opcode::shfl, kWarpMode | kSync, 1}},
      {"shl", {Opcode::shl, kNothing, 1}},
      {"shr", {Opcode::shr, kNothing, 1}},
      {"sin", {Opcode::sin, kApproximated, 1}},
      {"slct", {Opcode::slct, kFlush, 2}},
      {"sqrt", {Opcode::sqrt, kRounding | kApproximated, 1}},
      {"st", {Opcode::st, kMemory, 1}},
      {"sub", {Opcode::sub, kFloat | kCarry, 1}},
      {"subc", {Opcode::subc, kCarry, 1}},
      {"szext", {Opcode::szext, kWrap, 1}},
      {"tanh", {Opcode::tanh, kApproximated, 1}},
      {"testp", {Opcode::testp, kTestp, 1}},
      {"trap", {Opcode::trap, kNothing, 0}},
      {"vote", {Opcode::vote, kWarpMode | kSync, 1}},
      {"xor", {Opcode::xor_, kNothing, 1}},
  };
  return kRows;
}

struct Named {
  std::string_view name;
  std::uint8_t value;
};

template <class Enum, std::size_t N>
bool choose(const std::array<Named, N>& names, std::string_view name, Enum& into) {
  for (const Named& row : names) {
    if (row.name == name) {
      // The same choice twice (add.rn.rz) means nothing.
      const bool first = into == Enum{};
      into = static_cast<Enum>(row.value);
      return first;
    }
  }
  return false;
}

template <class Enum>
constexpr Named named(std::string_view name, Enum value) {
  return {name, static_cast<std::uint8_t>(value)};
}

constexpr std::array kRoundings = {named("rn", Rounding::rn), named("rz", Rounding::rz), named("rm", Rounding::rm),
                                   named("rp", Rounding::rp)};
constexpr std::array kIntegerRoundings = {named("rni", Rounding::rni), named("rzi", Rounding::rzi), named("rmi", Rounding::rmi),
                                          named("rpi", Rounding::rpi)};
constexpr std::array kCompares = {named("eq", Compare::eq),   named("ne", Compare::ne),   named("lt", Compare::lt),
                                  named("le", Compare::le),   named("gt", Compare::gt),   named("ge", Compare::ge),
                                  named("lo", Compare::lt),   named("ls", Compare::le),   named("hi", Compare::gt),
                                  named("hs", Compare::ge),   named("equ", Compare::equ), named("neu", Compare::neu),
                                  named("ltu", Compare::ltu), named("leu", Compare::leu), named("gtu", Compare::gtu),
                                  named("geu", Compare::geu), named("num", Compare::num), named("nan", Compare::nan)};
constexpr std::array kCombines = {named("and", Combine::and_), named("or", Combine::or_), named("xor", Combine::xor_)};
constexpr std::array kHalves = {named("lo", Half::lo), named("hi", Half::hi), named("wide", Half::wide)};
constexpr std::array kSpaces = {named("global", Space::global),      named("const", Space::constant),    named("param", Space::param),
                                named("param::entry", Space::param), named("param::func", Space::param), named("shared", Space::shared),
                                named("shared::cta", Space::shared), named("local", Space::local)};
constexpr std::array kOperations = {named("add", Operation::add), named("min", Operation::min),  named("max", Operation::max),
                                    named("inc", Operation::inc), named("dec", Operation::dec),  named("and", Operation::and_),
                                    named("or", Operation::or_),  named("xor", Operation::xor_), named("exch", Operation::exch),
                                    named("cas", Operation::cas), named("popc", Operation::popc)};
constexpr std::array kWarpModes = {named("up", WarpMode::up),   named("down", WarpMode::down),    named("bfly", WarpMode::bfly),
                                   named("idx", WarpMode::idx), named("all", WarpMode::all),      named("any", WarpMode::any),
                                   named("uni", WarpMode::uni), named("ballot", WarpMode::ballot)};
constexpr std::array kBarrierModes = {named("sync", BarrierMode::sync), named("arrive", BarrierMode::arrive),
                                      named("red", BarrierMode::red)};
constexpr std::array kTestps = {named("finite", Testp::finite), named("infinite", Testp::infinite),
                                named("number", Testp::number), named("notanumber", Testp::notanumber),
                                named("normal", Testp::normal), named("subnormal", Testp::subnormal)};
constexpr std::array kPermutes = {named("f4e", PermuteMode::f4e), named("b4e", PermuteMode::b4e), named("rc8", PermuteMode::rc8),
                                  named("ecl", PermuteMode::ecl), named("ecr", PermuteMode::ecr), named("rc16", PermuteMode::rc16)};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// Cache hints and scopes that change nothing here: every access of a lane goes to memory, in program order.
bool is_cache_hint(std::string_view name) {
  constexpr std::array<std::string_view, 16> kHints = {"ca",   "cg",  "cs",  "lu",  "cv",      "wb", "wt", "nc",
                                                       "weak", "cta", "gpu", "sys", "cluster", "L1", "L2", "noftz"};
  return is_one_of(kHints, name) || name.starts_with("L1::") || (name.starts_with("L2::") && name != "L2::cache_hint");
}

bool take_memory(std::string_view name, Modifiers& into) {
  constexpr std::array<std::string_view, 6> kOrders = {"volatile", "relaxed", "acquire", "release", "acq_rel", "mmio"};
  if (name == "v2" || name == "v4") {
    const bool first = into.vector == 1;
    into.vector = name == "v2" ? 2 : 4;
    return first;
  }
  if (is_one_of(kOrders, name)) {
    into.ordered = true;
    return true;
  }
  return choose(kSpaces, name, into.space) || is_cache_hint(name);
}

bool set_flag(bool& flag) {
  const bool first = !flag;
  flag = true;
  return first;
}

bool take_approximation(std::string_view name, Modifiers& into) {
  into.full_range = into.full_range || name == "full";
  return (name == "approx" || name == "full") && set_flag(into.approximate);
}

bool take_funnel(std::string_view name, Modifiers& into) {
  if (name == "l") {
    return set_flag(into.left);
  }
  if (name == "wrap") {
    return set_flag(into.wrap);
  }
  return name == "r" || name == "clamp";
}

/// "bar.warp.sync", "barrier.cta.sync.aligned". Clusters are not there.
bool take_barrier(std::string_view name, Modifiers& into) {
  if (name == "warp") {
    return set_flag(into.of_warp);
  }
  return name == "cta" || choose(kBarrierModes, name, into.barrier);
}

bool is_scope(std::string_view name) {
  constexpr std::array<std::string_view, 8> kScopes = {"cta", "gl", "gpu", "sys", "sc", "acq_rel", "acquire", "release"};
  return is_one_of(kScopes, name);
}

bool take_wrap(std::string_view name, Modifiers& into) { return name == "clamp" || (name == "wrap" && set_flag(into.wrap)); }

/// What instructions between threads are made of.
bool take_shared(std::string_view name, std::uint32_t accepts, Modifiers& into) {
  return ((accepts & kBarrier) != 0 && take_barrier(name, into)) ||
         ((accepts & kOperation) != 0 && choose(kOperations, name, into.operation)) ||
         ((accepts & kWarpMode) != 0 && choose(kWarpModes, name, into.warp)) || ((accepts & kScope) != 0 && is_scope(name)) ||
         ((accepts & kSync) != 0 && (name == "sync" || name == "aligned"));
}

/// Whether an opcode that accepts `accepts` takes the modifier, which is then noted in `into`.
bool take(std::string_view name, std::uint32_t accepts, Modifiers& into) {
  return ((accepts & kFlush) != 0 && name == "ftz" && set_flag(into.flush)) ||
         ((accepts & kRounding) != 0 && choose(kRoundings, name, into.rounding)) ||
         ((accepts & kIntegerRounding) != 0 && choose(kIntegerRoundings, name, into.rounding)) ||
         ((accepts & kApproximate) != 0 && take_approximation(name, into)) ||
         ((accepts & kSaturate) != 0 && name == "sat" && set_flag(into.saturate)) ||
         ((accepts & kCompare) != 0 && (choose(kCompares, name, into.compare) || choose(kCombines, name, into.combine))) ||
         ((accepts & kHalf) != 0 && choose(kHalves, name, into.half)) || ((accepts & kMemory) != 0 && take_memory(name, into)) ||
         ((accepts & kNan) != 0 && name == "NaN" && set_flag(into.nan)) || ((accepts & kFunnel) != 0 && take_funnel(name, into)) ||
         ((accepts & kTestp) != 0 && choose(kTestps, name, into.testp)) ||
         ((accepts & kPermute) != 0 && choose(kPermutes, name, into.permute)) ||
         ((accepts & kTo) != 0 && name == "to" && set_flag(into.to_space)) || ((accepts & kUniform) != 0 && name == "uni") ||
         ((accepts & kIndex) != 0 && name == "idx") ||
         ((accepts & kShiftAmount) != 0 && name == "shiftamt" && set_flag(into.shift_amount)) ||
         ((accepts & kCarry) != 0 && name == "cc" && set_flag(into.carry)) ||
         ((accepts & kRelu) != 0 && name == "relu" && set_flag(into.relu)) || ((accepts & kWrap) != 0 && take_wrap(name, into)) ||
         take_shared(name, accepts, into);
}

}  // namespace

std::optional<OpcodeParts> split_opcode(std::string_view text) {
  const std::size_t dot = std::min(text.find('.'), text.size());
  const auto row = rows().find(text.substr(0, dot));
  if (row == rows().end()) {
    return std::nullopt;
  }
  OpcodeParts parts{.opcode = row->second.opcode, .modifiers = {}};
  std::size_t types = 0;
  for (std::size_t at = dot; at < text.size();) {
    const std::size_t end = std::min(text.find('.', at + 1), text.size());
    const std::string_view name = text.substr(at + 1, end - at - 1);
    at = end;
    if (const std::optional<Type> type = type_named(name)) {
      parts.to = types == 0 ? *type : parts.to;
      parts.type = *type;
      ++types;
    } else if (!take(name, row->second.accepts, parts.modifiers)) {
      return std::nullopt;
    }
  }
  if (types != row->second.types && !(types == 0 && row->second.may_lack_types)) {
    return std::nullopt;
  }
  return parts;
}

}  // namespace sublet::cpu
