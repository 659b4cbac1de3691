// Accesses whose lanes go to many places: rows, one place for several, and whatever is left, on both sets of functions.

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <numeric>
#include <ostream>

#include <gmock/gmock.h>

#include "common/random.hpp"
#include "tests/gpu-worker/cpu/one_instruction.hpp"

namespace sublet::cpu {
namespace {

std::vector<bool> sets() { return has_wide_lanes() ? std::vector<bool>{false, true} : std::vector<bool>{false}; }

constexpr std::uint32_t kElements = 2048;

/// Which element each thread accesses.
struct Pattern {
  std::string name;
  std::function<std::uint32_t(std::uint32_t)> element;
};

std::vector<Pattern> patterns() {
  return {{"neighbours", [](std::uint32_t t) { return t + 3; }},
          {"rows of 16", [](std::uint32_t t) { return t / 16 * 23 + t % 16; }},
          {"rows of 16 that begin twice", [](std::uint32_t t) { return t / 16 * 23 + std::max(t % 16, 1U) - 1; }},
          {"rows of 5", [](std::uint32_t t) { return t / 5 * 9 + t % 5; }},
          {"rows that go down", [](std::uint32_t t) { return 1500 - t / 8 * 8 + t % 8; }},
          {"one for 8", [](std::uint32_t t) { return 900 - t / 8 * 5; }},
          {"one for 8, but for the fourth", [](std::uint32_t t) { return t / 8 * 3 + (t % 8 == 3 ? 1 : 0); }},
          {"a row that leaps at its end", [](std::uint32_t t) { return t + (t % 8 == 7 ? 1 : 0); }},
          {"one for all", [](std::uint32_t) { return 77U; }},
          {"every second", [](std::uint32_t t) { return t * 2; }},
          {"backwards", [](std::uint32_t t) { return kElements - 1 - t; }},
          {"anywhere", [](std::uint32_t t) { return (t * 2654435761U >> 13U) % kElements; }},
          {"rows, one for some, and anywhere",
           [](std::uint32_t t) { return t / 8 % 3 == 0 ? t : (t / 8 % 3 == 1 ? t / 8 : (t * 2654435761U >> 13U) % kElements); }}};
}

const std::vector<std::uint32_t>& thread_counts() {
  static const std::vector<std::uint32_t> counts = {1, 7, 8, 9, 31, 256, 1000, 1024};
  return counts;
}

std::vector<std::uint32_t> elements_of(const Pattern& pattern, std::uint32_t threads) {
  std::vector<std::uint32_t> elements(threads);
  for (std::uint32_t t = 0; t < threads; ++t) {
    elements[t] = pattern.element(t);
  }
  return elements;
}

std::vector<std::uint8_t> random_bytes(std::size_t count) {
  SeededRandom random(count);
  std::vector<std::uint8_t> made(count);
  std::ranges::generate(made, [&] { return static_cast<std::uint8_t>(random.next()); });
  return made;
}

/// A type with its registers, its bytes in memory and those of its registers.
struct Moved {
  std::string suffix;
  std::string registers;
  std::uint32_t bytes = 0;
  std::string store;  ///< how a load's outcome is written to %o
  std::uint32_t register_bytes = 0;
  bool is_signed = false;
};

std::vector<Moved> loads() {
  return {{"u8", "%h1", 1, "st.global.u16 [%o], %h1;", 2},
          {"s8", "%r1", 1, "st.global.u32 [%o], %r1;", 4, true},
          {"u16", "%r1", 2, "st.global.u32 [%o], %r1;", 4},
          {"s16", "%q1", 2, "st.global.u64 [%o], %q1;", 8, true},
          {"u32", "%r1", 4, "st.global.u32 [%o], %r1;", 4},
          {"s32", "%q1", 4, "st.global.u64 [%o], %q1;", 8, true},
          {"u64", "%q1", 8, "st.global.u64 [%o], %q1;", 8},
          {"v2.u32", "{%r1, %r2}", 8, "st.global.u32 [%o], %r1; st.global.u32 [%o+4], %r2;", 8},
          {"v4.u16", "{%h1, %h2, %h3, %h4}", 8,
           "st.global.u16 [%o], %h1; st.global.u16 [%o+2], %h2; st.global.u16 [%o+4], %h3; st.global.u16 [%o+6], %h4;", 8},
          {"v2.u64", "{%q1, %q2}", 16, "st.global.u64 [%o], %q1; st.global.u64 [%o+8], %q2;", 16}};
}

/// A kernel k(u64 in, u64 out, u64 table): %e is the thread's element from the table and %t the thread.
std::string kernel(const std::string& body, const std::string& variables = "") {
  return fmt::format(
      ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 in, .param .u64 out, .param .u64 table)\n{{\n"
      ".reg .b64 %in, %o, %x, %y, %q<8>;\n.reg .b32 %t, %e, %s, %r<8>;\n.reg .b16 %h<8>;\n.reg .pred %p, %g;\n{}\n"
      "ld.param.u64 %in, [in];\nld.param.u64 %o, [out];\nld.param.u64 %x, [table];\nmov.u32 %t, %tid.x;\nmul.wide.u32 %y, %t, 4;\n"
      "add.s64 %x, %x, %y;\nld.global.u32 %e, [%x];\n{}\nret;\n}}\n",
      variables, body);
}

/// Moves %x to the thread's element of `base`, and `into` to its own of `bytes` in the output.
std::string element_of(const std::string& base, std::uint32_t bytes) {
  return fmt::format("mul.wide.u32 %x, %e, {};\nadd.s64 %x, {}, %x;\n", bytes, base);
}
std::string own_output(std::uint32_t bytes) { return fmt::format("mul.wide.u32 %y, %t, {};\nadd.s64 %o, %o, %y;\n", bytes); }

std::vector<std::uint8_t> loaded(const Moved& moved, const std::uint8_t* from) {
  std::vector<std::uint8_t> made(from, from + moved.bytes);
  made.resize(moved.register_bytes, moved.is_signed && (made.back() & 0x80U) != 0 ? 0xFF : 0);
  return made;
}

struct Outcome {
  std::vector<std::uint8_t> out;
  std::optional<Fault> fault;
};

Outcome run(Engine engine, const std::string& text, const std::vector<std::uint8_t>& in, std::size_t out_bytes,
            const std::vector<std::uint32_t>& elements) {
  Bench bench(engine);
  const std::uint64_t input = bench.place(in.data(), in.size());
  const std::uint64_t output = bench.place(nullptr, out_bytes);
  const std::uint64_t table = bench.place(elements.data(), elements.size() * 4);
  std::fill_n(bench.host(output), out_bytes, std::byte{});
  Outcome outcome;
  outcome.fault = bench.run(text, {input, output, table}, static_cast<std::uint32_t>(elements.size()));
  outcome.out.resize(out_bytes);
  std::memcpy(outcome.out.data(), bench.host(output), out_bytes);
  if (outcome.fault) {
    outcome.fault->address -= outcome.fault->store ? output : input;
  }
  return outcome;
}

/// Runs `text` for every pattern, number of threads and set of functions, and compares what it leaves with what `expected` answers.
template <class Expected>
void check_patterns(const std::string& text, const std::vector<std::uint8_t>& in, std::size_t out_bytes, Expected expected) {
  for (const Pattern& pattern : patterns()) {
    for (const std::uint32_t threads : thread_counts()) {
      const auto elements = elements_of(pattern, threads);
      const std::vector<std::uint8_t> wanted = expected(elements);
      for (const Engine engine : engines()) {
        const Outcome outcome = run(engine, text, in, out_bytes, elements);
        EXPECT_FALSE(outcome.fault);
        EXPECT_TRUE(outcome.out == wanted) << pattern.name << ", " << threads << " threads, engine " << static_cast<int>(engine) << "\n"
                                           << text;
      }
    }
  }
}

void check_load(const Moved& moved, const std::string& text) {
  const auto in = random_bytes(std::size_t{kElements} * moved.bytes);
  const std::size_t out_bytes = std::size_t{1024} * moved.register_bytes;
  check_patterns(text, in, out_bytes, [&](const std::vector<std::uint32_t>& elements) {
    std::vector<std::uint8_t> out;
    for (const std::uint32_t element : elements) {
      const auto value = loaded(moved, in.data() + std::size_t{element} * moved.bytes);
      out.insert(out.end(), value.begin(), value.end());
    }
    out.resize(out_bytes);
    return out;
  });
}

TEST(PtxAddresses, LoadsOfEveryTypeFollowEveryPattern) {
  for (const Moved& moved : loads()) {
    check_load(moved, kernel(element_of("%in", moved.bytes) + own_output(moved.register_bytes) +
                             fmt::format("ld.global.{} {}, [%x];\n{}", moved.suffix, moved.registers, moved.store)));
  }
}

TEST(PtxAddresses, OffsetsOfInstructionsCount) {
  const Moved moved = loads()[4];
  check_load(moved, kernel(element_of("%in", moved.bytes) + own_output(moved.register_bytes) +
                           "sub.s64 %x, %x, 4096;\nld.global.u32 %r1, [%x+4096];\nst.global.u32 [%o], %r1;"));
}

TEST(PtxAddresses, VolatileLoadsFollowEveryPattern) {
  const Moved moved = loads()[4];
  check_load(moved, kernel(element_of("%in", moved.bytes) + own_output(moved.register_bytes) +
                           "ld.volatile.global.u32 %r1, [%x];\nst.global.u32 [%o], %r1;"));
}

TEST(PtxAddresses, AnAddressMayBeItsOwnDestination) {
  const Moved moved = loads()[6];
  check_load(moved, kernel(element_of("%in", moved.bytes) + own_output(moved.register_bytes) +
                           "ld.global.u64 %x, [%x];\nst.global.u64 [%o], %x;"));
}

/// Stores of every thread but those that `skips`; of several to one place the last one's stays.
void check_store(
    std::uint32_t bytes, const std::string& text, const std::function<bool(std::uint32_t)>& skips = [](auto) { return false; }) {
  const auto in = random_bytes(std::size_t{1024} * bytes);
  const std::size_t out_bytes = std::size_t{kElements} * bytes;
  check_patterns(text, in, out_bytes, [&](const std::vector<std::uint32_t>& elements) {
    std::vector<std::uint8_t> out(out_bytes);
    for (std::uint32_t t = 0; t < elements.size(); ++t) {
      if (!skips(t)) {
        std::copy_n(in.begin() + t * bytes, bytes, out.begin() + elements[t] * bytes);
      }
    }
    return out;
  });
}

/// Loads the thread's own value of the input from %in.
std::string own_input(std::uint32_t bytes) { return fmt::format("mul.wide.u32 %y, %t, {};\nadd.s64 %in, %in, %y;\n", bytes); }

TEST(PtxAddresses, StoresOfEveryTypeFollowEveryPattern) {
  for (const Moved& moved : loads()) {
    check_store(moved.bytes, kernel(element_of("%o", moved.bytes) + own_input(moved.bytes) +
                                    fmt::format("ld.global.{0} {1}, [%in];\nst.global.{0} [%x], {1};", moved.suffix, moved.registers)));
  }
}

TEST(PtxAddresses, VolatileStoresFollowEveryPattern) {
  check_store(4, kernel(element_of("%o", 4) + own_input(4) + "ld.global.u32 %r1, [%in];\nst.volatile.global.u32 [%x], %r1;"));
}

TEST(PtxAddresses, ThreadsThatAreSkippedMoveNothing) {
  const std::string move = "ld.global.u32 %r1, [%in];\nrem.u32 %r2, %t, 19;\nsetp.eq.u32 %p, %r2, 3;\n@!%p st.global.u32 [%x], %r1;";
  check_store(4, kernel(element_of("%o", 4) + own_input(4) + move), [](std::uint32_t t) { return t % 19 == 3; });
}

TEST(PtxAddresses, SharedMemoryByShortAddresses) {
  // The threads fill it together, and then each loads its element.
  const std::string fill =
      "mov.u32 %r3, %t;\nmov.u32 %r4, %ntid.x;\nFILL: setp.ge.u32 %p, %r3, 2048;\n@%p bra FILLED;\nmul.wide.u32 %y, %r3, 4;\n"
      "add.s64 %y, %in, %y;\nld.global.u32 %r1, [%y];\nshl.b32 %s, %r3, 2;\nmov.u32 %r2, tile;\nadd.u32 %s, %s, %r2;\n"
      "st.shared.u32 [%s], %r1;\nadd.u32 %r3, %r3, %r4;\nbra FILL;\nFILLED: bar.sync 0;\n";
  const std::string load = "mov.u32 %r2, tile;\nmad.lo.u32 %s, %e, 4, %r2;\nld.shared.u32 %r1, [%s];\nst.global.u32 [%o], %r1;";
  check_load(loads()[4], kernel(own_output(4) + fill + load, ".shared .align 4 .b8 tile[8192];"));
}

TEST(PtxAddresses, LocalMemoryWhereThreadsGoToDifferentPlaces) {
  const std::string body =
      "rem.u32 %r2, %e, 8;\nmul.wide.u32 %y, %r2, 4;\nmov.u64 %x, mine;\nadd.s64 %x, %x, %y;\nst.local.u32 [%x], %e;\n"
      "ld.local.u32 %r1, [%x];\nst.global.u32 [%o], %r1;";
  check_patterns(kernel(own_output(4) + body, ".local .align 4 .b8 mine[32];"), {0}, 4096, [](const std::vector<std::uint32_t>& elements) {
    std::vector<std::uint8_t> out(4096);
    std::memcpy(out.data(), elements.data(), elements.size() * 4);
    return out;
  });
}

TEST(PtxAddresses, OneAccessReachesTwoSpaces) {
  // Every eighth row of four in shared memory, which is far from the others.
  const std::string body =
      "mov.u32 %r2, word;\nst.shared.u32 [%r2], 4711;\nbar.sync 0;\nmov.u64 %q1, word;\ncvta.shared.u64 %q1, %q1;\nand.b32 %r3, %t, 28;\n"
      "setp.eq.u32 %p, %r3, 4;\nselp.b64 %x, %q1, %x, %p;\nld.u32 %r1, [%x];\nst.global.u32 [%o], %r1;";
  const auto in = random_bytes(kElements * 4ULL);
  check_patterns(kernel(element_of("%in", 4) + own_output(4) + body, ".shared .b32 word;"), in, 4096, [&](const auto& elements) {
    std::vector<std::uint8_t> out(4096);
    for (std::uint32_t t = 0; t < elements.size(); ++t) {
      const std::uint32_t shared = 4711;
      std::memcpy(out.data() + t * 4, (t & 28U) == 4 ? reinterpret_cast<const std::uint8_t*>(&shared) : in.data() + elements[t] * 4, 4);
    }
    return out;
  });
}

/// Threads store to rows of 16, of which thread 37 misses its place.
void check_fault(const std::string& address, const std::string& store, std::uint32_t bytes, Fault wanted) {
  const std::string text =
      kernel(element_of("%o", bytes) + "setp.eq.u32 %p, %t, 37;\n" + address + "\nmov.u32 %r1, 7;\nmov.u32 %r2, 8;\n" + store);
  const auto elements = elements_of(patterns()[1], 64);
  for (const Engine engine : engines()) {
    const Outcome outcome = run(engine, text, {0}, std::size_t{kElements} * bytes, elements);
    ASSERT_TRUE(outcome.fault);
    EXPECT_EQ(outcome.fault->kind, wanted.kind);
    EXPECT_EQ(outcome.fault->thread, 37U);
    EXPECT_EQ(outcome.fault->bytes, bytes);
    EXPECT_EQ(outcome.fault->address, wanted.address);
    // Those before it have stored, and none behind it.
    std::vector<std::uint8_t> out(outcome.out.size());
    for (std::uint32_t t = 0; t < 37; ++t) {
      out[elements[t] * bytes] = 7;
      if (bytes == 8) out[elements[t] * bytes + 4] = 8;
    }
    EXPECT_TRUE(outcome.out == out) << text;
  }
}

TEST(PtxAddresses, TheThreadThatMissesMemoryIsNamed) {
  check_fault("@%p add.s64 %x, %o, 8192;", "st.global.u32 [%x], %r1;", 4, {.kind = Fault::Kind::out_of_bounds, .address = 8192});
  check_fault("@%p add.s64 %x, %o, -8;", "st.global.v2.u32 [%x], {%r1, %r2};", 8,
              {.kind = Fault::Kind::out_of_bounds, .address = ~std::uint64_t{7}});
  // 4 GiB further all lower bits are as they were.
  check_fault("@%p add.s64 %x, %x, 0x100000000;", "st.global.u32 [%x], %r1;", 4,
              {.kind = Fault::Kind::out_of_bounds, .address = 0x1'0000'0000 + (37 / 16 * 23 + 37 % 16) * 4});
}

TEST(PtxAddresses, TheThreadThatIsMisalignedIsNamed) {
  check_fault("@%p add.s64 %x, %o, 2;", "st.global.u32 [%x], %r1;", 4, {.kind = Fault::Kind::misaligned, .address = 2});
  check_fault("@%p add.s64 %x, %o, 4;", "st.global.v2.u32 [%x], {%r1, %r2};", 8, {.kind = Fault::Kind::misaligned, .address = 4});
}

TEST(PtxAddresses, OfAMisalignedRowTheFirstThreadIsNamed) {
  for (const Engine engine : engines()) {
    const Outcome outcome = run(engine, kernel(own_output(4) + "st.global.u32 [%o+2], %t;"), {0}, 4096, std::vector<std::uint32_t>(64));
    ASSERT_TRUE(outcome.fault);
    EXPECT_EQ(outcome.fault->kind, Fault::Kind::misaligned);
    EXPECT_EQ(outcome.fault->thread, 0U);
    EXPECT_EQ(outcome.fault->address, 2U);
    EXPECT_THAT(outcome.out, ::testing::Each(0));
  }
}

TEST(PtxAddresses, ShortAddressesDoNotRunOverTheEndOfTheirSpace) {
  // Neighbours whose short addresses begin again at 0: the first ones are outside.
  const std::string body = "shl.b32 %s, %t, 2;\nadd.u32 %s, %s, -16;\nst.shared.u32 [%s], %t;";
  for (const Engine engine : engines()) {
    const Outcome outcome = run(engine, kernel(body, ".shared .align 4 .b8 tile[8192];"), {0}, 4, std::vector<std::uint32_t>(64));
    ASSERT_TRUE(outcome.fault);
    EXPECT_EQ(outcome.fault->kind, Fault::Kind::out_of_bounds);
    EXPECT_EQ(outcome.fault->thread, 0U);
  }
}

/// Threads add their number to their elements, one after another, and keep what was there before.
std::vector<std::uint8_t> added(const std::vector<std::uint32_t>& elements) {
  std::vector<std::uint32_t> sums(kElements);
  std::vector<std::uint32_t> before;
  for (std::uint32_t t = 0; t < elements.size(); ++t) {
    before.push_back(sums[elements[t]]);
    sums[elements[t]] += t;
  }
  std::vector<std::uint8_t> out((kElements + 1024) * 4ULL);
  std::memcpy(out.data(), sums.data(), kElements * 4ULL);
  std::memcpy(out.data() + kElements * 4ULL, before.data(), before.size() * 4);
  return out;
}

TEST(PtxAtomic, ThreadsChangeGlobalMemoryOneAfterAnother) {
  const std::string text =
      kernel(element_of("%o", 4) + own_output(4) + "atom.global.add.u32 %r1, [%x], %t;\nst.global.u32 [%o+8192], %r1;");
  check_patterns(text, {0}, (kElements + 1024) * 4ULL, added);
}

TEST(PtxAtomic, ThreadsChangeSharedMemoryOneAfterAnother) {
  // Then thread 0 copies the sums.
  const std::string text =
      kernel("ld.param.u64 %q1, [out];\n" + own_output(4) +
                 "mov.u32 %r2, tile;\nmad.lo.u32 %s, %e, 4, %r2;\natom.shared.add.u32 %r1, [%s], %t;\nst.global.u32 [%o+8192], %r1;\n"
                 "bar.sync 0;\nsetp.ne.u32 %p, %t, 0;\n@%p bra DONE;\nadd.u32 %r3, %r2, 8192;\nCOPY: ld.shared.u32 %r1, [%r2];\n"
                 "st.global.u32 [%q1], %r1;\nadd.u32 %r2, %r2, 4;\nadd.s64 %q1, %q1, 4;\nsetp.lt.u32 %p, %r2, %r3;\n@%p bra COPY;\nDONE:",
             ".shared .align 4 .b8 tile[8192];");
  check_patterns(text, {0}, (kElements + 1024) * 4ULL, added);
}

TEST(PtxAtomic, WithoutADestinationOnlyMemoryChanges) {
  const std::string text = kernel(element_of("%o", 8) + "cvt.u64.u32 %q1, %t;\nred.global.max.u64 [%x], %q1;");
  check_patterns(text, {0}, kElements * 8ULL, [](const std::vector<std::uint32_t>& elements) {
    std::vector<std::uint64_t> most(kElements);
    for (std::uint32_t t = 0; t < elements.size(); ++t) {
      most[elements[t]] = std::max<std::uint64_t>(most[elements[t]], t);
    }
    std::vector<std::uint8_t> out(kElements * 8ULL);
    std::memcpy(out.data(), most.data(), out.size());
    return out;
  });
}

TEST(PtxAtomic, OneAddressOfAnInstructionIsForAll) {
  const std::string text =
      kernel(own_output(4) + "atom.shared.inc.u32 %r1, [word+4], 6;\nst.global.u32 [%o], %r1;", ".shared .align 4 .b8 word[8];");
  check_patterns(text, {0}, 4096, [](const std::vector<std::uint32_t>& elements) {
    std::vector<std::uint8_t> out(4096);
    for (std::size_t t = 0; t < elements.size(); ++t) {
      out[t * 4] = static_cast<std::uint8_t>(t % 7);
    }
    return out;
  });
}

TEST(PtxAtomic, LocalMemoryIsEachThreadsOwn) {
  const std::string text = kernel(own_output(4) +
                                      "mov.u64 %x, mine;\ncvta.local.u64 %x, %x;\nst.u32 [%x], %e;\natom.add.u32 %r1, [%x], 5;\n"
                                      "ld.u32 %r1, [%x];\nst.global.u32 [%o], %r1;",
                                  ".local .align 4 .b8 mine[8];");
  check_patterns(text, {0}, 4096, [](const std::vector<std::uint32_t>& elements) {
    std::vector<std::uint32_t> out(1024);
    std::ranges::transform(elements, out.begin(), [](std::uint32_t element) { return element + 5; });
    std::vector<std::uint8_t> bytes(4096);
    std::memcpy(bytes.data(), out.data(), bytes.size());
    return bytes;
  });
}

TEST(PtxAtomic, TheThreadThatMissesIsNamedAndNoneBehindItChanges) {
  check_fault("@%p add.s64 %x, %o, 8192;", "red.global.add.u32 [%x], %r1;", 4, {.kind = Fault::Kind::out_of_bounds, .address = 8192});
  check_fault("@%p add.s64 %x, %o, 2;", "red.global.add.u32 [%x], %r1;", 4, {.kind = Fault::Kind::misaligned, .address = 2});
  check_fault("@%p add.s64 %x, %x, 0x100000000;", "red.global.add.u32 [%x], %r1;", 4,
              {.kind = Fault::Kind::out_of_bounds, .address = 0x1'0000'0000 + (37 / 16 * 23 + 37 % 16) * 4});
}

// The functions themselves, with addresses that no memory here is large enough for.

/// What the survey has to answer.
template <class A>
void check_survey(const std::vector<A>& addresses, std::uint64_t offset, std::uint32_t stride) {
  std::vector<std::int64_t> behind(addresses.size());
  std::uint32_t bits = 0;
  const A first = static_cast<A>(addresses[0] + offset);
  bool near = true;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const A address = static_cast<A>(addresses[i] + offset);
    behind[i] = static_cast<std::int64_t>(std::uint64_t{address} - std::uint64_t{first});
    bits |= static_cast<std::uint32_t>(address);
    near = near && std::in_range<std::int32_t>(behind[i]) && (sizeof(A) == 8 || address < 0x8000'0000U);
  }
  for (const bool wide : sets()) {
    std::vector<std::int32_t> got(addresses.size());
    std::vector<LaneGroup> groups(addresses.size() / kGroupLanes + 1);
    const AddressQuery query{.addresses = reinterpret_cast<const std::byte*>(addresses.data()),
                             .count = static_cast<std::uint32_t>(addresses.size()),
                             .offset = offset,
                             .stride = stride};
    const AddressSurvey survey = find_address_functions(sizeof(A), wide).survey(query, got.data(), groups.data());
    ASSERT_EQ(survey.near, near) << "wide " << wide;
    if (!near) {
      continue;
    }
    EXPECT_EQ(survey.low, *std::ranges::min_element(behind));
    EXPECT_EQ(survey.high, *std::ranges::max_element(behind));
    EXPECT_EQ(survey.bits, bits);
    EXPECT_TRUE(std::ranges::equal(got, behind));
    for (std::size_t at = 0; at < addresses.size(); at += kGroupLanes) {
      const std::span all(behind);
      const auto group = all.subspan(at, std::min<std::size_t>(kGroupLanes, all.size() - at));
      const bool even = std::ranges::adjacent_find(group, [&](auto a, auto b) { return b - a != stride; }) == group.end();
      const bool same = std::ranges::count(group, group[0]) == kGroupLanes;
      const LaneGroup wanted = group.size() < kGroupLanes ? LaneGroup::scattered
                               : even                     ? LaneGroup::even
                               : same                     ? LaneGroup::same
                                                          : LaneGroup::scattered;
      EXPECT_EQ(groups[at / kGroupLanes], wanted) << at << ", wide " << wide;
    }
  }
}

template <class A>
void check_surveys(A base) {
  for (const Pattern& pattern : patterns()) {
    for (const std::uint32_t threads : thread_counts()) {
      std::vector<A> addresses(threads);
      std::ranges::transform(elements_of(pattern, threads), addresses.begin(),
                             [&](std::uint32_t element) { return base + element * A{8}; });
      for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{20}, ~std::uint64_t{7}}) {
        check_survey(addresses, offset, 8);
      }
    }
  }
}

TEST(AddressSurveys, TellTheGroupsOfEveryPattern) {
  check_surveys<std::uint64_t>(0x7000'0000'1230);
  check_surveys<std::uint64_t>(0x7000'FFFF'F000);
  check_surveys<std::uint64_t>(0);
  check_surveys<std::uint32_t>(0x1230);
  check_surveys<std::uint32_t>(0x7FFF'F000);
  check_surveys<std::uint32_t>(0xFFFF'F000);
}

TEST(AddressSurveys, KnowWhoIsFarAway) {
  constexpr std::uint64_t kAway = 1ULL << 31U;
  for (const std::uint32_t threads : thread_counts()) {
    for (const std::uint64_t distance : {kAway - 8, kAway, kAway + 8, 2 * kAway, 0 - kAway, 0 - kAway - 8, std::uint64_t{1} << 63U}) {
      std::vector<std::uint64_t> addresses(threads, std::uint64_t{1} << 40U);
      addresses.back() += distance;
      check_survey(addresses, 0, 8);
      addresses[threads / 2] += 8;
      check_survey(addresses, 16, 8);
    }
  }
}

TEST(AddressChecks, TellNeighboursFromAllOthers) {
  const auto check = []<class A>(A base) {
    for (const bool wide : sets()) {
      const auto are_evenly_apart = find_address_functions(sizeof(A), wide).are_evenly_apart;
      for (std::uint32_t threads = 1; threads < 70; ++threads) {
        std::vector<A> addresses(threads);
        std::ranges::generate(addresses, [at = base]() mutable { return at += 12; });
        const auto* const bytes = reinterpret_cast<const std::byte*>(addresses.data());
        EXPECT_TRUE(are_evenly_apart(bytes, threads, 12));
        for (std::uint32_t i = 0; threads > 1 && i < threads; ++i) {
          addresses[i] ^= A{1} << (i % (8 * sizeof(A)));
          EXPECT_FALSE(are_evenly_apart(bytes, threads, 12)) << i << " of " << threads << ", wide " << wide;
          addresses[i] ^= A{1} << (i % (8 * sizeof(A)));
        }
      }
    }
  };
  check(std::uint64_t{0x7000'FFFF'FFF0});
  check(std::uint32_t{0x1000});
}

}  // namespace
}  // namespace sublet::cpu
