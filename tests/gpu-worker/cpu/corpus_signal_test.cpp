#include <algorithm>
#include <bit>
#include <cmath>

#include "tests/gpu-worker/cpu/corpus.hpp"

namespace sublet::cpu {
namespace {

using CorpusSignal = Corpus;

TEST_P(CorpusSignal, BlurWithWeightsInConstantMemory) {
  constexpr int kWidth = 150, kHeight = 3;
  constexpr float kWeights[] = {0.0625F, 0.25F, 0.375F, 0.25F, 0.0625F};
  const auto in = integers<std::uint8_t>(kWidth * kHeight, 0, 255);
  std::vector<std::uint8_t> wanted(in.size());
  for (int i = 0; i < kWidth * kHeight; ++i) {
    float sum = 0;
    for (int k = -2; k <= 2; ++k) {
      sum = std::fma(kWeights[k + 2], static_cast<float>(in[i / kWidth * kWidth + std::clamp(i % kWidth + k, 0, kWidth - 1)]), sum);
    }
    wanted[i] = static_cast<std::uint8_t>(std::nearbyint(sum));
  }
  load("signal");
  const MemHandle out = buffer(std::vector<std::uint8_t>(in.size()));
  run("blur_row", {2, kHeight, 1}, {128, 1, 1}, Packed().add(buffer(in).value).add(out.value).add(kWidth).add(kHeight));
  EXPECT_EQ(read<std::uint8_t>(out, in.size()), wanted);
}

TEST_P(CorpusSignal, BilateralFilterWithApproximateFunctions) {
  constexpr int kWidth = 33, kHeight = 20;
  const auto in = floats(kWidth * kHeight, 0, 1);
  load("signal");
  const MemHandle out = buffer(std::vector<float>(in.size()));
  run("bilateral", {3, 3, 1}, {16, 8, 1}, Packed().add(buffer(in).value).add(out.value).add(kWidth).add(kHeight).add(0.1F).add(3.0F));
  const auto got = read<float>(out, in.size());
  for (int i = 0; i < kWidth * kHeight; ++i) {
    double sum = 0, weights = 0;
    for (int dy = -2; dy <= 2; ++dy) {
      for (int dx = -2; dx <= 2; ++dx) {
        const int x = i % kWidth + dx, y = i / kWidth + dy;
        if (x >= 0 && y >= 0 && x < kWidth && y < kHeight) {
          const double value = in[y * kWidth + x], apart = value - in[i];
          const double weight = std::exp(-(dx * dx + dy * dy) * 0.1 - apart * apart * 3.0);
          sum += weight * value;
          weights += weight;
        }
      }
    }
    ASSERT_NEAR(got[i], sum / weights, 2e-6) << i;
  }
}

TEST_P(CorpusSignal, TextIsFoundWhereverItBegins) {
  std::string text;
  for (int i = 0; i < 700; ++i) {
    text += i % 97 == 13 ? "needle" : (i % 5 == 0 ? "need" : "hay");
  }
  std::vector<int> wanted;
  for (std::size_t at = text.find("needle"); at != std::string::npos; at = text.find("needle", at + 1)) {
    wanted.push_back(static_cast<int>(at));
  }
  load("signal");
  const MemHandle places = buffer(std::vector<int>(64));
  const MemHandle count = buffer(std::vector<std::uint32_t>(1));
  const std::string word = "needle";
  run("find_text", {static_cast<std::uint32_t>(text.size() / 128 + 1), 1, 1}, {128, 1, 1},
      Packed()
          .add(buffer(std::vector<char>(text.begin(), text.end())).value)
          .add(static_cast<int>(text.size()))
          .add(buffer(std::vector<char>(word.begin(), word.end())).value)
          .add(6)
          .add(places.value)
          .add(count.value)
          .add(64));
  auto got = read<int>(places, 64);
  got.resize(read<std::uint32_t>(count, 1)[0]);
  std::ranges::sort(got);
  EXPECT_EQ(got, wanted);
}

int ackermann(int m, int n) { return m == 0 ? n + 1 : (n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1))); }

TEST_P(CorpusSignal, FunctionsThatCallThemselvesToDifferentDepths) {
  const auto in = integers<int>(200, 0, 1000);
  std::vector<std::int64_t> wanted;
  for (const int value : in) {
    std::int64_t power = 1;
    for (int k = 0; k < value % 11; ++k) {
      power *= value % 7 - 3;
    }
    wanted.push_back(power + ackermann(value & 1, value % 5));
  }
  load("signal");
  const MemHandle out = buffer(wanted);
  run("recursion", {2, 1, 1}, {128, 1, 1}, Packed().add(buffer(in).value).add(out.value).add(200));
  EXPECT_EQ(read<std::int64_t>(out, in.size()), wanted);
}

TEST_P(CorpusSignal, ThreadsCallDifferentFunctionsThroughATable) {
  const auto in = integers<int>(200, 0, 1000);
  constexpr int kOffsets[] = {3, 1, 4, 1};
  std::vector<int> wanted;
  for (int i = 0; i < 200; ++i) {
    const int results[] = {in[i] + i, in[i] - i, in[i] * i};
    wanted.push_back(results[in[i] % 3] + kOffsets[i & 3]);
  }
  load("signal");
  const MemHandle out = buffer(wanted);
  run("dispatch", {2, 1, 1}, {128, 1, 1}, Packed().add(buffer(in).value).add(out.value).add(200));
  EXPECT_EQ(read<int>(out, in.size()), wanted);
}

