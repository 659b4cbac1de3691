// Native code does what the interpreter does, to the bit, or leaves it to the interpreter.

#include <array>
#include <fstream>
#include <iterator>

#include "gpu-worker/devices/cpu/native/native_code.hpp"
#include "tests/gpu-worker/cpu/one_instruction.hpp"
#include "tests/support/source.hpp"

namespace sublet::cpu {
namespace {

class Native : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!can_run_native()) GTEST_SKIP() << "this machine has no AVX2";
  }
};

/// What a kernel of one buffer leaves there, and how it ended.
struct Left {
  std::vector<std::uint32_t> words;
  std::optional<Fault> fault;
  std::uint64_t native_runs = 0;
};

struct OneBuffer {
  std::string text;
  std::vector<std::uint32_t> words;
  std::uint32_t threads = 64;
  std::uint32_t blocks = 1;
  /// Behind the buffer's address: a number of 32 bits and one of 32 more.
  std::uint64_t argument = 0;
  std::uint64_t fuel = 1U << 28U;
};

Left run_on(Engine engine, const OneBuffer& given) {
  Bench bench(engine);
  bench.fuel = given.fuel;
  const std::uint64_t at = bench.place(given.words.data(), given.words.size() * 4);
  Left left;
  left.fault = bench.run(given.text, {at, given.argument}, given.threads, given.blocks);
  left.words.resize(given.words.size());
  std::memcpy(left.words.data(), bench.host(at), given.words.size() * 4);
  left.native_runs = bench.native_runs();
  if (left.fault && left.fault->address != 0) left.fault->address -= at;
  return left;
}

/// The same in native code as without. @return what native code left
Left expect_same_left(const OneBuffer& given) {
  const Left wanted = run_on(Engine::wide, given);
  const Left got = run_on(Engine::native, given);
  EXPECT_EQ(wanted.words, got.words) << given.text;
  EXPECT_EQ(wanted.fault.has_value(), got.fault.has_value());
  if (wanted.fault && got.fault) {
    EXPECT_EQ(wanted.fault->kind, got.fault->kind);
    EXPECT_EQ(wanted.fault->block, got.fault->block);
    EXPECT_EQ(wanted.fault->thread, got.fault->thread);
    EXPECT_EQ(wanted.fault->line, got.fault->line);
    EXPECT_EQ(wanted.fault->store, got.fault->store);
    EXPECT_EQ(wanted.fault->bytes, got.fault->bytes);
    EXPECT_EQ(wanted.fault->address, got.fault->address);
  }
  EXPECT_EQ(wanted.native_runs, 0U);
  return got;
}

/// k(u64 p, u32 n, u32 m): %i is the thread's number in the grid, %at the address of its word of `p`.
std::string row_kernel(std::string_view body) {
  return fmt::format(
      ".version 8.0\n.target sm_75\n.address_size 64\n.visible .entry k(.param .u64 p, .param .u32 n, .param .u32 m)\n{{\n"
      ".reg .pred %p, %q;\n.reg .b32 %i, %n, %m, %r<9>;\n.reg .b64 %p0, %at, %d<9>;\n.reg .f32 %f<9>;\nld.param.u64 %p0, [p];\n"
      "ld.param.u32 %n, [n];\nld.param.u32 %m, [m];\nmov.u32 %r0, %ctaid.x;\nmov.u32 %r1, %ntid.x;\nmov.u32 %r2, %tid.x;\n"
      "mad.lo.s32 %i, %r0, %r1, %r2;\nmul.wide.s32 %d0, %i, 4;\nadd.s64 %at, %p0, %d0;\n{}\nLEAVE: ret;\n}}\n",
      body);
}

