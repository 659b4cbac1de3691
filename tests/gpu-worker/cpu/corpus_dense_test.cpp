#include <algorithm>
#include <cmath>

#include "tests/gpu-worker/cpu/corpus.hpp"

namespace sublet::cpu {
namespace {

using CorpusDense = Corpus;

TEST_P(CorpusDense, MatrixProductInSharedTiles) {
  constexpr int kRows = 37, kInner = 50, kColumns = 33;
  const auto a = floats(kRows * kInner, -1, 1);
  const auto b = floats(kInner * kColumns, -1, 1);
  std::vector<float> wanted(kRows * kColumns);
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      float sum = 0;
      for (int k = 0; k < kInner; ++k) {
        sum = std::fma(a[row * kInner + k], b[k * kColumns + column], sum);
      }
      wanted[row * kColumns + column] = sum;
    }
  }
  load("dense");
  const MemHandle out = buffer(std::vector<float>(wanted.size()));
  run("matrix_product", {3, 3, 1}, {16, 16, 1},
      Packed().add(buffer(a).value).add(buffer(b).value).add(out.value).add(kRows).add(kInner).add(kColumns));
  EXPECT_EQ(read<float>(out, wanted.size()), wanted);
}

TEST_P(CorpusDense, TransposeThroughSharedMemory) {
  constexpr int kRows = 70, kColumns = 45;
  const auto in = floats(kRows * kColumns, -9, 9);
  std::vector<float> wanted(in.size());
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      wanted[column * kRows + row] = in[row * kColumns + column];
    }
  }
  load("dense");
  const MemHandle out = buffer(std::vector<float>(in.size()));
  run("transpose", {2, 3, 1}, {32, 8, 1}, Packed().add(buffer(in).value).add(out.value).add(kRows).add(kColumns));
  EXPECT_EQ(read<float>(out, in.size()), wanted);
}

TEST_P(CorpusDense, BodiesInDynamicSharedMemory) {
  constexpr int kBodies = 300;
  const auto in = floats(kBodies * 4, 0.1F, 2);
  std::vector<float> wanted;
  // The sums of how far each body pulls, whichever way.
  std::vector<float> pulls;
  for (int i = 0; i < kBodies; ++i) {
    float force[3] = {};
    float pull = 0;
    for (int k = 0; k < kBodies; ++k) {
      const float dx = in[k * 4] - in[i * 4], dy = in[k * 4 + 1] - in[i * 4 + 1], dz = in[k * 4 + 2] - in[i * 4 + 2];
      const float square = std::fma(dx, dx, std::fma(dy, dy, std::fma(dz, dz, 0.01F)));
      const float inverse = 1.0F / std::sqrt(square);
      const float scale = in[k * 4 + 3] * (inverse * inverse * inverse);
      force[0] = std::fma(dx, scale, force[0]);
      force[1] = std::fma(dy, scale, force[1]);
      force[2] = std::fma(dz, scale, force[2]);
      pull += scale * std::sqrt(square);
    }
    pulls.push_back(pull);
    wanted.insert(wanted.end(), {force[0], force[1], force[2], in[i * 4 + 3]});
  }
  load("dense");
  const MemHandle out = buffer(std::vector<float>(wanted.size()));
  run("n_body", {3, 1, 1}, {128, 1, 1}, Packed().add(buffer(in).value).add(out.value).add(kBodies).add(0.01F), 128 * 16);
  const auto got = read<float>(out, wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    // clang takes rsqrt.approx, within 2^-22.9, for the quotient, and its cube for the scale.
    ASSERT_NEAR(got[i], wanted[i], GetParam() == "clang" ? 1e-6F * pulls[i / 4] : 0.0F) << i;
  }
}

TEST_P(CorpusDense, StencilWithAHaloAndThreadsThatLeaveEarly) {
  constexpr int kWidth = 41, kHeight = 29;
  const auto in = floats(kWidth * kHeight, 0, 100);
  const auto at = [&](int x, int y) { return in[std::clamp(y, 0, kHeight - 1) * kWidth + std::clamp(x, 0, kWidth - 1)]; };
  std::vector<float> wanted(in.size());
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const float sum = (at(x, y - 1) + at(x, y + 1)) + (at(x - 1, y) + at(x + 1, y));
      wanted[y * kWidth + x] = std::fma(0.2F, std::fma(at(x, y), -4.0F, sum), at(x, y));
    }
  }
  load("dense");
  const MemHandle out = buffer(std::vector<float>(in.size()));
  run("heat", {3, 2, 1}, {16, 16, 1}, Packed().add(buffer(in).value).add(out.value).add(kWidth).add(kHeight));
  const auto got = read<float>(out, in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    // nvcc may or may not fuse the product with -4 into the sum.
    ASSERT_NEAR(got[i], wanted[i], 1e-4F) << i;
  }
}

TEST_P(CorpusDense, MandelbrotWhereEveryThreadLoopsAnotherNumberOfTimes) {
  constexpr int kWidth = 60, kHeight = 40;
  constexpr float kLeft = -2.1F, kTop = -1.2F, kStep = 0.05F;
  constexpr std::uint32_t kMost = 200;
  std::vector<std::uint32_t> wanted;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const float cx = std::fma(static_cast<float>(x), kStep, kLeft), cy = std::fma(static_cast<float>(y), kStep, kTop);
      float zx = 0, zy = 0;
      std::uint32_t n = 0;
      for (; n < kMost && !(zx * zx + zy * zy > 4.0F); ++n) {
        const float xx = zx * zx, yy = zy * zy;
        zy = std::fma(2.0F * zx, zy, cy);
        zx = (xx - yy) + cx;
      }
      wanted.push_back(n);
    }
  }
  load("dense");
  const MemHandle out = buffer(std::vector<std::uint32_t>(wanted.size()));
  run("mandelbrot", {4, 5, 1}, {16, 8, 1}, Packed().add(out.value).add(kWidth).add(kHeight).add(kLeft).add(kTop).add(kStep).add(kMost));
  EXPECT_EQ(read<std::uint32_t>(out, wanted.size()), wanted);
}

INSTANTIATE_TEST_SUITE_P(Compilers, CorpusDense, ::testing::ValuesIn(kCorpusVariants), corpus_variant_name);

}  // namespace
}  // namespace sublet::cpu
