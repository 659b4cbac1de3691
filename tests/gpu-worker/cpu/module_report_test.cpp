#include "gpu-worker/devices/cpu/module_report.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sublet::cpu {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string module_of(std::string_view parameters, std::string_view body) {
  return fmt::format(".version 8.4\n.target sm_80\n.address_size 64\n.visible .entry k({})\n{{\n{}\n}}\n", parameters, body);
}

ModuleReport report_of(const std::string& source) {
  const auto report = report_on(as_view(source));
  EXPECT_TRUE(report) << to_text(report.error());
  return report.value_or(ModuleReport{});
}

TEST(ModuleReport, ListsParametersWithTypesAndSizes) {
  const auto report = report_of(module_of(".param .u64 a, .param .f32 b, .param .align 8 .b8 c[24], .param .align 4 .b8 d[1]", "ret;"));
  EXPECT_EQ(report.version, "8.4");
  EXPECT_EQ(report.target, "sm_80");
  const auto& parameters = report.kernels.at(0).parameters;
  ASSERT_EQ(parameters.size(), 4U);
  EXPECT_EQ(parameters[0].type, "u64");
  EXPECT_EQ(parameters[1].type, "f32");
  EXPECT_EQ(parameters[1].bytes, 4U);
  EXPECT_EQ(parameters[2].type, "b8[24]");
  EXPECT_EQ(parameters[2].bytes, 24U);
  EXPECT_EQ(parameters[3].type, "b8[1]");
}

TEST(ModuleReport, CountsRegistersAndSharedMemory) {
  const auto report = report_of(module_of("", ".reg .pred %p<3>; .reg .b32 %r<7>; .reg .b32 %s; .shared .align 16 .b8 tile[1000];\nret;"));
  EXPECT_THAT(report.kernels.at(0).registers, ElementsAre(Pair("pred", 3), Pair("b32", 8)));
  EXPECT_EQ(report.kernels[0].shared_bytes, 0U) << "memory that no instruction names takes none";
  const auto used =
      report_of(module_of("", ".reg .b32 %r; .shared .align 16 .b8 tile[1000];\nmov.u32 %r, tile;\nst.shared.u32 [%r], 1;\nret;"));
  EXPECT_GE(used.kernels.at(0).shared_bytes, 1000U);
}

TEST(ModuleReport, NamesAllThatTheDeviceCannotRun) {
  const auto report = report_of(
      module_of(".param .u64 p", ".reg .b32 %r<4>;\nwgmma.fence.sync.aligned;\ntex.1d.v4.s32.s32 {%r0,%r1,%r2,%r3}, [p, {%r0}];\nret;"));
  ASSERT_EQ(report.refused.size(), 2U);
  EXPECT_EQ(report.refused_total, 2U);
  EXPECT_THAT(report.refused[0].what, HasSubstr("opcode wgmma.fence.sync.aligned"));
  EXPECT_EQ(report.refused[0].kernel, "k");
  EXPECT_EQ(report.refused[0].line, 7U);
  EXPECT_EQ(report.refused[1].line, 8U);
}

TEST(ModuleReport, NamesWhatOnlyShowsWhenAKernelIsMadeReady) {
  // The form is known; that nothing runs it is found after the text was read.
  const auto report = report_of(module_of("", ".reg .b32 %r<4>;\nmad.hi.sat.s32 %r0, %r1, %r2, %r3;\nret;"));
  ASSERT_EQ(report.refused_total, 1U);
  EXPECT_THAT(report.refused[0].what, HasSubstr("mad.hi.sat.s32"));
  EXPECT_EQ(report.refused[0].line, 7U);
}

TEST(ModuleReport, NamesFormsThatThereAreNot) {
  const auto report = report_of(module_of("",
                                          ".reg .b32 %r<4>; .reg .b16 %h<4>; .reg .pred %p<4>;\ncvt.sat.u32.u16 %r0, %h1;\nsetp.lt.f16 "
                                          "%p0|%p1, %h0, %h1;\nadd.ftz.s32 %r0, %r1, 1;\nret;"));
  ASSERT_EQ(report.refused_total, 3U);
  EXPECT_THAT(report.refused[0].what, HasSubstr("opcode cvt.sat.u32.u16"));
  EXPECT_EQ(report.refused[0].line, 7U);
  EXPECT_THAT(report.refused[1].what, HasSubstr("opcode setp.lt.f16 with two predicates"));
  EXPECT_THAT(report.refused[2].what, HasSubstr("opcode add.ftz.s32"));
}

