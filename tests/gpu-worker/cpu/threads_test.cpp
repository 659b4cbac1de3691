// What the threads of a block do with one another: barriers, exchanges within warps, memory they share, calls.

#include <functional>
#include <map>

#include <gmock/gmock.h>

#include "gpu-worker/devices/cpu/device.hpp"
#include "tests/conformance/packed.hpp"
#include "tests/gpu-worker/cpu/one_instruction.hpp"

namespace sublet::cpu {
namespace {

using ::testing::HasSubstr;

/// A kernel k(u64 out) whose %t is the thread and %o the address of its 4 bytes of the output.
std::string kernel_of(std::string_view body, std::string_view before = "") {
  return fmt::format(
      ".version 8.0\n.target sm_80\n.address_size 64\n{}\n.visible .entry k(.param .u64 out)\n{{\n.reg .b32 %t, %r<16>;\n.reg .b64 %o, "
      "%rd<16>;\n"
      ".reg .pred %p<8>;\n.reg .b16 %h<8>;\n.reg .f32 %f<8>;\nld.param.u64 %o, [out];\nmov.u32 %t, %tid.x;\nmul.wide.u32 %rd0, %t, 4;\n"
      "add.s64 %o, %o, %rd0;\n{}\nret;\n}}\n",
      before, body);
}

struct Ran {
  std::vector<std::uint32_t> out;
  std::optional<Fault> fault;
};

Ran run_threads(std::string_view body, std::uint32_t threads, std::string_view before = "") {
  Bench bench(engines().back());
  const std::uint64_t out = bench.place(nullptr, threads * 4ULL);
  Ran ran;
  ran.fault = bench.run(kernel_of(body, before), {out}, threads);
  ran.out.resize(threads);
  std::memcpy(ran.out.data(), bench.host(out), threads * 4ULL);
  return ran;
}

std::vector<std::uint32_t> outputs(std::string_view body, std::uint32_t threads, std::string_view before = "") {
  Ran ran = run_threads(body, threads, before);
  EXPECT_FALSE(ran.fault);
  return ran.out;
}

/// Loads the module and answers what is wrong with it.
std::string load_error(const std::string& text) {
  const auto device = make_cpu_device({.total = 16_MiB});
  const auto session = *device->open_session({.slice = 16_MiB});
  const auto loaded = session->module_load(as_view(text));
  EXPECT_FALSE(loaded) << text;
  return loaded ? "" : to_text(loaded.error());
}

TEST(PtxBarrier, ThreadsThatPartMeetAtDifferentInstructionsOfOneBarrier) {
  const auto out = outputs(
      ".shared .b32 word;\nsetp.lt.u32 %p1, %t, 10;\n@%p1 bra LOW;\nmov.u32 %r1, 7;\nst.shared.u32 [word], %r1;\nbar.sync 0;\nbra DONE;\n"
      "LOW: bar.sync 0;\nDONE: ld.shared.u32 %r2, [word];\nst.global.u32 [%o], %r2;",
      70);
  EXPECT_THAT(out, ::testing::Each(7U));
}

TEST(PtxBarrier, ThreadsThatEndedAreNotWaitedFor) {
  const auto out = outputs("setp.ge.u32 %p1, %t, 33;\n@%p1 exit;\nbar.sync 0;\nmov.u32 %r1, 1;\nst.global.u32 [%o], %r1;", 100);
  EXPECT_EQ(std::count(out.begin(), out.end(), 1U), 33);
}

TEST(PtxBarrier, ThreadsThatEndWhileOthersWaitLetThemGo) {
  const auto out =
      outputs("setp.lt.u32 %p1, %t, 64;\n@%p1 bra WAIT;\nexit;\nWAIT: bar.sync 1;\nmov.u32 %r1, 1;\nst.global.u32 [%o], %r1;", 96);
  EXPECT_EQ(std::count(out.begin(), out.end(), 1U), 64);
}

TEST(PtxBarrier, CountsAndAgreesOverTheBlock) {
  const auto out = outputs(
      "setp.lt.u32 %p1, %t, 37;\nbar.red.popc.u32 %r1, 0, %p1;\nbar.red.and.pred %p2, 0, %p1;\nbar.red.or.pred %p3, 0, !%p1;\n"
      "selp.u32 %r2, 1000, 0, %p2;\nselp.u32 %r3, 100, 0, %p3;\nadd.u32 %r1, %r1, %r2;\nadd.u32 %r1, %r1, %r3;\nst.global.u32 [%o], %r1;",
      90);
  EXPECT_THAT(out, ::testing::Each(137U));
}

TEST(PtxBarrier, OneWarpHandsOverToAnotherByANumberedBarrier) {
  const auto out = outputs(
      ".shared .b32 word;\nmov.u32 %r1, 0;\nsetp.lt.u32 %p1, %t, 32;\n@%p1 bra GIVE;\nbar.sync 3, 64;\nld.shared.u32 %r1, [word];\nbra "
      "DONE;\n"
      "GIVE: mov.u32 %r2, 5;\nst.shared.u32 [word], %r2;\nbar.arrive 3, 64;\nDONE: st.global.u32 [%o], %r1;",
      64);
  EXPECT_EQ(out[0], 0U);
  EXPECT_EQ(out[63], 5U);
}

TEST(PtxBarrier, WaitingForThreadsThatNeverComeIsFoundAtOnce) {
  const Ran ran = run_threads("setp.lt.u32 %p1, %t, 32;\n@%p1 bra OTHER;\nbar.sync 1;\nbra DONE;\nOTHER: bar.sync 2;\nDONE: ret;", 64);
  ASSERT_TRUE(ran.fault);
  EXPECT_EQ(ran.fault->kind, Fault::Kind::deadlock);
}

TEST(PtxWarp, ShufflesReadTheLanesThatTheManualSays) {
  const auto lanes = [](std::string_view text) {
    return outputs(fmt::format("{}\nselp.u32 %r2, 100, 0, %p1;\nadd.u32 %r1, %r1, %r2;\nst.global.u32 [%o], %r1;", text), 64);
  };
  const auto up = lanes("shfl.sync.up.b32 %r1|%p1, %t, 3, 0, -1;");
  const auto down = lanes("shfl.sync.down.b32 %r1|%p1, %t, 5, 31, -1;");
  const auto cross = lanes("shfl.sync.bfly.b32 %r1|%p1, %t, 9, 31, -1;");
  const auto index = lanes("shfl.sync.idx.b32 %r1|%p1, %t, 11, 0x1807, -1;");
  for (std::uint32_t t = 0; t < 64; ++t) {
    const std::uint32_t lane = t % 32, warp = t - lane;
    EXPECT_EQ(up[t], lane >= 3 ? t - 3 + 100 : t) << t;
    EXPECT_EQ(down[t], lane + 5 <= 31 ? t + 5 + 100 : t) << t;
    EXPECT_EQ(cross[t], warp + (lane ^ 9U) + 100) << t;
    // Segments of 8 lanes, of which the lane 11 & 7 is read.
    EXPECT_EQ(index[t], warp + (lane & 24U) + 3 + 100) << t;
  }
}

TEST(PtxWarp, ThreadsThatPartExchangeAcrossTheirBranches) {
  const auto out = outputs(
      "and.b32 %r3, %t, 1;\nsetp.eq.u32 %p1, %r3, 0;\n@%p1 bra EVEN;\nshfl.sync.bfly.b32 %r1, %t, 1, 31, -1;\nbra DONE;\n"
      "EVEN: add.u32 %r2, %t, 100;\nshfl.sync.bfly.b32 %r1, %r2, 1, 31, -1;\nDONE: st.global.u32 [%o], %r1;",
      64);
  for (std::uint32_t t = 0; t < 64; ++t) {
    EXPECT_EQ(out[t], t % 2 == 0 ? t + 1 : t - 1 + 100);
  }
}

TEST(PtxWarp, VotesMatchesAndReductions) {
  const auto ballot = outputs("setp.gt.u32 %p1, %t, 30;\nvote.sync.ballot.b32 %r1, %p1, -1;\nst.global.u32 [%o], %r1;", 40);
  EXPECT_EQ(ballot[0], 0x8000'0000U);
  EXPECT_EQ(ballot[39], 0xffU) << "a warp of 8 threads";
  const auto match = outputs("and.b32 %r2, %t, 3;\nmatch.any.sync.b32 %r1, %r2, -1;\nst.global.u32 [%o], %r1;", 32);
  EXPECT_EQ(match[1], 0x2222'2222U);
  const auto all = outputs("mov.u32 %r2, 9;\nmatch.all.sync.b32 %r1|%p1, %r2, 15;\nst.global.u32 [%o], %r1;", 4);
  EXPECT_EQ(all[2], 15U);
  const auto sum = outputs("redux.sync.add.u32 %r1, %t, -1;\nst.global.u32 [%o], %r1;", 32);
  EXPECT_EQ(sum[7], 496U);
  const auto least = outputs("sub.u32 %r2, 5, %t;\nredux.sync.min.s32 %r1, %r2, -1;\nst.global.u32 [%o], %r1;", 32);
  EXPECT_EQ(static_cast<std::int32_t>(least[0]), -26);
  const auto active = outputs("setp.lt.u32 %p1, %t, 3;\n@!%p1 ret;\nactivemask.b32 %r1;\nst.global.u32 [%o], %r1;", 32);
  EXPECT_EQ(active[2], 7U);
}

TEST(PtxWarp, LanesKnowTheMasksOfThoseAroundThem) {
  const std::map<std::string, std::function<std::uint32_t(std::uint32_t)>> masks = {
      {"eq", [](std::uint32_t lane) { return 1U << lane; }},
      {"lt", [](std::uint32_t lane) { return (1U << lane) - 1; }},
      {"le", [](std::uint32_t lane) { return (2U << lane) - 1; }},
      {"gt", [](std::uint32_t lane) { return ~((2U << lane) - 1); }},
      {"ge", [](std::uint32_t lane) { return ~((1U << lane) - 1); }}};
  for (const auto& [name, wanted] : masks) {
    const auto out = outputs(fmt::format("mov.u32 %r1, %lanemask_{};\nst.global.u32 [%o], %r1;", name), 70);
    for (std::uint32_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], wanted(i % 32)) << name << " of thread " << i;
  }
}

TEST(PtxClock, NeverGoesBack) {
  for (const std::string clock : {"clock64", "globaltimer"}) {
    const auto out = outputs(fmt::format("mov.u64 %rd1, %{0};\nnanosleep.u32 100;\nmov.u64 %rd2, %{0};\nsetp.le.u64 %p1, %rd1, %rd2;\n"
                                         "selp.u32 %r1, 1, 0, %p1;\nst.global.u32 [%o], %r1;",
                                         clock),
                             40);
    EXPECT_THAT(out, ::testing::Each(1U)) << clock;
  }
  EXPECT_THAT(outputs("mov.u32 %r1, %clock;\nmov.u32 %r2, %clock_hi;\nmov.u32 %r3, 1;\nst.global.u32 [%o], %r3;", 40), ::testing::Each(1U));
}

TEST(PtxTrap, EndsTheLaunchAndNamesItsThread) {
  const Ran ran = run_threads("setp.eq.u32 %p1, %t, 37;\n@%p1 trap;\nmov.u32 %r1, 1;\nst.global.u32 [%o], %r1;", 64);
  ASSERT_TRUE(ran.fault);
  EXPECT_EQ(ran.fault->kind, Fault::Kind::trap);
  EXPECT_EQ(ran.fault->thread, 37U);
}

TEST(PtxMemory, SharedAndLocalBeginAsZerosInEveryBlock) {
  Bench bench(engines().back());
  const std::uint64_t out = bench.place(nullptr, 256);
  const std::string text = kernel_of(
      ".shared .align 4 .b8 s[256];\n.local .align 4 .b8 l[8];\nmul.lo.u32 %r1, %t, 4;\nmov.u32 %r2, s;\nadd.u32 %r2, %r2, %r1;\n"
      "ld.shared.u32 %r3, [%r2];\nld.local.u32 %r4, [l+4];\nadd.u32 %r3, %r3, %r4;\nld.global.u32 %r5, [%o];\nadd.u32 %r3, %r3, %r5;\n"
      "st.global.u32 [%o], %r3;\nmov.u32 %r6, 77;\nst.shared.u32 [%r2], %r6;\nst.local.u32 [l+4], %r6;");
  ASSERT_FALSE(bench.run(text, {out}, 64, 5));
  for (std::uint32_t t = 0; t < 64; ++t) {
    std::uint32_t value = 1;
    std::memcpy(&value, bench.host(out) + t * 4ULL, 4);
    EXPECT_EQ(value, 0U);
  }
}

TEST(PtxMemory, GenericAddressesReachEverySpace) {
  const auto out = outputs(
      ".shared .align 8 .b8 s[512];\n.local .align 8 .b8 l[16];\nmov.u64 %rd1, s;\ncvta.shared.u64 %rd1, %rd1;\nmul.wide.u32 %rd2, %t, 4;\n"
      "add.u64 %rd1, %rd1, %rd2;\nmov.u64 %rd3, l;\ncvta.local.u64 %rd3, %rd3;\nst.u32 [%rd1], %t;\nadd.u32 %r1, %t, 1000;\n"
      "st.u32 [%rd3+8], %r1;\nbar.sync 0;\nld.u32 %r2, [%rd1];\nld.local.u32 %r3, [l+8];\nadd.u32 %r2, %r2, %r3;\n"
      "isspacep.shared %p1, %rd1;\nisspacep.local %p2, %rd3;\nisspacep.global %p3, %o;\nisspacep.shared %p4, %o;\nselp.u32 %r4, 1, 0, "
      "%p1;\n"
      "add.u32 %r2, %r2, %r4;\nselp.u32 %r4, 2, 0, %p2;\nadd.u32 %r2, %r2, %r4;\nselp.u32 %r4, 4, 0, %p3;\nadd.u32 %r2, %r2, %r4;\n"
      "selp.u32 %r4, 8, 0, %p4;\nadd.u32 %r2, %r2, %r4;\nst.u32 [%o], %r2;",
      100);
  for (std::uint32_t t = 0; t < 100; ++t) {
    EXPECT_EQ(out[t], 2 * t + 1007);
  }
}

TEST(PtxMemory, NobodyReachesBeyondSharedOrLocalMemory) {
  const Ran shared =
      run_threads(".shared .b8 s[256];\nmul.lo.u32 %r1, %t, 4;\nmov.u32 %r3, s;\nadd.u32 %r1, %r1, %r3;\nld.shared.u32 %r2, [%r1];", 65);
  ASSERT_TRUE(shared.fault);
  EXPECT_EQ(shared.fault->kind, Fault::Kind::out_of_bounds);
  EXPECT_EQ(shared.fault->thread, 64U);
  const Ran local = run_threads(".local .b8 l[16];\ncvt.u64.u32 %rd1, %t;\nld.local.u8 %r2, [%rd1];", 20);
  ASSERT_TRUE(local.fault);
  EXPECT_EQ(local.fault->thread, 16U);
}

TEST(PtxMemory, InitialValuesMayBeAddresses) {
  const auto out = outputs(
      "ld.global.u64 %rd1, [table];\nld.global.u64 %rd2, [table+8];\nld.global.u32 %r1, [%rd1];\nld.global.u32 %r2, [%rd2];\n"
      "add.u32 %r1, %r1, %r2;\nst.global.u32 [%o], %r1;",
      3, ".global .u64 table[2] = {words, generic(words)+4};\n.global .u32 words[2] = {30, 12};");
  EXPECT_EQ(out[0], 42U);
}

TEST(PtxCalls, TablesOfBranchesSendEachThreadItsWay) {
  const auto out = outputs(
      "TABLE: .branchtargets A, B, C;\nrem.u32 %r1, %t, 3;\nbrx.idx %r1, TABLE;\nA: mov.u32 %r2, 10;\nbra DONE;\nB: mov.u32 %r2, 20;\nbra "
      "DONE;\n"
      "C: mov.u32 %r2, 30;\nDONE: st.global.u32 [%o], %r2;",
      50);
  for (std::uint32_t t = 0; t < 50; ++t) {
    EXPECT_EQ(out[t], t % 3 * 10 + 10);
  }
}

TEST(PtxCalls, RecursionWithoutAnEndIsAnErrorOfItsThread) {
  const Ran ran = run_threads(
      "call.uni endless;", 33,
      ".func endless\n{\n.local .b8 own[16];\n.reg .pred %q;\n.reg .b32 %x;\nst.local.u8 [own], %x;\ncall.uni endless;\nret;\n}");
  ASSERT_TRUE(ran.fault);
  EXPECT_EQ(ran.fault->kind, Fault::Kind::stack);
}

TEST(PtxCalls, AnAddressThatIsNoFunctionIsNamed) {
  const Ran ran = run_threads("PROTO: .callprototype _ ();\nmov.u64 %rd1, 4660;\ncall %rd1, (), PROTO;", 4);
  ASSERT_TRUE(ran.fault);
  EXPECT_EQ(ran.fault->kind, Fault::Kind::bad_call);
  EXPECT_EQ(ran.fault->address, 4660U);
}

constexpr std::string_view kPrints =
    ".extern .func (.param .b32 r) vprintf (.param .b64 a, .param .b64 b);\n"
    ".extern .func __assertfail (.param .b64 m, .param .b64 f, .param .b32 l, .param .b64 n, .param .b64 c);\n"
    ".global .b8 text[12] = {116, 61, 37, 100, 32, 37, 46, 50, 102, 10, 0};\n"
    ".global .b8 what[5] = {120, 32, 62, 32, 49};\n.global .b8 file[5] = {97, 46, 99, 117, 0};\n";

TEST(PtxCalls, PrintfTellsKernelBlockAndThread) {
  std::vector<std::string> told;
  const auto device = make_cpu_device({.total = 16_MiB, .threads = 1, .on_print = [&](std::string_view text) { told.emplace_back(text); }});
  const auto session = *device->open_session({.slice = 16_MiB});
  const auto module = session->module_load(as_view(kernel_of(
      ".local .align 8 .b8 args[16];\nmov.u64 %rd1, args;\ncvta.local.u64 %rd1, %rd1;\nst.local.u32 [args], %t;\nmov.f64 %rd2, "
      "0d3FF8000000000000;\n"
      "st.local.f64 [args+8], %rd2;\nmov.u64 %rd3, text;\n{ .param .b64 p0; .param .b64 p1; .param .b32 r0;\nst.param.b64 [p0], %rd3;\n"
      "st.param.b64 [p1], %rd1;\ncall.uni (r0), vprintf, (p0, p1);\nld.param.b32 %r1, [r0]; }",
      kPrints)));
  ASSERT_TRUE(module) << to_text(module.error());
  ASSERT_TRUE(session->launch({}, conformance::Packed().add(std::uint64_t{0}).launch(*module, "k", {1, 1, 1}, {2, 1, 1})));
  ASSERT_TRUE(session->sync({}));
  EXPECT_THAT(told, ::testing::ElementsAre("kernel \"k\", block (0,0,0), thread (0,0,0): t=0 1.50",
                                           "kernel \"k\", block (0,0,0), thread (1,0,0): t=1 1.50"));
}

TEST(PtxCalls, AFailedAssertionIsSyncFailedWithItsText) {
  const auto device = make_cpu_device({.total = 16_MiB, .threads = 1});
  const auto session = *device->open_session({.slice = 16_MiB});
  const auto module = session->module_load(as_view(
      kernel_of("mov.u64 %rd1, what;\nmov.u64 %rd2, file;\nsetp.ne.u32 %p1, %t, 1;\n@%p1 ret;\n"
                "{ .param .b64 p0; .param .b64 p1; .param .b32 p2; .param .b64 p3; .param .b64 p4;\nst.param.b64 [p0], %rd1;\nst.param.b64 "
                "[p1], %rd2;\n"
                "st.param.b32 [p2], 28;\nst.param.b64 [p3], %rd2;\nst.param.b64 [p4], 1;\ncall.uni __assertfail, (p0, p1, p2, p3, p4); }",
                kPrints)));
  ASSERT_TRUE(module) << to_text(module.error());
  ASSERT_TRUE(session->launch({}, conformance::Packed().add(std::uint64_t{0}).launch(*module, "k", {1, 1, 1}, {4, 1, 1})));
  const auto synced = session->sync({});
  ASSERT_FALSE(synced);
  EXPECT_EQ(synced.error().code, ErrorCode::sync_failed);
  EXPECT_THAT(synced.error().detail, HasSubstr("thread (1,0,0) of block (0,0,0): a.cu:28: a.cu: Assertion `x > 1` failed"));
}

TEST(PtxRefused, WhatNeedsOtherHardwareIsNamed) {
  for (const std::string_view opcode :
       {"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", "wmma.load.a.sync.aligned.row.m16n16k16.f16",
        "ldmatrix.sync.aligned.m8n8.x4.shared.b16", "cp.async.ca.shared.global", "cp.async.bulk.commit_group", "mbarrier.init.shared.b64",
        "barrier.cluster.arrive", "tex.2d.v4.f32.f32", "wgmma.fence.sync.aligned", "vote.all.pred"}) {
    EXPECT_THAT(load_error(kernel_of(fmt::format("{} {{%r1}}, [%rd1];", opcode))), HasSubstr(fmt::format("opcode {}", opcode)));
  }
}

TEST(PtxRefused, FunctionsThatOthersDefineAreNamed) {
  const std::string text =
      kernel_of("{ .param .b64 p0; .param .b64 r0; call (r0), malloc, (p0); }", ".extern .func (.param .b64 r) malloc (.param .b64 a);");
  EXPECT_THAT(load_error(text), HasSubstr("function \"malloc\""));
}

}  // namespace
}  // namespace sublet::cpu
