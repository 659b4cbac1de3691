#include "tests/golden/argument.hpp"
#include "tests/golden/kernel_case.hpp"

namespace sublet::golden {
namespace {

std::string file(const char* name, const std::string& variant) {
  return std::string("tests/gpu-worker/cpu/corpus/") + name + "." + variant + ".ptx";
}

/// Weights by ex2.approx and a quotient by div.approx, two places each, of sums that may be contracted.
constexpr Bound kWeighted{.relative = 0x1p-20};

std::vector<KernelCase> dense(const std::string& module) {
  return {
      {module,
       "matrix_product",
       {3, 3, 1},
       {16, 16, 1},
       {input(floats(37 * 50, -1, 1)), input(floats(50 * 33, -1, 1)), output<float>(37 * 33), number(37), number(50), number(33)}},
      {module, "transpose", {2, 3, 1}, {32, 8, 1}, {input(floats(70 * 45, -9, 9)), output<float>(70 * 45), number(70), number(45)}},
      {module,
       "n_body",
       {2, 1, 1},
       {128, 1, 1},
       {input(floats(130 * 4, 0.1F, 2)), output<float>(130 * 4), number(130), number(0.01F)},
       128 * 16},
      {module, "heat", {2, 2, 1}, {16, 16, 1}, {input(floats(21 * 19, 0, 100)), output<float>(21 * 19), number(21), number(19)}},
      {module,
       "mandelbrot",
       {4, 5, 1},
       {16, 8, 1},
       {output<std::uint32_t>(60 * 40), number(60), number(40), number(-2.1F), number(-1.2F), number(0.05F), number(200U)}},
  };
}

std::vector<KernelCase> order(const std::string& module) {
  using Word = std::uint32_t;
  return {
      {module,
       "reduce_sum",
       {7, 1, 1},
       {256, 1, 1},
       {input(integers<int>(10'000, -100'000, 100'000)), output<std::int64_t>(1), number(10'000)}},
      {module, "scan", {2, 1, 1}, {256, 1, 1}, {input(integers<Word>(400, 0, 1 << 20)), output<Word>(400), output<Word>(2), number(400)}},
      {module, "bitonic_sort", {1, 1, 1}, {512, 1, 1}, {changed(integers<int>(500, -1000, 1000)), number(500)}, 512 * 4},
      {module,
       "radix_pass",
       {1, 1, 1},
       {320, 1, 1},
       {input(integers<Word>(300, 0, 0xffff'ffff)), output<Word>(300), number(300), number(5)}},
      {module, "histogram", {8, 1, 1}, {192, 1, 1}, {input(integers<std::uint8_t>(20'000, 0, 200)), output<Word>(256), number(20'000)}},
      {module,
       "compact",
       {3, 1, 1},
       {256, 1, 1},
       {input(integers<int>(700, 0, 1 << 20)), unordered<int>(700), output<Word>(1), number(700)}},
      {module,
       "last_block_sums",
       {16, 1, 1},
       {128, 1, 1},
       {input(std::vector<float>(50'000, 0.5F)), output<float>(16), output<Word>(1), output<float>(1), number(50'000)}},
      {module, "spin_lock", {4, 1, 1}, {64, 1, 1}, {output<Word>(1), output<Word>(1)}},
  };
}

std::vector<char> text() {
  std::string made;
  for (int i = 0; i < 700; ++i) made += i % 97 == 13 ? "needle" : (i % 5 == 0 ? "need" : "hay");
  return {made.begin(), made.end()};
}

std::vector<double> doubles() {
  std::vector<double> made;
  for (int i = 0; i < 100; ++i) made.push_back(0.01 + i * 1.7);
  return made;
}

std::vector<KernelCase> signal(const std::string& module) {
  const auto words = integers<std::uint64_t>(100, 0, 0x7fff'ffff'ffff'fffe);
  const auto other = integers<std::uint64_t>(101, 0, 0x7fff'ffff'ffff'fffe);
  const auto letters = text();
  return {
      {module,
       "blur_row",
       {2, 3, 1},
       {128, 1, 1},
       {input(integers<std::uint8_t>(450, 0, 255)), output<std::uint8_t>(450), number(150), number(3)}},
      {module,
       "bilateral",
       {3, 3, 1},
       {16, 8, 1},
       {input(floats(33 * 20, 0, 1)), output<float>(33 * 20, kWeighted), number(33), number(20), number(0.1F), number(3.0F)}},
      {module,
       "find_text",
       {static_cast<std::uint32_t>(letters.size() / 128 + 1), 1, 1},
       {128, 1, 1},
       {input(letters), number(static_cast<int>(letters.size())), input(std::vector<char>{'n', 'e', 'e', 'd', 'l', 'e'}), number(6),
        unordered<int>(64), output<std::uint32_t>(1), number(64)}},
      {module, "recursion", {2, 1, 1}, {128, 1, 1}, {input(integers<int>(200, 0, 1000)), output<std::int64_t>(200), number(200)}},
      {module, "dispatch", {2, 1, 1}, {128, 1, 1}, {input(integers<int>(200, 0, 1000)), output<int>(200), number(200)}},
      {module,
       "machine",
       {2, 1, 1},
       {96, 1, 1},
       {input(integers<std::uint8_t>(120, 0, 255)), number(120), input(integers<int>(150, -1000, 1000)), output<int>(150), number(150)}},
      {module, "wide_product", {1, 1, 1}, {128, 1, 1}, {input(words), input(other), output<std::uint64_t>(200), number(100)}},
      {module, "doubles", {1, 1, 1}, {128, 1, 1}, {input(doubles()), output<double>(100), number(100)}},
      {module, "waves", {4, 1, 1}, {128, 1, 1}, {input(floats(500, 0, 1000)), output<float>(500), number(500)}},
  };
}

}  // namespace

std::vector<KernelCase> corpus_cases(const std::string& variant) {
  std::vector<KernelCase> made = dense(file("dense", variant));
  for (auto* more : {&order, &signal}) {
    const std::string module = file(more == &order ? "order" : "signal", variant);
    for (KernelCase& each : (*more)(module)) made.push_back(std::move(each));
  }
  return made;
}

}  // namespace sublet::golden
