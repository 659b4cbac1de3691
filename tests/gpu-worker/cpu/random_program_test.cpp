// Random programs give the same bytes however their threads are run: by either set of lane functions or in native code, parted or together,
// in blocks of any shape, each thread by itself, on several threads of the host.

#include "tests/gpu-worker/cpu/random_program.hpp"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "common/random.hpp"
#include "tests/gpu-worker/cpu/one_instruction.hpp"

namespace sublet::cpu {
namespace {

using random_program::Form;
using random_program::kInputBytes;
using random_program::kOutputBytes;
using random_program::kThreads;
using random_program::Program;

constexpr std::uint32_t kBlocks = 2;
constexpr std::uint32_t kAll = kBlocks * kThreads;

/// Numbers at which something happens, and any others.
std::vector<std::byte> inputs(std::uint64_t seed) {
  static constexpr std::array<std::uint32_t, 16> kCorners = {0,           1,           2,           31,          32,          0x7fff'ffff,
                                                             0x8000'0000, 0xffff'ffff, 0x3f80'0000, 0xbf80'0000, 0x0040'0000, 0x7f80'0000,
                                                             0xff80'0000, 0x7fc0'0001, 0x4b80'0000, 0x3eaa'aaab};
  SeededRandom random(seed);
  std::vector<std::uint32_t> words(kAll * kInputBytes / 4);
  for (std::uint32_t& word : words) {
    const std::uint64_t drawn = random.next();
    word = drawn % 4 == 0 ? kCorners[(drawn >> 8U) % kCorners.size()]
                          : static_cast<std::uint32_t>(drawn >> 16U) >> (drawn % 4 == 1 ? 24U : 0U);
  }
  const auto bytes = std::as_bytes(std::span(words));
  return {bytes.begin(), bytes.end()};
}

/// Two sets of lane functions and native code, on one or two threads of the host.
class Machines {
 public:
  std::string run(const Program& program, const Form& form, Engine engine, Extent block, std::uint64_t seed) {
    Machine& machine = machines_[static_cast<std::size_t>(engine)];
    const auto given = inputs(seed);
    std::memcpy(machine.bench.host(machine.in), given.data(), given.size());
    std::memset(machine.bench.host(machine.out), 0, kAll * kOutputBytes);
    const auto text = random_program::to_ptx(program, form);
    const Extent grid = {form.alone ? kAll : kBlocks, 1, 1};
    const auto fault = machine.bench.run(text, {machine.in, machine.out, seed}, grid, form.alone ? Extent{1, 1, 1} : block);
    if (fault)
      RC_FAIL(fmt::format("fault of kind {}, thread {}, line {}, address {:#x}\n{}", static_cast<int>(fault->kind), fault->thread,
                          fault->line, fault->address, text));
    return {reinterpret_cast<const char*>(machine.bench.host(machine.out)), kAll * kOutputBytes};
  }

 private:
  struct Machine {
    explicit Machine(Engine engine)
        : bench(engine), in(bench.place(nullptr, kAll * kInputBytes)), out(bench.place(nullptr, kAll * kOutputBytes)) {}
    Bench bench;
    std::uint64_t in;
    std::uint64_t out;
  };
  std::array<Machine, 3> machines_ = {Machine(Engine::baseline), Machine(Engine::wide), Machine(Engine::native)};
};

Machines& machines() {
  static Machines made;
  return made;
}

constexpr Extent kLine = {kThreads, 1, 1};

/// Fails with the first thread and word that differ, and both texts.
void expect_same(const std::string& expected, const std::string& got, const Program& program, const Form& form, std::string_view what) {
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(expected, got).in1 - expected.begin());
  if (at == expected.size()) return;
  RC_LOG() << what << ": thread " << at / kOutputBytes << ", byte " << at % kOutputBytes << "\n" << random_program::to_ptx(program, form);
  RC_FAIL("two ways to run a program differ");
}

void expect_same_forms(const Program& program, std::uint64_t seed, std::initializer_list<Form> forms) {
  const std::string expected = machines().run(program, {}, Engine::baseline, kLine, seed);
  for (const Engine engine : engines()) {
    for (const Form& form : forms) {
      expect_same(expected, machines().run(program, form, engine, kLine, seed), program, form, "another form");
    }
    expect_same(expected, machines().run(program, {}, engine, kLine, seed), program, {}, "another engine");
    expect_same(expected, machines().run(program, {}, engine, {kThreads / 8, 8, 1}, seed), program, {}, "a block of two dimensions");
  }
}

RC_GTEST_PROP(RandomProgram, OfThreadsByThemselvesIsTheSameInEveryForm, ()) {
  const auto program = *random_program::programs(false);
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  expect_same_forms(program, seed, {{.alone = true}, {.guarded = true}, {.split = true}, {.guarded = true, .alone = true}});
}

RC_GTEST_PROP(RandomProgram, OfThreadsThatTalkIsTheSameInEveryForm, ()) {
  const auto program = *random_program::programs(true);
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  expect_same_forms(program, seed, {{.guarded = true}, {.split = true}, {.guarded = true, .split = true}});
}

}  // namespace
}  // namespace sublet::cpu