std::vector<std::uint32_t> counted(std::size_t count) {
  std::vector<std::uint32_t> made(count);
  for (std::size_t i = 0; i < count; ++i) made[i] = static_cast<std::uint32_t>(i * 0x9e37'79b1U);
  return made;
}

std::string shipped_ptx(std::string_view path) {
  std::ifstream file(test::source(fmt::format("kernels/{}", path)));
  return {std::istreambuf_iterator<char>(file), {}};
}

// That it runs at all.

TEST_F(Native, RunsEachFullBlockOfScaleAsOneAndLeavesTheLastToTheInterpreter) {
  const float factor = -1.5F;
  OneBuffer given{.text = shipped_ptx("transform/transform.ptx"), .words = std::vector<std::uint32_t>(1000), .blocks = 16};
  for (std::size_t i = 0; i < given.words.size(); ++i) given.words[i] = std::bit_cast<std::uint32_t>(static_cast<float>(i) - 500);
  given.argument = 1000 | std::uint64_t{std::bit_cast<std::uint32_t>(factor)} << 32U;
  // 1000 of the 1024 threads have something to do.
  EXPECT_EQ(expect_same_left(given).native_runs, 15U);
}

TEST_F(Native, IsMadeOnceThereWasMuchToDo) {
  DeviceMemory device(1_MiB);
  SessionMemory memory(device, 1_MiB);
  WorkerPool pool(1);
  const auto module = load_module(as_view(shipped_ptx("transform/transform.ptx")), memory, true);
  ASSERT_TRUE(module);
  const std::vector<std::uint64_t> arguments = {*memory.allocate({4 * 1024}), 1024 | std::uint64_t{0x3f80'0000} << 32U};
  const LaunchState launch{.program = module->kernels[0],
                           .grid = {4, 1, 1},
                           .block = {256, 1, 1},
                           .parameters = reinterpret_cast<const std::byte*>(arguments.data()),
                           .memory = memory.table(),
                           .limits = {}};
  GridRunner grids(pool, true, NativeUse::when_worth);
  ASSERT_FALSE(grids.run(launch));
  EXPECT_EQ(grids.native_runs(), 0U);
  for (int i = 0; i < 200; ++i) ASSERT_FALSE(grids.run(launch));
  EXPECT_GT(grids.native_runs(), 0U);
}

// Every form, over numbers at which something happens.

constexpr std::array<std::uint32_t, 30> kWordCorners = {
    0,           1,           2,           7,           31,          32,          33,          255,         0x7fff,      0x8000,
    0xffff,      0x7fff'ffff, 0x8000'0000, 0x8000'0001, 0xffff'ffff, 0xffff'ff80, 0x3f80'0000, 0xbf80'0000, 0x3f00'0000, 0x4020'0000,
    0x0000'0001, 0x007f'ffff, 0x807f'ffff, 0x0080'0000, 0x7f80'0000, 0xff80'0000, 0x7fc0'0001, 0xff80'0001, 0x4f00'0000, 0xcf00'0001};
constexpr std::array<std::uint64_t, 18> kQuadCorners = {0,
                                                        1,
                                                        31,
                                                        64,
                                                        65,
                                                        0x7fff'ffff,
                                                        0x8000'0000,
                                                        0xffff'ffff,
                                                        0x1'0000'0000,
                                                        0x7fff'ffff'ffff'ffff,
                                                        0x8000'0000'0000'0000,
                                                        0x8000'0000'0000'0001,
                                                        0xffff'ffff'ffff'ffff,
                                                        0xffff'ffff'8000'0000,
                                                        0xffff'ffff'7fff'ffff,
                                                        0x3ff0'0000'0000'0000,
                                                        0x0123'4567'89ab'cdef,
                                                        0xfedc'ba98'7654'3210};

/// All pairs of the values as %a and %b, with a third as %c.
template <class T, std::size_t kCount>
std::array<std::vector<T>, 3> triples(const std::array<T, kCount>& values) {
  std::array<std::vector<T>, 3> made;
  for (std::size_t i = 0; i < kCount; ++i) {
    for (std::size_t k = 0; k < kCount; ++k) {
      made[0].push_back(values[i]);
      made[1].push_back(values[k]);
      made[2].push_back(values[(i * 7 + k * 3 + 5) % kCount]);
    }
  }
  for (std::vector<T>& each : made) {
    const std::size_t count = (each.size() + 7) / 8 * 8;
    each.resize(count, values[1]);
  }
  return made;
}

template <class T, std::size_t kCount>
void check_form(const std::string& form, const std::array<T, kCount>& values) {
  const auto inputs = triples(values);
  const std::string body = ".reg .b16 %h<4>; .reg .b32 %x, %y; .reg .b64 %w, %v;\n" + form;
  const std::string text = kernel_around<T, T, T, T>(body);
  const std::size_t threads = inputs[0].size();
  ASSERT_LE(threads, 1024U);
  std::array<std::vector<T>, 2> made;
  for (const Engine engine : {Engine::wide, Engine::native}) {
    Bench bench(engine);
    std::vector<std::uint64_t> arguments = {bench.place(nullptr, threads * sizeof(T))};
    for (const auto& each : inputs) arguments.push_back(bench.place(each.data(), threads * sizeof(T)));
    ASSERT_FALSE(bench.run(text, arguments, static_cast<std::uint32_t>(threads)));
    std::vector<T>& got = made[engine == Engine::native ? 1 : 0];
    got.resize(threads);
    std::memcpy(got.data(), bench.host(arguments[0]), threads * sizeof(T));
    // A form that native code does not know would end one run, and another would begin behind it.
    if (engine == Engine::native) EXPECT_EQ(bench.native_runs(), 1U) << form;
  }
  int shown = 0;
  for (std::size_t i = 0; i < threads && shown < 4; ++i) {
    if (made[0][i] == made[1][i]) continue;
    ++shown;
    ADD_FAILURE() << fmt::format("{} of {:#x}, {:#x}, {:#x}: {:#x}, the interpreter's {:#x}", form, inputs[0][i], inputs[1][i],
                                 inputs[2][i], made[1][i], made[0][i]);
  }
}

TEST_F(Native, FloatsAreTheInterpretersToTheBit) {
  for (const std::string_view form : {"add.rn.f32 %d,%a,%b;",
                                      "sub.rn.f32 %d,%a,%b;",
                                      "mul.rn.f32 %d,%a,%b;",
                                      "fma.rn.f32 %d,%a,%b,%c;",
                                      "add.rn.sat.f32 %d,%a,%b;",
                                      "fma.rn.sat.f32 %d,%a,%b,%c;",
                                      "div.rn.f32 %d,%a,%b;",
                                      "div.full.f32 %d,%a,%b;",
                                      "rcp.rn.f32 %d,%a;",
                                      "sqrt.rn.f32 %d,%a;",
                                      "abs.f32 %d,%a;",
                                      "neg.f32 %d,%a;",
                                      "min.f32 %d,%a,%b;",
                                      "max.f32 %d,%a,%b;",
                                      "min.NaN.f32 %d,%a,%b;",
                                      "max.NaN.f32 %d,%a,%b;",
                                      "setp.gt.s32 %p,%c,1; selp.f32 %d,%a,%b,%p;",
                                      "cvt.rni.f32.f32 %d,%a;",
                                      "cvt.rzi.f32.f32 %d,%a;",
                                      "cvt.rmi.f32.f32 %d,%a;",
                                      "cvt.rpi.f32.f32 %d,%a;",
                                      "cvt.rn.f32.s32 %d,%a;",
                                      "cvt.rn.f32.u32 %d,%a;",
                                      "cvt.rn.f32.u16 %d,%a;",
                                      "cvt.rn.f32.s16 %d,%a;",
                                      "cvt.rn.f32.u8 %d,%a;",
                                      "cvt.rn.f32.s8 %d,%a;"}) {
    check_form(std::string(form), kWordCorners);
  }
  for (const std::string_view compare : {"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"}) {
    check_form(fmt::format("setp.{}.f32 %p,%a,%b; selp.b32 %d,%c,7,%p;", compare), kWordCorners);
  }
}

TEST_F(Native, ConversionsOfFloatsClampAsTheInterpreters) {
  for (const std::string_view rounding : {"rni", "rzi", "rmi", "rpi"}) {
    for (const std::string_view type : {"s32", "u32", "s16", "u16", "s8", "u8"}) {
      check_form(fmt::format("cvt.{}.{}.f32 %d,%a;", rounding, type), kWordCorners);
    }
  }
}

TEST_F(Native, WholeNumbersOf32BitsAreTheInterpreters) {
  for (const std::string_view form : {"add.s32 %d,%a,%b;",
                                      "sub.u32 %d,%a,%b;",
                                      "mul.lo.s32 %d,%a,%b;",
                                      "mul.hi.s32 %d,%a,%b;",
                                      "mul.hi.u32 %d,%a,%b;",
                                      "mad.lo.u32 %d,%a,%b,%c;",
                                      "min.s32 %d,%a,%b;",
                                      "min.u32 %d,%a,%b;",
                                      "max.s32 %d,%a,%b;",
                                      "max.u32 %d,%a,%b;",
                                      "abs.s32 %d,%a;",
                                      "neg.s32 %d,%a;",
                                      "and.b32 %d,%a,%b;",
                                      "or.b32 %d,%a,%b;",
                                      "xor.b32 %d,%a,%b;",
                                      "not.b32 %d,%a;",
                                      "shl.b32 %d,%a,%b;",
                                      "shr.u32 %d,%a,%b;",
                                      "shr.s32 %d,%a,%b;",
                                      "shr.s32 %d,%a,31;",
                                      "mov.b32 %d,%a;",
                                      "lop3.b32 %d,%a,%b,%c,0x6a;",
                                      "lop3.b32 %d,%a,%b,%c,0x1d;",
                                      "setp.lt.s32 %p,%c,9; @%p add.s32 %a,%a,%b; mov.b32 %d,%a;",
                                      "setp.lt.s32 %p,%c,9; @!%p xor.b32 %a,%a,%b; mov.b32 %d,%a;",
                                      "setp.lt.s32 %p,%a,%b; @%p setp.ne.u32 %p,%a,%c; selp.b32 %d,%a,%c,%p;",
                                      "setp.lt.s32 %p,%a,%b; setp.gt.u32 %q,%b,%c; and.pred %p,%p,%q; selp.b32 %d,%a,%b,%p;",
                                      "setp.lt.or.s32 %p,%a,%b,%q; not.pred %q,%p; xor.pred %p,%p,%q; selp.b32 %d,%a,%b,%q;",
                                      "set.lt.u32.s32 %d,%a,%b;",
                                      "set.lt.f32.f32 %d,%a,%b;",
                                      "cvt.u16.u32 %h0,%a; cvt.u16.u32 %h1,%b; add.u16 %h2,%h0,%h1; cvt.u32.u16 %d,%h2;",
                                      "cvt.u16.u32 %h0,%a; cvt.u16.u32 %h1,%b; mul.lo.u16 %h2,%h0,%h1; cvt.s32.s16 %d,%h2;",
                                      "cvt.u16.u32 %h0,%a; cvt.u16.u32 %h1,%b; min.s16 %h2,%h0,%h1; cvt.u32.u16 %d,%h2;",
                                      "cvt.u16.u32 %h0,%a; cvt.u16.u32 %h1,%b; mad.lo.s16 %h2,%h0,%h1,%h0; cvt.u32.u16 %d,%h2;",
                                      "cvt.u16.u32 %h0,%a; cvt.u16.u32 %h1,%b; mul.wide.s16 %d,%h0,%h1;",
                                      "cvt.u16.u32 %h0,%a; cvt.u16.u32 %h1,%b; mul.wide.u16 %d,%h0,%h1;",
                                      "cvt.u16.u32 %h0,%a; shr.s16 %h1,%h0,%b; cvt.u32.u16 %d,%h1;",
                                      "cvt.u16.u32 %h0,%a; shl.b16 %h1,%h0,%b; cvt.u32.u16 %d,%h1;",
                                      "cvt.u16.u32 %h0,%a; shr.u16 %h1,%h0,%b; cvt.u32.u16 %d,%h1;",
                                      "cvt.u16.u32 %h0,%a; not.b16 %h1,%h0; cvt.u32.u16 %d,%h1;",
                                      "cvt.u16.u32 %h0,%a; neg.s16 %h1,%h0; abs.s16 %h2,%h1; cvt.u32.u16 %d,%h2;",
                                      "cvt.u32.u8 %d,%a;",
                                      "cvt.s32.s8 %d,%a;",
                                      "cvt.s32.s16 %d,%a;"}) {
    check_form(std::string(form), kWordCorners);
  }
  for (const std::string_view type : {"s32", "u32"}) {
    for (const std::string_view compare : {"eq", "ne", "lt", "le", "gt", "ge"}) {
      check_form(fmt::format("setp.{}.{} %p,%a,%b; selp.b32 %d,%c,7,%p;", compare, type), kWordCorners);
    }
  }
  for (const std::string_view compare : {"eq", "lt", "ge"}) {
    check_form(fmt::format("cvt.u16.u32 %h0,%a; cvt.u16.u32 %h1,%b; setp.{}.s16 %p,%h0,%h1; selp.b32 %d,%c,7,%p;", compare), kWordCorners);
    check_form(fmt::format("cvt.u16.u32 %h0,%a; cvt.u16.u32 %h1,%b; setp.{}.u16 %p,%h0,%h1; selp.b32 %d,%c,7,%p;", compare), kWordCorners);
  }
}

TEST_F(Native, WholeNumbersOf64BitsAreTheInterpreters) {
  for (const std::string_view form :
       {"add.s64 %d,%a,%b;", "sub.s64 %d,%a,%b;", "mul.lo.u64 %d,%a,%b;", "mad.lo.s64 %d,%a,%b,%c;", "neg.s64 %d,%a;", "and.b64 %d,%a,%b;",
        "or.b64 %d,%a,%b;", "xor.b64 %d,%a,%b;", "not.b64 %d,%a;", "cvt.u32.u64 %x,%b; shl.b64 %d,%a,%x;",
        "cvt.u32.u64 %x,%b; shr.u64 %d,%a,%x;", "cvt.u32.u64 %x,%a; cvt.u32.u64 %y,%b; mul.wide.s32 %d,%x,%y;",
        "cvt.u32.u64 %x,%a; cvt.u32.u64 %y,%b; mul.wide.u32 %d,%x,%y;", "cvt.u32.u64 %x,%a; cvt.u32.u64 %y,%b; mad.wide.s32 %d,%x,%y,%c;",
        "cvt.u32.u64 %x,%a; cvt.s64.s32 %d,%x;", "cvt.u32.u64 %x,%a; cvt.u64.u32 %d,%x;", "cvt.s64.s16 %d,%a;", "cvt.u64.u8 %d,%a;",
        "setp.lt.u64 %p,%c,9; selp.b64 %d,%a,%b,%p;"}) {
    check_form(std::string(form), kQuadCorners);
  }
  for (const std::string_view type : {"s64", "u64"}) {
    for (const std::string_view compare : {"eq", "ne", "lt", "le", "gt", "ge"}) {
      check_form(fmt::format("setp.{}.{} %p,%a,%b; selp.b64 %d,%c,7,%p;", compare, type), kQuadCorners);
    }
  }
}

// What is known of the first lane and holds for the others only while nothing goes around.

TEST_F(Native, WidensOnlyNumbersThatDoNotGoAround) {
  for (const std::string_view type : {"s32", "u32"}) {
    for (const std::uint32_t first : {0U, 0x7fff'ffe0U, 0x7fff'fff0U, 0xffff'ffd0U, 0xffff'fff8U, 0x8000'0000U}) {
      const std::string text = row_kernel(fmt::format(
          "add.u32 %r3, %i, %n;\nmul.wide.{0} %d1, %r3, 3;\ncvt.{1}.{0} %d2, %r3;\nxor.b64 %d1, %d1, %d2;\nshr.u64 %d2, %d1, 29;\n"
          "xor.b64 %d1, %d1, %d2;\ncvt.u32.u64 %r4, %d1;\nst.global.u32 [%at], %r4;",
          type, type == "s32" ? "s64" : "u64"));
      expect_same_left({.text = text, .words = counted(64), .argument = first});
    }
  }
}

TEST_F(Native, LeavesAKernelOnlyWhereAllLanesAgree) {
  for (const std::string_view guard :
       {"setp.ge.s32 %p, %r3, %m;\n@%p bra LEAVE;", "setp.lt.u32 %p, %r3, %m;\n@!%p bra LEAVE;", "setp.gt.u32 %p, %r3, %m;\n@%p ret;",
        "setp.le.s32 %p, %m, %r3;\n@%p exit;", "cvt.s64.s32 %d1, %r3;\ncvt.s64.s32 %d2, %m;\nsetp.ge.s64 %p, %d1, %d2;\n@%p bra LEAVE;",
        "add.s64 %d1, %d0, -100;\ncvt.u64.u32 %d2, %m;\nsetp.ge.u64 %p, %d1, %d2;\n@%p bra LEAVE;"}) {
    for (const std::uint32_t first : {0U, 0x7fff'fff0U, 0xffff'fff0U}) {
      for (const std::uint32_t bound : {0U, 1U, 63U, 64U, 65U, 128U, 0x7fff'fff8U, 0x8000'0000U, 0xffff'ffffU}) {
        const std::string text = row_kernel(
            fmt::format("add.u32 %r3, %i, %n;\n{}\nld.global.u32 %r4, [%at];\nadd.u32 %r4, %r4, 5;\nst.global.u32 [%at], %r4;", guard));
        expect_same_left({.text = text, .words = counted(128), .blocks = 2, .argument = first | std::uint64_t{bound} << 32U});
      }
    }
  }
}

// Memory.

TEST_F(Native, RowsThatOverlapAreReadBeforeTheyAreWritten) {
  for (const int behind : {-64, -4, 0, 4, 28, 32, 256, 260}) {
    const std::string text = row_kernel(
        fmt::format("ld.global.u32 %r3, [%at+512];\nadd.u32 %r3, %r3, 1;\nst.global.u32 [%at+{}], %r3;\nld.global.u32 %r4, [%at+512];\n"
                    "add.u32 %r4, %r4, %r3;\nst.global.u32 [%at+1024], %r4;",
                    512 + behind));
    expect_same_left({.text = text, .words = counted(512)});
  }
}

TEST_F(Native, NamesTheThreadAndTheAddressThatTheInterpreterNames) {
  for (const std::string_view access : {"ld.global.u32 %r4, [%at];", "st.global.u32 [%at], %i;", "ld.global.u32 %r4, [%at+2];",
                                        "ld.global.u8 %r4, [%at+64];", "st.global.u64 [%at], %d0;"}) {
    const std::string text = row_kernel(fmt::format("add.u32 %r3, %i, 7;\n{}\nadd.u32 %r4, %r4, %r3;\nst.global.u32 [%p0], %r4;", access));
    // The second block goes beyond the end.
    const Left left = expect_same_left({.text = text, .words = counted(100), .blocks = 2});
    EXPECT_TRUE(left.fault.has_value()) << access;
  }
}

TEST_F(Native, AccessesOfEveryWidthMoveWhatTheInterpreterMoves) {
  for (const std::string_view moved :
       {"mul.wide.s32 %d1,%i,1; add.s64 %d1,%p0,%d1; ld.global.u8 %r3,[%d1]; st.global.u8 [%d1+300],%r3; st.global.u32 [%at+1024],%r3;",
        "mul.wide.s32 %d1,%i,1; add.s64 %d1,%p0,%d1; ld.global.s8 %r3,[%d1]; st.global.u32 [%at+1024],%r3;",
        "mul.wide.s32 %d1,%i,2; add.s64 %d1,%p0,%d1; ld.global.s16 %r3,[%d1]; st.global.u16 [%d1+512],%r3; st.global.u32 [%at+1024],%r3;",
        "mul.wide.s32 %d1,%i,2; add.s64 %d1,%p0,%d1; ld.global.u16 %r3,[%d1]; st.global.u32 [%at+1024],%r3;",
        "mul.wide.s32 %d1,%i,8; add.s64 %d1,%p0,%d1; ld.global.u64 %d2,[%d1]; st.global.u64 [%d1+512],%d2; st.global.u32 [%at+1024],%d2;",
        "ld.global.s32 %d2,[%at]; mul.wide.s32 %d1,%i,8; add.s64 %d1,%p0,%d1; st.global.u64 [%d1+512],%d2;"}) {
    const Left left = expect_same_left({.text = row_kernel(std::string(moved)), .words = counted(512)});
    EXPECT_EQ(left.native_runs, 1U) << moved;
  }
}

// Time.

TEST_F(Native, ALoopThatNeverEndsRunsOutOfFuel) {
  const std::string text = row_kernel("mov.u32 %r3, 0;\nAGAIN: add.u32 %r3, %r3, %i;\nxor.b32 %r3, %r3, 5;\nbra AGAIN;");
  const Left left = expect_same_left({.text = text, .words = counted(64), .fuel = 1U << 20U});
  ASSERT_TRUE(left.fault);
  EXPECT_EQ(left.fault->kind, Fault::Kind::timeout);
  EXPECT_GT(left.native_runs, 100U);
}

TEST_F(Native, IsBoundedForAKernelOfManySteps) {
  std::string body;
  for (int i = 0; i < 40'000; ++i) body += "add.u32 %r3, %r3, %i;\n";
  const OneBuffer given{.text = row_kernel(body + "st.global.u32 [%at], %r3;"), .words = counted(64)};
  const Left left = expect_same_left(given);
  EXPECT_GT(left.native_runs, 0U);
  EXPECT_LT(left.native_runs, 64U);
}

}  // namespace
}  // namespace sublet::cpu
