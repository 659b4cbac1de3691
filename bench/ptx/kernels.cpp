#include "bench/ptx/kernels.hpp"

#include <array>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>

#include "bench/ptx/measure.hpp"
#include "bench/ptx/plain.hpp"
#include "common/random.hpp"
#include "gpu-worker/devices/cpu/device.hpp"
#include "paths.hpp"

namespace sublet::bench {
namespace {

constexpr std::size_t kElements = 1'000'000;
constexpr std::size_t kRows = 128;
constexpr std::size_t kOptions = 16;
constexpr std::uint32_t kPaths = 16'384;
constexpr std::uint32_t kFrames = 5;
constexpr plain::Sizes kLarger = {.width = 320, .height = 240, .out_width = 640, .out_height = 480};
constexpr plain::Sizes kSmaller = {.width = 640, .height = 480, .out_width = 320, .out_height = 240};
constexpr plain::Sizes kSame = {.width = 640, .height = 480, .out_width = 640, .out_height = 480};
constexpr std::array<float, 12> kMatrix = {1.08F, -0.06F, -0.02F, 4, -0.04F, 1.07F, -0.03F, 0, -0.02F, -0.08F, 1.10F, -4};

enum class Kind { elementwise, shared };

/// What a kernel should cost at most, in plain loops.
double goal_of(Kind kind) { return kind == Kind::elementwise ? 8 : 20; }

/// The input's buffer and the output's, here and on the device.
struct Memory {
  std::vector<std::byte> in;
  std::vector<std::byte> out;
  MemHandle device_in;
  MemHandle device_out;

