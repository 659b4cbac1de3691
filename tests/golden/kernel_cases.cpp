#include <iterator>

#include "tests/golden/argument.hpp"
#include "tests/golden/kernel_case.hpp"

namespace sublet::golden {
namespace {

void append(std::vector<KernelCase>& to, std::vector<KernelCase> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

std::vector<KernelCase> kernel_cases() {
  std::vector<KernelCase> made = shipped_cases();
  append(made, small_cases());
  append(made, corpus_cases("sm_75"));
  append(made, corpus_cases("debug"));
  return made;
}

namespace {

/// A path ends in ex2.approx, which may be two places off; their mean is hardly better.
constexpr Bound kPaths{.relative = 0x1p-21};
/// A quotient of exponentials, each by ex2.approx.
constexpr Bound kExponentials{.relative = 0x1p-20};
/// Products and sums without a rounding modifier may become one fma each, through ten stages of numbers of up to 64.
constexpr Bound kContracted{.absolute = 0x1p-17};

}  // namespace

std::vector<KernelCase> shipped_cases() {
  using Byte = std::uint8_t;
  using Word = std::uint32_t;
  const auto image = integers<Byte>(48 * 36 * 3, 0, 255);
  const auto noise = floats(3000, -100, 200);
  return {
      {"kernels/histogram/histogram.ptx", "clear", {1, 1, 1}, {256, 1, 1}, {changed(integers<Word>(256, 1, 9))}},
      {"kernels/histogram/histogram.ptx", "count", {8, 1, 1}, {256, 1, 1}, {input(image), output<Word>(256), number<int>(5000)}},
      {"kernels/image/image.ptx",
       "resize_bilinear",
       {5, 4, 1},
       {16, 16, 1},
       {input(image), output<Byte>(71 * 53 * 3), number(48), number(36), number(71), number(53)}},
      {"kernels/image/image.ptx",
       "resize_area",
       {2, 2, 1},
       {16, 16, 1},
       {input(image), output<Byte>(23 * 17 * 3), number(48), number(36), number(23), number(17)}},
      {"kernels/image/image.ptx",
       "correct_colour",
       {7, 1, 1},
       {256, 1, 1},
       {input(image), output<Byte>(image.size()), number(48 * 36), number(1.08F), number(-0.06F), number(-0.02F), number(4.0F),
        number(-0.04F), number(1.07F), number(-0.03F), number(0.0F), number(-0.02F), number(-0.08F), number(1.10F), number(-4.0F),
        number(0.95F)}},
      {"kernels/image/image.ptx",
       "sharpen",
       {3, 3, 1},
       {16, 16, 1},
       {input(image), output<Byte>(image.size()), number(48), number(36), number(0.8F)}},
      {"kernels/inference/inference.ptx",
       "dense",
       {3, 2, 1},
       {16, 16, 1},
       {input(floats(20 * 33, -1, 1)), input(floats(34 * 40, -1, 1)), output<float>(20 * 40), number(20), number(33), number(40),
        number(1)}},
      {"kernels/inference/inference.ptx",
       "softmax",
       {3, 1, 1},
       {256, 1, 1},
       {input(floats(20 * 45, -9, 9)), output<float>(20 * 45, kExponentials), number(20), number(45)}},
      {"kernels/montecarlo/options.ptx",
       "price_calls",
       {3, 1, 1},
       {256, 1, 1},
       {input(std::vector<float>{100, 100, 0.05F, 0.2F, 1, 100, 80, 0.01F, 0.4F, 2, 50, 60, 0.03F, 0.3F, 0.5F}), output<float>(3, kPaths),
        number(4096), number(7)}},
      {"kernels/reduce/reduce.ptx", "fold_input", {8, 1, 1}, {256, 1, 1}, {input(noise), output<float>(24), number(3000)}},
      {"kernels/reduce/reduce.ptx", "fold_partials", {1, 1, 1}, {256, 1, 1}, {input(noise), output<float>(3), number(64)}},
      {"kernels/signal/fft.ptx", "fft1024", {1, 1, 1}, {512, 1, 1}, {input(floats(2048, -1, 1)), output<float>(2048, kContracted)}},
      {"kernels/signal/fir.ptx", "fir", {2, 1, 1}, {256, 1, 1}, {input(noise), output<float>(400), number(400)}},
      {"kernels/solver/heat.ptx",
       "jacobi",
       {3, 2, 1},
       {16, 16, 1},
       {input(floats(37 * 23, 0, 99)), input(floats(37 * 23, 0, 99)), output<float>(37 * 23), number(37), number(23), number(5.0F)}},
      {"kernels/solver/heat.ptx", "clear_change", {1, 1, 1}, {1, 1, 1}, {changed(floats(2, 1, 9))}},
      {"kernels/solver/heat.ptx",
       "greatest_change",
       {3, 2, 1},
       {16, 16, 1},
       {input(floats(37 * 23, 0, 99)), input(floats(37 * 23, 0, 99)), changed(floats(1, 0, 1)), number(37), number(23), number(5.0F)}},
      {"kernels/transform/transform.ptx", "scale", {2, 1, 1}, {256, 1, 1}, {changed(floats(400, -9, 9)), number(390), number(2.3F)}},
      {"kernels/transform/transform.ptx", "bias", {2, 1, 1}, {256, 1, 1}, {changed(floats(400, -9, 9)), number(390), number(0.1F)}},
      {"kernels/video/clip.ptx",
       "denoise_temporal",
       {2, 5, 1},
       {256, 1, 1},
       {input(integers<Byte>(5 * 400, 90, 130)), output<Byte>(5 * 400), number(400), number(5), number(2), number(24.0F)}},
      {"kernels/video/video.ptx", "decode", {1, 1, 1}, {256, 1, 1}, {input(image), output<float>(256), number(250)}},
      {"kernels/video/video.ptx",
       "denoise",
       {1, 1, 1},
       {256, 1, 1},
       {input(floats(256, 0, 1)), output<float>(256), number(250), number(0.1F)}},
      {"kernels/video/video.ptx", "encode", {1, 1, 1}, {256, 1, 1}, {input(floats(256, 0, 1)), output<Byte>(256), number(250)}},
  };
}

std::vector<KernelCase> small_cases() {
  const std::string numbers = "tests/gpu-worker/cpu/ptx/numbers.sm_75.ptx";
  const std::string seed = "tests/gpu-worker/cpu/ptx/seed.sm_75.ptx";
  const Dim3 one = {1, 1, 1};
  const Dim3 line = {256, 1, 1};
  return {
      {numbers,
       "integers",
       one,
       line,
       {input(integers<std::int64_t>(200, -4'000'000'000'000, 4'000'000'000'000)), input(integers<std::int64_t>(201, 1, 1'000'000'000)),
        output<std::int64_t>(200), number(200)}},
      {numbers,
       "small_integers",
       one,
       line,
       {input(integers<int>(200, -2'000'000'000, 2'000'000'000)), input(integers<int>(201, 1, 100'000)), output<int>(200), number(200)}},
      {numbers, "choose", one, line, {input(integers<int>(200, -1, 7)), output<int>(200), number(200)}},
      {numbers, "exact", one, line, {input(floats(200, -50, 90)), input(floats(201, -7, 9)), output<float>(200), number(200)}},
      {numbers, "tables", one, line, {input(integers<int>(200, 0, 1000)), output<float>(200), number(200)}},
      {seed, "collatz", one, line, {input(integers<std::uint32_t>(200, 0, 100'000)), output<std::uint32_t>(200), number(200)}},
      {seed, "nested", one, line, {input(integers<int>(200, 0, 1000)), output<int>(200), number(200)}},
      {seed, "where_am_i", {2, 3, 2}, {4, 2, 3}, {output<std::uint32_t>(288)}},
      {seed, "bounded", one, {64, 1, 1}, {output<int>(64)}},
  };
}

}  // namespace sublet::golden
