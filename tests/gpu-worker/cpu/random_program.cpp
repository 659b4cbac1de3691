#include "tests/gpu-worker/cpu/random_program.hpp"

#include <ostream>
#include <string_view>

#include <fmt/format.h>

#include "tests/gpu-worker/cpu/random_instructions.hpp"

namespace sublet::cpu::random_program {
namespace {

struct File {
  char letter;
  std::string_view name;
  std::uint8_t count;
};
constexpr std::array<File, 6> kFiles = {{{'r', "r", 6}, {'d', "d", 4}, {'h', "h", 3}, {'f', "f", 4}, {'e', "e", 3}, {'p', "p", 4}}};

/// Which threads are here.
struct Context {
  bool block = true;  ///< all of them
  bool warp = true;   ///< the lanes of `mask`, in every warp
  std::uint32_t mask = ~0U;
  std::uint8_t bits = 0;  ///< of a lane's number that `mask` depends on
};

class Writer {
 public:
  explicit Writer(Form form) : form_(form) {}

  std::string write(const Program& program) {
    if (!form_.split) {
      statements(program, {});
      return std::move(text_);
    }
    text_ += "mul.lo.u32 %k, %g, 0x9e3779b1;\nsetp.lt.s32 %half, %k, 0;\n@%half bra COPY;\n";
    statements(program, {});
    text_ += "bra MEET;\nCOPY:\n";
    statements(program, {});
    text_ += "MEET:\n";
    return std::move(text_);
  }
  [[nodiscard]] const std::string& declarations() const { return declarations_; }

 private:
  void statements(const Program& program, const Context& context) {
    for (const Statement& each : program) statement(each, context);
  }

  void statement(const Statement& it, const Context& context) {
    using Kind = Statement::Kind;
    const int number = ++labels_;
    switch (it.kind) {
      case Kind::arithmetic:
        return instruction(kArithmetic[(it.picks[0] + 256U * it.picks[1]) % kArithmetic.size()], it, context, "");
      case Kind::branch:
        return branch(it, fmt::format("%p{}", it.picks[0] % 4), number);
      case Kind::loop:
        declarations_ += fmt::format(".reg .b32 %c{0}; .reg .pred %o{0};\n", number);
        text_ += fmt::format("and.b32 %c{0}, %r{1}, 3;\nL{0}: setp.eq.u32 %o{0}, %c{0}, 0;\n@%o{0} bra E{0};\n", number, it.picks[0] % 6);
        statements(it.body, {.block = false, .warp = false});
        text_ += fmt::format("sub.u32 %c{0}, %c{0}, 1;\nbra L{0};\nE{0}:\n", number);
        return;
      case Kind::even_loop:
        declarations_ += fmt::format(".reg .b32 %c{0}; .reg .pred %o{0};\n", number);
        text_ += fmt::format("mov.u32 %c{0}, 2;\nL{0}:\n", number);
        statements(it.body, context);
        text_ += fmt::format("sub.u32 %c{0}, %c{0}, 1;\nsetp.ne.u32 %o{0}, %c{0}, 0;\n@%o{0} bra L{0};\n", number);
        return;
      case Kind::even_branch:
        declarations_ += fmt::format(".reg .b32 %c{0}; .reg .pred %o{0};\n", number);
        text_ += fmt::format("and.b32 %c{0}, %even, {1};\nsetp.eq.u32 %o{0}, %c{0}, 0;\n@%o{0} bra L{0};\n", number, 1U << it.picks[0] % 3);
        statements(it.body, context);
        text_ += fmt::format("bra E{0};\nL{0}:\n", number);
        statements(it.otherwise, context);
        text_ += fmt::format("E{}:\n", number);
        return;
      case Kind::lane_branch:
        return lane_branch(it, context, number);
      case Kind::exchange:
        if (!context.warp) return;
        return instruction(kExchanges[it.picks[0] % (context.bits == 0 ? kExchanges.size() : kMaskedExchanges)], it, context, "");
      case Kind::block_exchange:
        if (!context.block) return;
        return instruction(kBlockExchanges[it.picks[0] % kBlockExchanges.size()], it, context, "");
    }
  }

  static bool is_plain(const Program& program) {
    for (const Statement& each : program) {
      if (each.kind != Statement::Kind::arithmetic) return false;
    }
    return true;
  }

