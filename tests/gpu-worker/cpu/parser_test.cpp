#include "gpu-worker/devices/cpu/ptx/parser.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sublet::cpu {
namespace {

using ::testing::HasSubstr;

std::string module_of(std::string_view body) {
  return fmt::format(".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 p, .param .u32 n)\n{{\n{}\n}}\n", body);
}

std::string error_of(std::string_view source) {
  const auto parsed = parse_module(source);
  EXPECT_FALSE(parsed) << source;
  return parsed ? std::string() : parsed.error().detail;
}

TEST(PtxParser, ReadsAKernelsSignature) {
  const auto parsed = parse_module(
      ".version 8.1\n.target sm_80, debug\n.address_size 64\n"
      ".entry k(.param .u8 a, .param .u64 .ptr .global .align 1 b, .param .align 16 .b8 c[20], .param .f32 d)\n"
      ".reqntid 8, 4\n.maxntid 64 .minnctapersm 2\n{ ret; }");
  ASSERT_TRUE(parsed) << to_text(parsed.error());
  EXPECT_EQ(parsed->version, "8.1");
  EXPECT_EQ(parsed->target, "sm_80");
  const Kernel& kernel = parsed->kernels.at(0);
  ASSERT_EQ(kernel.parameters.size(), 4U);
  EXPECT_EQ(kernel.parameters[1].offset, 8U);
  EXPECT_EQ(kernel.parameters[2].offset, 16U);
  EXPECT_EQ(kernel.parameters[2].size, 20U);
  EXPECT_EQ(kernel.parameters[3].offset, 36U);
  EXPECT_EQ(kernel.parameter_bytes, 40U);
  EXPECT_EQ(*kernel.required_threads, (std::array<std::uint32_t, 3>{8, 4, 1}));
  EXPECT_EQ(*kernel.maximum_threads, (std::array<std::uint32_t, 3>{64, 1, 1}));
}

TEST(PtxParser, FindsWhereThreadsMeetAgain) {
  const auto parsed = parse_module(
      module_of(".reg .pred %p<2>;\n.reg .b32 %r<4>;\n@%p1 bra ELSE;\nmov.u32 %r1, 1;\nbra.uni JOIN;\nELSE: mov.u32 %r1, 2;\nJOIN: ret;"));
  ASSERT_TRUE(parsed) << to_text(parsed.error());
  const auto& blocks = parsed->kernels[0].blocks;
  ASSERT_EQ(blocks.size(), 5U);
  EXPECT_EQ(blocks[0].taken, 2U);
  EXPECT_EQ(blocks[0].next, 1U);
  EXPECT_EQ(blocks[0].join, 3U);
  EXPECT_EQ(blocks[3].join, std::nullopt);
}

TEST(PtxParser, AnEndlessLoopHasNoPlaceToMeet) {
  const auto parsed = parse_module(module_of(".reg .pred %p;\nL: @%p bra M;\nM: bra L;"));
  ASSERT_TRUE(parsed) << to_text(parsed.error());
  EXPECT_EQ(parsed->kernels[0].blocks[1].join, std::nullopt);
}

TEST(PtxParser, ScopesHideRegistersAndLabels) {
  EXPECT_TRUE(parse_module(module_of(".reg .b32 %r;\n{ .reg .b64 %r; mov.u64 %r, 1; L: bra L; }\n{ L: bra L; }\nmov.u32 %r, 1;")));
  EXPECT_THAT(error_of(module_of("{ .reg .b32 %x; }\nmov.u32 %x, 1;")), HasSubstr("\"%x\" is not declared"));
}

TEST(PtxParser, NamesTheLineOfWhatIsWrong) {
  EXPECT_THAT(error_of(module_of(".reg .b32 %r<3>;\nmov.u32 %r1, %r2")), HasSubstr("line 8"));
  EXPECT_THAT(error_of(module_of(".reg .b32 %r<3>;\nmov.u32 %r3, 1;")), HasSubstr("line 7"));
  EXPECT_THAT(error_of(module_of("bra NOWHERE;")), HasSubstr("label \"NOWHERE\" is not defined in kernel \"k\" (line 6"));
  EXPECT_THAT(error_of(module_of("L:\nL: ret;")), HasSubstr("defined twice (line 7"));
  EXPECT_THAT(error_of(module_of(".reg .b32 %r;\n@%r ret;")), HasSubstr("not a predicate"));
  EXPECT_THAT(error_of(module_of(".reg .b32 %r<99999999>;")), HasSubstr("registers"));
  EXPECT_THAT(error_of(".version 9.0\n.entry k() {\nret;\n"), HasSubstr("not closed"));
  EXPECT_THAT(error_of("hello"), HasSubstr("not PTX"));
  EXPECT_THAT(error_of(".version 9.0\n.address_size 32\n"), HasSubstr("must be 64 (line 2"));
  EXPECT_THAT(error_of(".version 9.0\n.entry k() { ret; }\n.entry k() { ret; }"), HasSubstr("defined twice (line 3"));
}

TEST(PtxParser, ListsEverythingUnsupportedWithKernelAndLine) {
  const auto parsed =
      parse_module(module_of(".reg .b32 %r<3>;\ntex.1d.v4.f32.s32 {%r0, %r1, %r2, %r1}, [t, "
                             "{%r1}];\nwgmma.fence.sync.aligned;\ncp.async.ca.shared.global [p], [p], 4;\nret;"));
  ASSERT_TRUE(parsed) << to_text(parsed.error());
  ASSERT_EQ(parsed->unsupported_total, 3U);
  EXPECT_EQ(parsed->unsupported[0].what, "opcode tex.1d.v4.f32.s32");
  EXPECT_EQ(parsed->unsupported[1].what, "opcode wgmma.fence.sync.aligned");
  EXPECT_EQ(parsed->unsupported[1].line, 8U);
  EXPECT_EQ(parsed->unsupported[2].what, "opcode cp.async.ca.shared.global");
  EXPECT_EQ(parsed->unsupported[2].kernel, "k");
}

TEST(PtxParser, TheListOfUnsupportedIsBounded) {
  std::string body;
  for (int i = 0; i < 1000; ++i) {
    body += "wgmma.fence.sync.aligned;\n";
  }
  const auto parsed = parse_module(module_of(body));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->unsupported_total, 1000U);
  EXPECT_EQ(parsed->unsupported.size(), kMaxUnsupportedListed);
}

