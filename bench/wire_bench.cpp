// What one message of a batch costs to write and to read, without any socket: 256 chunks of 64 bytes in one range.

#include <benchmark/benchmark.h>

#include "common/wire/codec.hpp"

namespace {

using namespace sublet;
using namespace sublet::wire;

constexpr std::uint32_t kChunks = 256;
constexpr std::uint32_t kChunkBytes = 64;
constexpr std::size_t kPayloadBytes = std::size_t{kChunks} * kChunkBytes;

const std::vector<ChunkRange> kRange = {{.first = 1'000'000, .count = kChunks}};
const U32List kLengths{std::vector<std::uint32_t>(kChunks, kChunkBytes)};
const CodeList kCodes{std::vector<std::uint16_t>(kChunks, 0)};
const Token kToken{.high = 0x0123456789abcdef, .low = 0xfedcba9876543210};

Message submit() { return Submit{.job = JobId{77}, .chunks = kRange, .lengths = kLengths}; }

Message run() {
  return Run{
      .lease = LeaseId{0xa1b2c3d4e5f60718}, .grant = GrantId{9}, .token = kToken, .job = JobId{77}, .chunks = kRange, .lengths = kLengths};
}

Message settle() {
  return Settle{.lease = LeaseId{0xa1b2c3d4e5f60718},
                .grant = GrantId{9},
                .token = kToken,
                .codes = kCodes,
                .details = {},
                .lengths = kLengths,
                .micros = kLengths};
}

Message output() {
  return Output{
      .job = JobId{77}, .cursor = Cursor{12}, .chunks = kRange, .codes = kCodes, .details = {}, .lengths = kLengths, .micros = kLengths};
}

void encodes(benchmark::State& state, const Message& message) {
  std::vector<std::byte> frame;
  for (auto _ : state) {
    frame.clear();
    encode(1, message, frame);
    benchmark::DoNotOptimize(frame.data());
  }
}

void decodes(benchmark::State& state, const Message& message) {
  std::vector<std::byte> frame;
  encode(1, message, frame);
  for (auto _ : state) {
    auto decoded = decode(frame, kPayloadBytes);
    if (!decoded) state.SkipWithError(decoded.error().error.detail.c_str());
    benchmark::DoNotOptimize(decoded);
  }
}

BENCHMARK_CAPTURE(encodes, submit, submit());
BENCHMARK_CAPTURE(encodes, run, run());
BENCHMARK_CAPTURE(encodes, settle, settle());
BENCHMARK_CAPTURE(encodes, output, output());
BENCHMARK_CAPTURE(decodes, submit, submit());
BENCHMARK_CAPTURE(decodes, run, run());
BENCHMARK_CAPTURE(decodes, settle, settle());
BENCHMARK_CAPTURE(decodes, output, output());

}  // namespace

BENCHMARK_MAIN();