  void branch(const Statement& it, const std::string& predicate, int number) {
    const Context within{.block = false, .warp = false};
    declarations_ += fmt::format(".reg .pred %o{};\n", number);
    text_ += fmt::format("mov.pred %o{}, {};\n", number, predicate);
    if (form_.guarded && is_plain(it.body) && is_plain(it.otherwise)) {
      for (const auto& [program, guard] : {std::pair{&it.body, ""}, std::pair{&it.otherwise, "!"}}) {
        for (const Statement& each : *program) {
          instruction(kArithmetic[(each.picks[0] + 256U * each.picks[1]) % kArithmetic.size()], each, within,
                      fmt::format("@{}%o{} ", guard, number));
        }
      }
      return;
    }
    text_ += fmt::format("@!%o{0} bra L{0};\n", number);
    statements(it.body, within);
    text_ += fmt::format("bra E{0};\nL{0}:\n", number);
    statements(it.otherwise, within);
    text_ += fmt::format("E{}:\n", number);
  }

  void lane_branch(const Statement& it, const Context& context, int number) {
    const auto bit = static_cast<std::uint8_t>(1U << it.picks[0] % 5);
    Context with = context;
    Context without = context;
    with.block = without.block = false;
    with.bits = without.bits = static_cast<std::uint8_t>(context.bits | bit);
    for (std::uint32_t lane = 0; lane < 32; ++lane) ((lane & bit) != 0 ? without : with).mask &= ~(1U << lane);
    // Nobody would be there.
    with.warp = with.warp && with.mask != 0;
    without.warp = without.warp && without.mask != 0;
    declarations_ += fmt::format(".reg .b32 %c{0}; .reg .pred %o{0};\n", number);
    text_ += fmt::format("and.b32 %c{0}, %lane, {1};\nsetp.eq.u32 %o{0}, %c{0}, 0;\n@%o{0} bra L{0};\n", number, bit);
    statements(it.body, with);
    text_ += fmt::format("bra E{0};\nL{0}:\n", number);
    statements(it.otherwise, without);
    text_ += fmt::format("E{}:\n", number);
  }

  /// One that is written to is the same each time in one statement; those that are read differ.
  void instruction(std::string_view pattern, const Statement& it, const Context& context, const std::string& guard) {
    std::size_t source = 3;
    bool opcode = true;
    text_ += guard;
    for (const char letter : pattern) {
      opcode = opcode || letter == ';';
      if (opcode) {
        opcode = letter != ' ' || text_.ends_with("; ") || text_.ends_with(';');
        text_ += letter;
        continue;
      }
      text_ += operand(letter, it, context, source);
    }
    text_ += ";\n";
  }

  std::string operand(char letter, const Statement& it, const Context& context, std::size_t& source) {
    if (letter == '#') return std::to_string(it.picks[5] % 32);
    if (letter == 'M') return fmt::format("{:#x}", context.mask);
    if (letter == 'X') return std::to_string(it.picks[5] % 32 & ~context.bits);
    if (inside_name_ || letter == '%' || letter == '[') {
      inside_name_ = letter != ']' && letter != ',';
      return std::string(1, letter);
    }
    for (const File& file : kFiles) {
      if (letter == file.letter) return fmt::format("%{}{}", file.name, it.picks[source++ % 6] % file.count);
      if (letter == file.letter - 'a' + 'A') return fmt::format("%{}{}", file.name, it.picks[2] % file.count);
    }
    return std::string(1, letter);
  }

