// Repeated stages and residents: as YAML, as values that are checked, and as they are explained.

#include <array>
#include <bit>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pipeline/compiled.hpp"
#include "common/pipeline/explain.hpp"
#include "common/pipeline/pipeline_yaml.hpp"
#include "common/pipeline/until.hpp"
#include "tests/common/pipeline/example.hpp"

namespace sublet {
namespace {

using test::refusal;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::string_view kSolver = R"(name: solver
modules: {solver: solver.ptx}
parameters: {tolerance: 0.5}
residents: {matrix: matrix.bin}
buffers: {even: n, odd: n, residual: 4}
input: even
stages:
  - {kernel: begin, over: n, args: [even]}
  - repeat: {times: 500, every: n / 8, until: f32 residual < tolerance, else: "no solution of {n} bytes"}
    stages:
      - {kernel: step, over: n, args: [matrix, even, odd]}
      - {kernel: step, over: n, args: [matrix, odd, even]}
    check:
      - {kernel: rest, over: n, args: [even, residual]}
  - {kernel: end, over: n, args: [even]}
output: even
)";

std::string with_change(std::string_view old_part, std::string_view new_part) { return test::replaced(kSolver, old_part, new_part); }

std::string refused_text(const std::string& yaml) { return refusal(parse_pipeline(yaml, "solver.yaml")); }

Pipeline solver() { return *parse_pipeline(kSolver, "solver.yaml"); }

template <class Change>
std::string refused_after(Change change) {
  Pipeline pipeline = solver();
  change(pipeline);
  return refusal(validate(pipeline));
}

TEST(Repeat, IsReadWithItsStagesAndThoseOfItsCheck) {
  const auto pipeline = parse_pipeline(kSolver, "solver.yaml");
  ASSERT_TRUE(pipeline) << to_text(pipeline.error());
  ASSERT_EQ(pipeline->stages.size(), 5U);
  EXPECT_EQ(pipeline->stages[3].kernel, "rest");
  EXPECT_EQ(pipeline->repeats, (std::vector<PipelineRepeat>{{.first = 1,
                                                             .stages = 2,
                                                             .check = 1,
                                                             .times = "500",
                                                             .every = "n / 8",
                                                             .until = "f32 residual < tolerance",
                                                             .otherwise = "no solution of {n} bytes"}}));
}

TEST(Repeat, MayBeNothingButTimes) {
  const auto pipeline =
      parse_pipeline(with_change(R"({times: 500, every: n / 8, until: f32 residual < tolerance, else: "no solution of {n} bytes"}
    stages:
      - {kernel: step, over: n, args: [matrix, even, odd]}
      - {kernel: step, over: n, args: [matrix, odd, even]}
    check:
      - {kernel: rest, over: n, args: [even, residual]})",
                                 "{times: n}\n    stages: [{kernel: step, over: n, args: [even]}]"),
                     "solver.yaml");
  ASSERT_TRUE(pipeline) << to_text(pipeline.error());
  EXPECT_EQ(pipeline->repeats[0].times, "n");
  EXPECT_EQ(pipeline->repeats[0].stages, 1U);
}

TEST(Repeat, SaysWhatIsWrongWithItsText) {
  EXPECT_THAT(refused_text(with_change("times: 500, ", "")), AllOf(HasSubstr("line 9"), HasSubstr("repeat 1 has no times")));
  EXPECT_THAT(refused_text(with_change("times: 500", "time: 500")), HasSubstr("did you mean \"times\"?"));
  EXPECT_THAT(refused_text(with_change("    check:", "    chekc:")), HasSubstr("did you mean \"check\"?"));
  EXPECT_THAT(refused_text(with_change("{kernel: step, over: n, args: [matrix, even, odd]}", "{repeat: {times: 2}, stages: []}")),
              HasSubstr("repeats cannot be nested"));
  EXPECT_THAT(refused_text("name: a\nbuffers: {b: n}\ninput: b\noutput: b\nstages:\n  - {repeat: {times: 2}}\n"),
              HasSubstr("repeats nothing"));
  EXPECT_THAT(refused_text("name: a\nbuffers: {b: n}\ninput: b\noutput: b\nstages:\n  - {repeat: {times: 2}, stages: step}\n"),
              HasSubstr("repeats nothing"));
}