/// In unsigned numbers, which wrap as the card's do.
int machine(const std::vector<std::uint8_t>& code, int in, int i) {
  std::uint32_t stack[8] = {static_cast<std::uint32_t>(in), static_cast<std::uint32_t>(i)};
  int top = 2;
  for (std::size_t at = 0; at < code.size(); ++at) {
    std::uint32_t& a = stack[(top - 1) & 7];
    std::uint32_t& b = stack[(top - 2) & 7];
    std::uint32_t reversed = 0;
    for (int bit = 0; bit < 32; ++bit) {
      reversed |= (a >> bit & 1U) << (31 - bit);
    }
    const auto whole = static_cast<std::int32_t>(a);
    switch (code[at] & 15U) {
      case 0:
        a += 1;
        break;
      case 1:
        b += a;
        --top;
        break;
      case 2:
        b -= a;
        --top;
        break;
      case 3:
        b *= a;
        --top;
        break;
      case 4:
        stack[top++ & 7] = a;
        break;
      case 5:
        a = 0 - a;
        break;
      case 6:
        a ^= 0x55U;
        break;
      case 7:
        at += whole < 0 ? 2 : 0;
        break;
      case 8:
        a <<= 3U;
        break;
      case 9:
        a = static_cast<std::uint32_t>(whole >> 1);
        break;
      case 10:
        stack[top++ & 7] = static_cast<std::uint32_t>(i);
        break;
      case 11:
        a = reversed;
        break;
      case 12:
        a = b;
        break;
      case 13:
        a = static_cast<std::uint32_t>(std::popcount(a));
        break;
      case 14:
        b = static_cast<std::uint32_t>(whole % 17);
        break;
      default:
        a = ~a;
        break;
    }
    top = std::max(top, 2);
  }
  return static_cast<int>(stack[(top - 1) & 7]) ^ top;
}

TEST_P(CorpusSignal, AMachineWithASwitchAndAStackInLocalMemory) {
  const auto in = integers<int>(150, -1000, 1000);
  const auto code = integers<std::uint8_t>(120, 0, 255);
  std::vector<int> wanted;
  for (int i = 0; i < 150; ++i) {
    wanted.push_back(machine(code, in[i], i));
  }
  load("signal");
  const MemHandle out = buffer(wanted);
  run("machine", {2, 1, 1}, {96, 1, 1}, Packed().add(buffer(code).value).add(120).add(buffer(in).value).add(out.value).add(150));
  EXPECT_EQ(read<int>(out, in.size()), wanted);
}

TEST_P(CorpusSignal, ProductsOfAHundredAndTwentyEightBits) {
  __extension__ using Wide = unsigned __int128;
  std::vector<std::uint64_t> a, b, wanted;
  for (int i = 0; i < 100; ++i) {
    a.push_back(random_() * 0x1'0000'0001ULL * random_());
    b.push_back(i % 7 == 0 ? ~0ULL : random_() * 0x9e37'79b9'7f4a'7c15ULL);
    const Wide sum = Wide{a[i]} * b[i] + a[i] + (Wide{b[i]} << 64U);
    wanted.push_back(static_cast<std::uint64_t>(sum));
    wanted.push_back(static_cast<std::uint64_t>(sum >> 64U));
  }
  load("signal");
  const MemHandle out = buffer(std::vector<std::uint64_t>(200));
  run("wide_product", {1, 1, 1}, {128, 1, 1}, Packed().add(buffer(a).value).add(buffer(b).value).add(out.value).add(100));
  EXPECT_EQ(read<std::uint64_t>(out, 200), wanted);
}

TEST_P(CorpusSignal, DoublesAreExact) {
  std::vector<double> in, wanted;
  for (int i = 0; i < 100; ++i) {
    const double x = 0.01 + i * 1.7;
    double y = 1;
    for (int k = 0; k < 20; ++k) {
      y = 0.5 * (y + x / y);
    }
    in.push_back(x);
    wanted.push_back(std::fma(y, y, -x) + static_cast<double>(static_cast<long long>(x * 3.0)) + std::floor(y));
  }
  load("signal");
  const MemHandle out = buffer(wanted);
  run("doubles", {1, 1, 1}, {128, 1, 1}, Packed().add(buffer(in).value).add(out.value).add(100));
  EXPECT_EQ(read<double>(out, 100), wanted);
}

TEST_P(CorpusSignal, FunctionsOfTheMathematicalLibrary) {
  const auto in = floats(500, 0, 1000);
  load("signal");
  const MemHandle out = buffer(std::vector<float>(in.size()));
  run("waves", {4, 1, 1}, {128, 1, 1}, Packed().add(buffer(in).value).add(out.value).add(500));
  const auto got = read<float>(out, in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double x = in[i];
    const double wanted = std::sin(x) + std::cos(2 * x) * std::exp(-x * 0.125) + std::pow(x + 1, 1.5) + std::log2(x + 1);
    ASSERT_NEAR(got[i], wanted, 1e-5 + std::abs(wanted) * 1e-5) << x;
  }
}

INSTANTIATE_TEST_SUITE_P(Compilers, CorpusSignal, ::testing::ValuesIn(kCorpusVariants), corpus_variant_name);

}  // namespace
}  // namespace sublet::cpu