TEST(ModuleReport, NamesThePlaceInTheSourceWhereThePtxSaysIt) {
  const auto report = report_of(
      module_of("",
                "wgmma.fence.sync.aligned;\n.loc 1 12 3\n// a comment\nwgmma.fence.sync.aligned;\n"
                ".loc\t2 80 5, function_name $L__info_string0, inlined_at 1 20 9\nwgmma.fence.sync.aligned;\n"
                ".loc 3 1 1\nwgmma.fence.sync.aligned;\nret;") +
      "\n.visible .entry other() {\nwgmma.fence.sync.aligned;\nret;\n}\n.file\t1 \"/home/me/blur.cu\", 1, 2\n.file 2 \"half.hpp\"\n");
  ASSERT_EQ(report.refused_total, 5U);
  EXPECT_EQ(report.refused[0].source, "") << "before any .loc";
  EXPECT_EQ(report.refused[1].source, "blur.cu:12");
  EXPECT_EQ(report.refused[2].source, "blur.cu:20") << "where it was inlined";
  EXPECT_EQ(report.refused[3].source, "") << "of a file that is not named";
  EXPECT_EQ(report.refused[4].source, "") << "of another kernel";
}

TEST(ModuleReport, RefusesWhatIsNoPtx) {
  const std::string source = "__global__ void k() {}";
  const auto report = report_on(as_view(source));
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().detail, HasSubstr("nvcc --ptx"));
}

ParameterUse use_of(std::size_t parameter, const std::string& parameters, const std::string& body) {
  return report_of(module_of(parameters, body)).kernels.at(0).parameters.at(parameter).use;
}

constexpr auto kTwo = ".param .u64 a, .param .u64 b";
constexpr auto kRegisters = ".reg .b64 %d<9>; .reg .b32 %r<4>; .reg .f32 %f<2>;\n";

TEST(ParameterUse, FindsPointersByTheirConversionToGlobalAddresses) {
  const auto body = std::string(kRegisters) +
                    "ld.param.u64 %d1, [a];\nld.param.u64 %d2, [b];\ncvta.to.global.u64 %d3, %d1;\nadd.s64 %d4, %d3, %d2;\n"
                    "ld.global.f32 %f1, [%d4];\nret;";
  EXPECT_TRUE(use_of(0, kTwo, body).pointer);
  EXPECT_TRUE(use_of(0, kTwo, body).read);
  EXPECT_FALSE(use_of(0, kTwo, body).written);
  EXPECT_EQ(use_of(0, kTwo, body).element_bytes, 4U);
  EXPECT_FALSE(use_of(1, kTwo, body).pointer) << "a number that is added to a pointer is none";
}

TEST(ParameterUse, FindsPointersThatReachAnAddressWhereNothingIsConverted) {
  const auto body = std::string(kRegisters) +
                    "ld.param.u64 %d1, [a];\nld.param.u64 %d2, [b];\nmov.u32 %r1, %tid.x;\nmul.wide.u32 %d3, %r1, 8;\n"
                    "add.s64 %d4, %d1, %d3;\nst.global.u64 [%d4+16], %d2;\nret;";
  EXPECT_TRUE(use_of(0, kTwo, body).written);
  EXPECT_FALSE(use_of(0, kTwo, body).read);
  EXPECT_FALSE(use_of(1, kTwo, body).pointer) << "what is written is no address";
}

TEST(ParameterUse, TakesAnIndexForNoPointer) {
  const auto body =
      std::string(kRegisters) +
      "ld.param.u64 %d1, [a];\nld.param.u64 %d2, [b];\nmad.lo.s64 %d3, %d2, 4, %d1;\natom.global.add.u32 %r1, [%d3], 1;\nret;";
  EXPECT_TRUE(use_of(0, kTwo, body).read && use_of(0, kTwo, body).written);
  EXPECT_FALSE(use_of(1, kTwo, body).pointer);
}

TEST(ParameterUse, BelievesWhatIsDeclared) {
  const auto parameters = ".param .u64 .ptr .global .align 1 a, .param .u64 b";
  const auto body = std::string(kRegisters) + "ld.param.u64 %d2, [b];\nld.global.u32 %r1, [%d2];\nret;";
  EXPECT_TRUE(use_of(0, parameters, body).pointer);
  EXPECT_FALSE(use_of(0, parameters, body).read);
  EXPECT_FALSE(use_of(1, parameters, body).pointer);
}

}  // namespace
}  // namespace sublet::cpu