TEST(Repeat, SaysWhatIsWrongWithItsNumbersAndNames) {
  EXPECT_THAT(refused_text(with_change("times: 500", "times: m")), AllOf(HasSubstr("repeat 1, times"), HasSubstr("unknown name \"m\"")));
  EXPECT_THAT(refused_text(with_change("every: n / 8", "every: n /")), HasSubstr("repeat 1, every"));
  EXPECT_THAT(refused_text(with_change("f32 residual <", "f32 residul <")),
              AllOf(HasSubstr("repeat 1, until"), HasSubstr("did you mean \"residual\"?")));
  EXPECT_THAT(refused_text(with_change("f32 residual <", "f32 matrix <")), HasSubstr("never changes"));
  EXPECT_THAT(refused_text(with_change("f32 residual <", "residual <")), HasSubstr("is no condition"));
  EXPECT_THAT(refused_text(with_change("residual < tol", "residual = tol")), HasSubstr("is no condition"));
  EXPECT_THAT(refused_text(with_change("< tolerance", "< n")), HasSubstr("repeat 1, until"));
  EXPECT_THAT(refused_text(with_change("{n} bytes", "{m} bytes")), AllOf(HasSubstr("repeat 1"), HasSubstr("unknown name \"m\"")));
}

TEST(Repeat, WithoutAConditionHasNothingThatBelongsToOne) {
  EXPECT_THAT(refused_after([](Pipeline& p) { p.repeats[0].until.clear(); }), HasSubstr("has else but no until"));
  const auto without = [](Pipeline& p) {
    p.repeats[0].until.clear();
    p.repeats[0].otherwise.clear();
  };
  EXPECT_THAT(refused_after(without), HasSubstr("has check but no until"));
  EXPECT_THAT(refused_after([&](Pipeline& p) {
                without(p);
                p.repeats[0].check = 0;
              }),
              HasSubstr("has every but no until"));
}

TEST(Repeat, HoldsStagesThatAreThereAndItsOwn) {
  constexpr auto kWords = "which are not there or in another";
  EXPECT_THAT(refused_after([](Pipeline& p) { p.repeats[0].first = 3; }), HasSubstr(kWords));
  EXPECT_THAT(refused_after([](Pipeline& p) { p.repeats[0].stages = 0; }), HasSubstr(kWords));
  EXPECT_THAT(refused_after([](Pipeline& p) { p.repeats[0].check = 3; }), HasSubstr(kWords));
  EXPECT_THAT(refused_after([](Pipeline& p) { p.repeats[0].first = 0xffffffff; }), HasSubstr(kWords));
  EXPECT_THAT(refused_after([](Pipeline& p) { p.repeats.push_back({.first = 3, .times = "1"}); }), HasSubstr(kWords));
  EXPECT_EQ(refused_after([](Pipeline& p) { p.repeats.push_back({.first = 4, .times = "1"}); }), "(was not refused)");
}

TEST(Resident, IsReadWithItsFile) {
  EXPECT_EQ(solver().residents, (std::vector<PipelineResident>{{.name = "matrix", .file = "matrix.bin", .bytes = 0}}));
  EXPECT_THAT(refused_text(with_change("matrix: matrix.bin", "matrix: {}")), HasSubstr("a resident should be a file's name"));
}

