// What compressing stored bytes costs and saves, by what they are: 1 MiB each.

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include <benchmark/benchmark.h>

#include "broker/stores/packing.hpp"
#include "common/random.hpp"
#include "paths.hpp"

namespace sublet::bench {
namespace {

using broker::Compression;

constexpr std::size_t kBytes = 1U << 20U;

Blob zeros() { return Blob::copy_of(std::vector<std::byte>(kBytes)); }

Blob text() {
  std::ifstream file(SUBLET_SOURCE_DIR "/docs/protocol.md");
  const std::string page((std::istreambuf_iterator<char>(file)), {});
  std::string all;
  while (all.size() < kBytes) all += page;
  return Blob::copy_of(as_view(all).first(kBytes));
}

/// A smooth signal with a little noise, as f32.
Blob floats() {
  SeededRandom random(1);
  std::vector<float> values(kBytes / sizeof(float));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = std::sin(static_cast<float>(i) * 1e-3F) + 1e-3F * static_cast<float>(random.spread());
  }
  return Blob::copy_of(std::as_bytes(std::span(values)));
}

/// As what was compressed already.
Blob noise() {
  SeededRandom random(1);
  std::vector<std::uint64_t> words(kBytes / sizeof(std::uint64_t));
  for (auto& word : words) word = random.next();
  return Blob::copy_of(std::as_bytes(std::span(words)));
}

void packs(benchmark::State& state, Blob (*make)()) {
  const Blob bytes = make();
  std::size_t stored = 0;
  for (auto _ : state) {
    const auto packed = broker::pack(bytes, Compression::lz4);
    stored = packed.tag.size() + packed.bytes.size();
    benchmark::DoNotOptimize(packed.bytes.view().data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kBytes));
  state.counters["stored"] = static_cast<double>(stored) / kBytes;
}

void unpacks(benchmark::State& state, Blob (*make)()) {
  const auto packed = broker::pack(make(), Compression::lz4);
  const auto stored = Blob::copy_of(as_view(packed.tag + std::string(as_text(packed.bytes.view()))));
  for (auto _ : state) {
    const auto bytes = broker::unpack(stored);
    benchmark::DoNotOptimize(bytes->view().data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kBytes));
}

BENCHMARK_CAPTURE(packs, zeros, zeros);
BENCHMARK_CAPTURE(packs, text, text);
BENCHMARK_CAPTURE(packs, floats, floats);
BENCHMARK_CAPTURE(packs, noise, noise);
BENCHMARK_CAPTURE(unpacks, zeros, zeros);
BENCHMARK_CAPTURE(unpacks, text, text);
BENCHMARK_CAPTURE(unpacks, floats, floats);
BENCHMARK_CAPTURE(unpacks, noise, noise);

}  // namespace
}  // namespace sublet::bench

BENCHMARK_MAIN();