  template <class T>
  [[nodiscard]] std::span<const T> read() const {
    return {reinterpret_cast<const T*>(in.data()), in.size() / sizeof(T)};
  }
  template <class T>
  std::span<T> written() {
    return {reinterpret_cast<T*>(out.data()), out.size() / sizeof(T)};
  }
};

enum class Filling { bytes, floats, options };

struct Case {
  std::string module;
  std::string kernel;
  Kind kind;
  Filling filling;
  std::size_t in_bytes;
  std::size_t out_bytes;
  Dim3 grid;
  Dim3 block;
  std::function<Arguments(const Memory&)> arguments;
  std::function<void(Memory&)> plain;
};

std::uint32_t blocks_of(std::size_t threads, std::uint32_t block) { return static_cast<std::uint32_t>((threads + block - 1) / block); }
Dim3 line(std::size_t threads) { return {blocks_of(threads, 256), 1, 1}; }
Dim3 square(const plain::Sizes& sizes) {
  return {blocks_of(static_cast<std::size_t>(sizes.out_width), 16), blocks_of(static_cast<std::size_t>(sizes.out_height), 16), 1};
}
Dim3 frames_of(std::size_t samples) { return {blocks_of(samples, 256), kFrames, 1}; }
std::size_t image_in(const plain::Sizes& sizes) { return static_cast<std::size_t>(sizes.width * sizes.height * 3); }
std::size_t image_out(const plain::Sizes& sizes) { return static_cast<std::size_t>(sizes.out_width * sizes.out_height * 3); }

constexpr Dim3 kLine = {256, 1, 1};
constexpr Dim3 kSquare = {16, 16, 1};
constexpr auto kCount = static_cast<std::int32_t>(kElements);

Arguments both(const Memory& memory) { return std::move(Arguments().add(memory.device_in.value).add(memory.device_out.value)); }

std::vector<Case> elementwise_cases() {
  using U8 = std::uint8_t;
  const auto counted = [](const Memory& m) { return std::move(both(m).add(kCount)); };
  return {{"video/video", "decode", Kind::elementwise, Filling::bytes, kElements, 4 * kElements, line(kElements), kLine, counted,
           [](Memory& m) { plain::decode(m.read<U8>(), m.written<float>()); }},
          {"video/video", "denoise", Kind::elementwise, Filling::floats, 4 * kElements, 4 * kElements, line(kElements), kLine,
           [](const Memory& m) { return std::move(both(m).add(kCount).add(0.1F)); },
           [](Memory& m) { plain::denoise(m.read<float>(), m.written<float>(), 0.1F); }},
          {"video/video", "encode", Kind::elementwise, Filling::floats, 4 * kElements, kElements, line(kElements), kLine, counted,
           [](Memory& m) { plain::encode(m.read<float>(), m.written<U8>()); }},
          {"transform/transform", "scale", Kind::elementwise, Filling::floats, 4, 4 * kElements, line(kElements), kLine,
           [](const Memory& m) { return std::move(Arguments().add(m.device_out.value).add(kCount).add(-1.0F)); },
           [](Memory& m) { plain::scale(m.written<float>(), -1.0F); }},
          {"transform/transform", "bias", Kind::elementwise, Filling::floats, 4, 4 * kElements, line(kElements), kLine,
           [](const Memory& m) { return std::move(Arguments().add(m.device_out.value).add(kCount).add(0.5F)); },
           [](Memory& m) { plain::bias(m.written<float>(), 0.5F); }}};
}

Arguments sized(const Memory& memory, const plain::Sizes& sizes) {
  return std::move(both(memory).add(sizes.width).add(sizes.height).add(sizes.out_width).add(sizes.out_height));
}

Arguments coloured(const Memory& memory) {
  Arguments made = std::move(both(memory).add(kSame.width * kSame.height));
  for (const float each : kMatrix) made.add(each);
  return std::move(made.add(0.95F));
}

std::vector<Case> image_cases() {
  using U8 = std::uint8_t;
  const std::size_t pixels = image_in(kSame) / 3;
  return {
      {"image/image", "resize_bilinear", Kind::elementwise, Filling::bytes, image_in(kLarger), image_out(kLarger), square(kLarger), kSquare,
       [](const Memory& m) { return sized(m, kLarger); },
       [](Memory& m) { plain::resize_bilinear(m.read<U8>(), m.written<U8>(), kLarger); }},
      {"image/image", "resize_area", Kind::elementwise, Filling::bytes, image_in(kSmaller), image_out(kSmaller), square(kSmaller), kSquare,
       [](const Memory& m) { return sized(m, kSmaller); }, [](Memory& m) { plain::resize_area(m.read<U8>(), m.written<U8>(), kSmaller); }},
      {"image/image", "correct_colour", Kind::elementwise, Filling::bytes, image_in(kSame), image_out(kSame), line(pixels), kLine, coloured,
       [](Memory& m) { plain::correct_colour(m.read<U8>(), m.written<U8>(), kMatrix, 0.95F); }},
      {"image/image", "sharpen", Kind::elementwise, Filling::bytes, image_in(kSame), image_out(kSame), square(kSame), kSquare,
       [](const Memory& m) { return std::move(both(m).add(kSame.width).add(kSame.height).add(0.8F)); },
       [](Memory& m) { plain::sharpen(m.read<U8>(), m.written<U8>(), kSame, 0.8F); }},
      {"video/clip", "denoise_temporal", Kind::elementwise, Filling::bytes, kFrames * image_in(kSame), kFrames * image_in(kSame),
       frames_of(image_in(kSame)), kLine,
       [](const Memory& m) {
         return std::move(both(m).add(static_cast<int>(image_in(kSame))).add(static_cast<int>(kFrames)).add(2).add(24.0F));
       },
       [](Memory& m) { plain::denoise_temporal(m.read<U8>(), m.written<U8>(), image_in(kSame), 2, 24.0F); }}};
}

std::vector<Case> shared_cases() {
  const auto counted = [](const Memory& m) { return std::move(both(m).add(kCount)); };
  return {{"signal/fir", "fir", Kind::shared, Filling::floats, 4 * kElements, 4 * kElements, line(kElements), kLine, counted,
           [](Memory& m) { plain::fir(m.read<float>(), m.written<float>()); }},
          {"signal/fft",
           "fft1024",
           Kind::shared,
           Filling::floats,
           8192 * kRows,
           8192 * kRows,
           {kRows, 1, 1},
           {512, 1, 1},
           both,
           [](Memory& m) { plain::fft(m.read<float>(), m.written<float>()); }},
          {"reduce/reduce",
           "fold_input",
           Kind::shared,
           Filling::floats,
           4 * kElements,
           std::size_t{64} * 12,
           {64, 1, 1},
           kLine,
           counted,
           [](Memory& m) { plain::fold(m.read<float>(), m.written<float>()); }},
          {"histogram/histogram",
           "count",
           Kind::shared,
           Filling::bytes,
           kElements,
           1024,
           {64, 1, 1},
           kLine,
           counted,
           [](Memory& m) { plain::count(m.read<std::uint8_t>(), m.written<std::uint32_t>()); }},
          {"montecarlo/options",
           "price_calls",
           Kind::shared,
           Filling::options,
           20 * kOptions,
           4 * kOptions,
           {kOptions, 1, 1},
           kLine,
           [](const Memory& m) { return std::move(both(m).add(kPaths).add(1)); },
           [](Memory& m) { plain::price_calls(m.read<float>(), m.written<float>(), kPaths, 1); }}};
}

std::vector<Case> layer_cases() {
  constexpr std::size_t kWidth = 256;
  constexpr std::size_t kPictures = 4096;
  constexpr auto kSide = std::size_t{1000};
  return {
      {"inference/inference",
       "dense",
       Kind::shared,
       Filling::floats,
       4 * kWidth * (kWidth + 1),
       4 * kWidth * kWidth,
       {16, 16, 1},
       kSquare,
       // The rows are the layer's own: as good as any.
       [](const Memory& m) {
         return std::move(
             Arguments().add(m.device_in.value).add(m.device_in.value).add(m.device_out.value).add(256).add(256).add(256).add(1));
       },
       [](Memory& m) { plain::dense(m.read<float>().first(kWidth * kWidth), m.read<float>(), m.written<float>(), kWidth, kWidth); }},
      {"inference/inference", "softmax", Kind::shared, Filling::floats, 40 * kPictures, 40 * kPictures, line(4 * kPictures), kLine,
       [](const Memory& m) { return std::move(both(m).add(static_cast<int>(kPictures)).add(10)); },
       [](Memory& m) { plain::softmax(m.read<float>(), m.written<float>(), 10); }},
      {"solver/heat",
       "jacobi",
       Kind::elementwise,
       Filling::floats,
       4 * kSide * kSide,
       4 * kSide * kSide,
       {63, 63, 1},
       kSquare,
       [](const Memory& m) {
         return std::move(Arguments().add(m.device_in.value).add(m.device_in.value).add(m.device_out.value).add(1000).add(1000).add(5.0F));
       },
       [](Memory& m) { plain::jacobi(m.read<float>(), m.read<float>(), m.written<float>(), kSide, 5.0F); }}};
}

std::vector<std::byte> filled(Filling filling, std::size_t bytes) {
  SeededRandom random(bytes);
  std::vector<std::byte> made(bytes);
  constexpr std::array<float, 5> kOption = {100, 100, 0.05F, 0.2F, 1};
  for (std::size_t i = 0; i < bytes; i += filling == Filling::bytes ? 1 : 4) {
    const float value = filling == Filling::options ? kOption[i / 4 % 5] : static_cast<float>(random.spread());
    if (filling != Filling::bytes) std::memcpy(made.data() + i, &value, 4);
    if (filling == Filling::bytes) made[i] = static_cast<std::byte>(random.next());
  }
  return made;
}

ModuleId load(Session& session, const std::string& name) {
  std::ifstream file(SUBLET_SOURCE_DIR "/kernels/" + name + ".ptx");
  return must(session.module_load(as_view(std::string(std::istreambuf_iterator<char>(file), {}))));
}

void measure(const Case& it) {
  const auto device = make_cpu_device({.total = 256_MiB, .threads = 1, .name = "bench"});
  const auto session = must(device->open_session({.slice = 64_MiB}));
  const ModuleId module = load(*session, it.module);
  Memory memory{.in = filled(it.filling, it.in_bytes),
                .out = std::vector<std::byte>(it.out_bytes),
                .device_in = must(session->mem_alloc({it.in_bytes})),
                .device_out = must(session->mem_alloc({it.out_bytes}))};
  must(session->mem_write({}, memory.device_in, 0, memory.in));
  const Arguments arguments = it.arguments(memory);
  const double ours = best_ms(15, [&] {
    must(session->launch({}, {.module = module,
                              .kernel = it.kernel,
                              .grid = it.grid,
                              .block = it.block,
                              .args = arguments.bytes(),
                              .arg_sizes = arguments.sizes()}));
    must(session->sync({}));
  });
  const double plain = best_ms(15, [&] { it.plain(memory); });
  const double ratio = ours / plain;
  fmt::print("{:<15}  {:>8.2f}  {:>8.2f}  {:>5.1f}  {:>4.0f}{}\n", it.kernel, ours, plain, ratio, goal_of(it.kind),
             ratio <= goal_of(it.kind) ? "" : "  missed");
}

}  // namespace

void bench_kernels() {
  fmt::print("\n{:<15}  {:>8}  {:>8}  {:>5}  {:>4}\n", "kernel", "PTX ms", "C++ ms", "ratio", "goal");
  for (const auto& cases : {elementwise_cases(), image_cases(), shared_cases(), layer_cases()}) {
    for (const Case& each : cases) measure(each);
  }
}

}  // namespace sublet::bench