TEST(Resident, HasANameThatIsItsOwn) {
  EXPECT_THAT(refused_after([](Pipeline& p) { p.residents[0].name = "even"; }), HasSubstr("resident \"even\" is named as a buffer"));
  EXPECT_THAT(refused_after([](Pipeline& p) { p.residents[0].name = "f32"; }), HasSubstr("is named as a type"));
  EXPECT_THAT(refused_after([](Pipeline& p) { p.residents.push_back(p.residents[0]); }), HasSubstr("matrix"));
  EXPECT_THAT(refused_after([](Pipeline& p) { p.residents.resize(17, {.name = "x", .file = "", .bytes = 0}); }), HasSubstr("16"));
  EXPECT_THAT(refused_after([](Pipeline& p) { p.stages[1].args[0].value = "matrx"; }), HasSubstr("did you mean \"matrix\"?"));
}

TEST(Resident, IsPartOfWhatALeaseTakesOnce) {
  Pipeline pipeline = solver();
  const auto lease = [&] { return lease_bytes(pipeline, 1024, 0_B).value().count; };
  const auto without = lease();
  pipeline.residents[0].bytes = 1000;
  EXPECT_EQ(lease(), without - 256 + 1024) << "the same for one lane and for all, rounded up";
  pipeline.lanes = 1;
  EXPECT_EQ(lease(), (2 * 1024 + 256) + 1024U);
  pipeline.residents[0].bytes = ~std::uint64_t{0};
  EXPECT_THAT(refusal(lease_bytes(pipeline, 1024, 0_B)), HasSubstr("matrix"));
}

bool until_holds(std::string_view text, const auto& value, std::uint64_t n = 0) {
  const auto until = CompiledUntil::compile(text, Scope(solver()));
  EXPECT_TRUE(until) << to_text(until.error());
  std::array<std::byte, 8> bytes{};
  std::memcpy(bytes.data(), &value, sizeof(value));
  EXPECT_EQ(until->bytes(), sizeof(value));
  return until->holds(bytes, until->limit(n).value());
}

TEST(Until, ComparesANumberOfItsType) {
  EXPECT_TRUE(until_holds("f32 residual < tolerance", 0.25F));
  EXPECT_FALSE(until_holds("f32 residual < tolerance", 0.5F));
  EXPECT_FALSE(until_holds("f32 residual < tolerance", std::bit_cast<float>(0x7fc00000U))) << "a NaN is not less than anything";
  EXPECT_TRUE(until_holds("f64 residual >= -1e-3", -0.001));
  EXPECT_TRUE(until_holds("i32 residual > -2", std::int32_t{-1}));
  EXPECT_FALSE(until_holds("u32 residual < 2", std::uint32_t{0xffffffff}));
  EXPECT_TRUE(until_holds("i16 residual == -2", std::int16_t{-2}));
  EXPECT_TRUE(until_holds("u8 residual != 3", std::uint8_t{4}));
  EXPECT_TRUE(until_holds("i8 residual <= -3", std::int8_t{-3}));
  EXPECT_TRUE(until_holds("u64 residual >= n * 2", std::uint64_t{1} << 40U, std::uint64_t{1} << 39U));
  EXPECT_TRUE(until_holds("i64 residual < 0", std::int64_t{-1}));
  EXPECT_TRUE(until_holds("u16 residual > 300", std::uint16_t{301}));
}

TEST(Repeat, IsExplained) {
  Bundle bundle{.pipeline = solver(), .modules = {}, .residents = {}};
  bundle.pipeline.residents[0].bytes = 5000;
  const auto text = explain(bundle, 800).value_or("(refused)");
  EXPECT_THAT(text, HasSubstr(R"(
  repeated       times  until                     looked at       check     else
  stages 2 to 3    500  f32 residual < tolerance  each 100 times  stages 4  no solution of 800 bytes
)"));
  EXPECT_THAT(text, HasSubstr(R"(
  resident  bytes     VRAM
  matrix     5000  5.0 KiB
)"));
  EXPECT_THAT(text, AllOf(HasSubstr("least VRAM of a lease"), HasSubstr("1 lane, residents and modules of 0 B"),
                          HasSubstr("4 lanes, where the card has room")));
}

}  // namespace
}  // namespace sublet