  Form form_;
  std::string text_;
  std::string declarations_;
  int labels_ = 0;
  bool inside_name_ = false;
};

rc::Gen<Statement> statements_of(bool exchanges, int depth);

rc::Gen<Program> bodies(bool exchanges, int depth) {
  return rc::gen::scale(0.2, rc::gen::container<Program>(statements_of(exchanges, depth)));
}

rc::Gen<Statement> statements_of(bool exchanges, int depth) {
  using Kind = Statement::Kind;
  auto kinds = rc::gen::weightedElement<Kind>({{12, Kind::arithmetic},
                                               {depth > 0 ? 3U : 0U, Kind::branch},
                                               {depth > 0 ? 1U : 0U, Kind::loop},
                                               {depth > 0 ? 1U : 0U, Kind::even_branch},
                                               {depth > 0 ? 1U : 0U, Kind::even_loop},
                                               {exchanges && depth > 0 ? 2U : 0U, Kind::lane_branch},
                                               {exchanges ? 4U : 0U, Kind::exchange},
                                               {exchanges ? 2U : 0U, Kind::block_exchange}});
  return rc::gen::mapcat(std::move(kinds), [=](Kind kind) {
    const bool leaf = kind == Kind::arithmetic || kind == Kind::exchange || kind == Kind::block_exchange;
    const auto below = leaf ? rc::gen::just(Program{}) : bodies(exchanges, depth - 1);
    return rc::gen::map(rc::gen::tuple(rc::gen::arbitrary<std::array<std::uint8_t, 6>>(), below, below), [=](const auto& parts) {
      return Statement{.kind = kind, .picks = std::get<0>(parts), .body = std::get<1>(parts), .otherwise = std::get<2>(parts)};
    });
  });
}

std::string prologue(const Form& form) {
  std::string text = form.alone ? "mov.u32 %g, %ctaid.x;\nmov.u32 %t, 0;\n"
                                : fmt::format(
                                      "mov.u32 %t, %tid.x;\nmov.u32 %k, %ntid.x;\nmov.u32 %next, %tid.y;\nmad.lo.u32 %t, %k, %next, %t;\n"
                                      "mov.u32 %k, %ctaid.x;\nmad.lo.u32 %g, %k, {}, %t;\n",
                                      kThreads);
  text += fmt::format(
      "mov.u32 %lane, %laneid;\nld.param.u32 %even, [even];\nmul.lo.u32 %own, %t, 4;\nadd.u32 %next, %own, 52;\n"
      "and.b32 %next, %next, {};\nmov.u32 %k, words;\nadd.u32 %own, %own, %k;\nadd.u32 %next, %next, %k;\n"
      "ld.param.u64 %at, [in];\nmul.wide.u32 %by, %g, {};\nadd.s64 %at, %at, %by;\n",
      kThreads * 4 - 1, kInputBytes);
  text +=
      "ld.global.v4.u32 {%r0,%r1,%r2,%r3}, [%at];\nld.global.v2.u32 {%r4,%r5}, [%at+16];\nld.global.f32 %f0, [%at+24];\n"
      "ld.global.f32 %f1, [%at+28];\nld.global.v2.u64 {%d0,%d1}, [%at+32];\nld.global.u64 %d2, [%at+48];\nld.global.u64 %d3, [%at+56];\n"
      "ld.global.f64 %e0, [%at+64];\nld.global.f64 %e1, [%at+72];\nld.global.f64 %e2, [%at+80];\nld.global.u16 %h0, [%at+88];\n"
      "ld.global.u16 %h1, [%at+90];\nld.global.u16 %h2, [%at+92];\nld.global.v2.f32 {%f2,%f3}, [%at+96];\n"
      "ld.global.u32 %k, [%at+104];\n";
  for (int i = 0; i < 4; ++i) text += fmt::format("setp.lt.s32 %p{}, %k, 0;\nshl.b32 %k, %k, 1;\n", i);
  return text;
}

std::string epilogue() {
  std::string text = fmt::format("ld.param.u64 %at, [out];\nmul.wide.u32 %by, %g, {};\nadd.s64 %at, %at, %by;\n", kOutputBytes);
  int at = 0;
  const auto store = [&](std::string_view type, std::string_view name, int count, int bytes) {
    for (int i = 0; i < count; ++i, at += bytes) text += fmt::format("st.global.{} [%at+{}], %{}{};\n", type, at, name, i);
  };
  store("u64", "d", 4, 8);
  store("f64", "e", 3, 8);
  store("u32", "r", 6, 4);
  store("f32", "f", 4, 4);
  for (int i = 0; i < 4; ++i, at += 4) text += fmt::format("selp.u32 %k, 1, 0, %p{};\nst.global.u32 [%at+{}], %k;\n", i, at);
  store("u16", "h", 3, 2);
  return text;
}

constexpr int kLevels = 2;

}  // namespace

rc::Gen<Program> programs(bool exchanges) { return rc::gen::scale(0.4, rc::gen::container<Program>(statements_of(exchanges, kLevels))); }

std::string to_ptx(const Program& program, const Form& form) {
  Writer writer(form);
  const std::string body = writer.write(program);
  return fmt::format(
      ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 in, .param .u64 out, .param .u32 even)\n{{\n"
      ".reg .b32 %r<6>, %t, %g, %k, %lane, %even, %own, %next;\n.reg .b64 %d<4>, %at, %by;\n.reg .b16 %h<3>;\n.reg .f32 %f<4>;\n"
      ".reg .f64 %e<3>;\n.reg .pred %p<4>, %half;\n.shared .align 16 .b8 words[{}];\n.shared .b32 sum;\n.shared .b32 "
      "most;\n{}{}{}{}ret;\n}}\n",
      kThreads * 4, writer.declarations(), prologue(form), body, epilogue());
}

std::ostream& operator<<(std::ostream& stream, const Statement& statement) { return stream << '\n' << Writer({}).write({statement}); }

}  // namespace sublet::cpu::random_program