TEST(PtxParser, RefusesAnAlignmentThatIsNone) {
  for (const std::string align : {"0", "3", "8192", "0x100000001"}) {
    for (const std::string text : {".visible .entry k(.param .align " + align + " .b8 p[4]) { ret; }",
                                   ".visible .entry k() { .local .align " + align + " .b8 v[4]; ret; }",
                                   ".visible .entry k() { .shared .align " + align + " .b8 v[4]; ret; }",
                                   ".global .align " + align + " .b8 v[4];", ".func f(.param .align " + align + " .b8 p[4]) { ret; }"}) {
      const auto refused = parse_module(".version 8.0\n.target sm_80\n.address_size 64\n" + text);
      ASSERT_FALSE(refused) << text;
      EXPECT_THAT(refused.error().detail, HasSubstr("must be a power of two up to 4096")) << text;
    }
  }
}

TEST(PtxParser, TakesTheSameRegistersForPartsOfEachInstruction) {
  std::string body = ".reg .b16 %h<4>; .reg .b32 %r<4>;\n";
  for (int i = 0; i < 100; ++i) body += "cvt.rni.f16.f16 %h0, %h1;\nset.lt.f16x2.f16x2 %r0, %r1, %r2;\ncvt.rn.f16.s32 %h2, %r3;\n";
  const auto module = parse_module(".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k() {\n" + body + "ret;\n}\n");
  ASSERT_TRUE(module) << to_text(module.error());
  EXPECT_LT(module->kernels.at(0).registers.size(), 8U + 16U) << "they take memory in every thread";
}

TEST(PtxParser, ReadsVariablesWithInitialValues) {
  const auto parsed = parse_module(
      ".version 9.0\n.target sm_75\n.const .align 4 .f32 f[3] = {0f3F800000, 2.0, -1.5};\n.global .u16 s = 513;\n.global .align 8 .b8 "
      "z[32];");
  ASSERT_TRUE(parsed) << to_text(parsed.error());
  ASSERT_EQ(parsed->variables.size(), 3U);
  EXPECT_EQ(parsed->variables[0].initial.size(), 12U);
  EXPECT_EQ(parsed->variables[1].initial[0], std::byte{1});
  EXPECT_EQ(parsed->variables[1].initial[1], std::byte{2});
  EXPECT_EQ(parsed->variables[2].size, 32U);
}

TEST(PtxParser, SkipsWhatOnlyADebuggerReads) {
  EXPECT_TRUE(
      parse_module(".version 9.0\n.target sm_75\n.file 1 \"a.cu\"\n.section .debug_str { .b8 1, { 2 } }\n.entry k() {\n.loc 1 3 4\n.pragma "
                   "\"nounroll\";\n/* ret\n */ ret; // done\n}"));
}

}  // namespace
}  // namespace sublet::cpu
