// What the cpu device costs: the video pipeline beside the same loops in plain C++, loading a large module, an empty round trip, and each
// kernel of kernels/ by itself.

#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "bench/ptx/kernels.hpp"
#include "bench/ptx/measure.hpp"
#include "gpu-worker/devices/cpu/device.hpp"

namespace {

using namespace sublet;
using bench::Arguments;
using bench::best_ms;
using bench::must;

constexpr std::uint32_t kElements = 1'000'000;
constexpr unsigned kThreads = 2;
constexpr float kThreshold = 0.1F;

constexpr std::string_view kPipeline = R"(
.version 9.0
.target sm_75
.address_size 64
.visible .entry decode(.param .u64 raw, .param .u64 decoded, .param .u32 n) {
  .reg .pred %p<2>; .reg .b16 %rs<2>; .reg .f32 %f<3>; .reg .b32 %r<6>; .reg .b64 %rd<9>;
  ld.param.u64 %rd1, [raw];
  ld.param.u64 %rd2, [decoded];
  ld.param.u32 %r2, [n];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.s32 %r1, %r3, %r4, %r5;
  setp.ge.s32 %p1, %r1, %r2;
  @%p1 bra $L__BB0_2;
  cvta.to.global.u64 %rd3, %rd1;
  cvt.s64.s32 %rd4, %r1;
  add.s64 %rd5, %rd3, %rd4;
  ld.global.u8 %rs1, [%rd5];
  cvt.rn.f32.u16 %f1, %rs1;
  div.rn.f32 %f2, %f1, 0f437F0000;
  cvta.to.global.u64 %rd6, %rd2;
  mul.wide.s32 %rd7, %r1, 4;
  add.s64 %rd8, %rd6, %rd7;
  st.global.f32 [%rd8], %f2;
$L__BB0_2:
  ret;
}
.visible .entry denoise(.param .u64 data, .param .u64 output, .param .u32 n, .param .f32 threshold) {
  .reg .pred %p<3>; .reg .f32 %f<4>; .reg .b32 %r<6>; .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [data];
  ld.param.u64 %rd2, [output];
  ld.param.u32 %r2, [n];
  ld.param.f32 %f1, [threshold];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.s32 %r1, %r3, %r4, %r5;
  setp.ge.s32 %p1, %r1, %r2;
  @%p1 bra $L__BB1_2;
  cvta.to.global.u64 %rd3, %rd1;
  mul.wide.s32 %rd4, %r1, 4;
  add.s64 %rd5, %rd3, %rd4;
  ld.global.f32 %f2, [%rd5];
  setp.gt.f32 %p2, %f2, %f1;
  selp.f32 %f3, %f2, 0f00000000, %p2;
  cvta.to.global.u64 %rd6, %rd2;
  add.s64 %rd7, %rd6, %rd4;
  st.global.f32 [%rd7], %f3;
$L__BB1_2:
  ret;
}
.visible .entry encode(.param .u64 in, .param .u64 out, .param .u32 n) {
  .reg .pred %p<2>; .reg .f32 %f<3>; .reg .b32 %r<7>; .reg .b64 %rd<9>;
  ld.param.u64 %rd1, [in];
  ld.param.u64 %rd2, [out];
  ld.param.u32 %r2, [n];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.s32 %r1, %r3, %r4, %r5;
  setp.ge.s32 %p1, %r1, %r2;
  @%p1 bra $L__BB2_2;
  cvta.to.global.u64 %rd3, %rd1;
  cvt.s64.s32 %rd4, %r1;
  mul.wide.s32 %rd5, %r1, 4;
  add.s64 %rd6, %rd3, %rd5;
  ld.global.f32 %f1, [%rd6];
  mul.f32 %f2, %f1, 0f437F0000;
  cvt.rzi.u32.f32 %r6, %f2;
  cvta.to.global.u64 %rd7, %rd2;
  add.s64 %rd8, %rd7, %rd4;
  st.global.u8 [%rd8], %r6;
$L__BB2_2:
  ret;
}
)";

void launch(Session& session, ModuleId module, std::string_view kernel, const Arguments& arguments) {
  must(session.launch({}, {.module = module,
                           .kernel = kernel,
                           .grid = {(kElements + 255) / 256, 1, 1},
                           .block = {256, 1, 1},
                           .args = arguments.bytes(),
                           .arg_sizes = arguments.sizes()}));
}

/// The same three loops as a program would write them; volatile pointers would forbid what -O2 may do, so nothing more is added.
void plain_loops(const std::uint8_t* raw, float* decoded, float* clean, std::uint8_t* out, std::size_t first, std::size_t last) {
  for (std::size_t i = first; i < last; ++i) {
    decoded[i] = static_cast<float>(raw[i]) / 255.0F;
  }
  for (std::size_t i = first; i < last; ++i) {
    clean[i] = decoded[i] > kThreshold ? decoded[i] : 0.0F;
  }
  for (std::size_t i = first; i < last; ++i) {
    out[i] = static_cast<std::uint8_t>(clean[i] * 255.0F);
  }
}

void bench_pipeline() {
  const auto device = make_cpu_device({.total = 1_GiB, .threads = kThreads, .name = "bench"});
  const auto session = must(device->open_session({.slice = 64_MiB}));
  const ModuleId module = must(session->module_load(as_view(kPipeline)));
  std::vector<std::uint8_t> raw(kElements);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    raw[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  }
  const MemHandle in = must(session->mem_alloc({kElements}));
  const MemHandle decoded = must(session->mem_alloc({kElements * 4ULL}));
  const MemHandle clean = must(session->mem_alloc({kElements * 4ULL}));
  const MemHandle encoded = must(session->mem_alloc({kElements}));
  std::vector<std::uint8_t> out(kElements);
  const auto decode = Arguments().add(in.value).add(decoded.value).add(kElements);
  const auto denoise = Arguments().add(decoded.value).add(clean.value).add(kElements).add(kThreshold);
  const auto encode = Arguments().add(clean.value).add(encoded.value).add(kElements);
  const double ours = best_ms(20, [&] {
    must(session->mem_write({}, in, 0, std::as_bytes(std::span(raw))));
    launch(*session, module, "decode", decode);
    launch(*session, module, "denoise", denoise);
    launch(*session, module, "encode", encode);
    must(session->mem_read({}, encoded, 0, std::as_writable_bytes(std::span(out))));
    must(session->sync({}));
  });

  std::vector<float> a(kElements);
  std::vector<float> b(kElements);
  std::vector<std::uint8_t> expected(kElements);
  const double plain = best_ms(20, [&] {
    std::jthread helper([&] { plain_loops(raw.data(), a.data(), b.data(), expected.data(), 0, kElements / 2); });
    plain_loops(raw.data(), a.data(), b.data(), expected.data(), kElements / 2, kElements);
  });
  fmt::print("pipeline  n={} threads={}: {:.2f} ms a segment (target 60); plain C++ -O2: {:.2f} ms; {}\n", kElements, kThreads, ours, plain,
             out == expected ? "equal" : "DIFFERENT");
}

std::string large_module(std::size_t lines) {
  std::string text = ".version 9.0\n.target sm_75\n.address_size 64\n.visible .entry large(.param .u64 out)\n{\n";
  text += fmt::format(".reg .b32 %r<{}>;\n.reg .pred %p<4>;\n.reg .b64 %rd<4>;\n", lines + 8);
  text += "ld.param.u64 %rd1, [out];\nmov.u32 %r0, %tid.x;\nmov.u32 %r1, %ctaid.x;\n";
  for (std::size_t i = 2; i + 10 < lines; ++i) {
    switch (i % 8) {
      case 0:
        text += fmt::format("setp.lt.s32 %p1, %r{}, {};\n@%p1 bra L{};\n", i - 1, i * 3, i);
        break;
      case 1:
        text += fmt::format("L{}: add.s32 %r{}, %r{}, {};\n", i - 1, i, i - 2, i);
        break;
      case 2:
        text += fmt::format("mad.lo.s32 %r{}, %r{}, {}, %r{};\n", i, i - 1, i, i - 2);
        break;
      case 3:
        text += fmt::format("xor.b32 %r{}, %r{}, %r{};\n", i, i - 1, i - 2);
        break;
      case 7:
        text += fmt::format("mov.u32 %r{}, %r{};\nmov.u32 %r{}, %r{};\n", i, i - 1, i + 1, i - 1);
        break;
      default:
        text += fmt::format("shl.b32 %r{}, %r{}, 3;\n", i, i - 1);
        break;
    }
  }
  return text + "st.global.u32 [%rd1], %r5;\nret;\n}\n";
}

void bench_load() {
  const auto device = make_cpu_device({.total = 1_GiB, .threads = 1, .name = "bench"});
  const std::string text = large_module(10'000);
  const double ms = best_ms(10, [&] {
    const auto session = must(device->open_session({.slice = 1_MiB}));
    must(session->module_load(as_view(text)));
  });
  fmt::print("load      {} lines, {} bytes: {:.2f} ms (target 50)\n", std::ranges::count(text, '\n'), text.size(), ms);
}

void bench_round_trip() {
  const auto device = make_cpu_device({.total = 1_GiB, .threads = 1, .name = "bench"});
  const auto session = must(device->open_session({.slice = 1_MiB}));
  const MemHandle buffer = must(session->mem_alloc(64_B));
  std::array<std::byte, 64> bytes{};
  constexpr int kRounds = 200'000;
  const double ms = best_ms(5, [&] {
    for (int i = 0; i < kRounds; ++i) {
      bytes[0] = static_cast<std::byte>(i);
      must(session->mem_write({}, buffer, 0, bytes));
      must(session->mem_read({}, buffer, 0, bytes));
      must(session->sync({}));
    }
  });
  const ModuleId module = must(session->module_load(as_view(kPipeline)));
  const auto decode = Arguments().add(buffer.value).add(buffer.value).add(0);
  const double launch_ms = best_ms(5, [&] {
    for (int i = 0; i < kRounds / 10; ++i) {
      must(session->launch(
          {}, {.module = module, .kernel = "decode", .block = {64, 1, 1}, .args = decode.bytes(), .arg_sizes = decode.sizes()}));
      must(session->sync({}));
    }
  });
  fmt::print("roundtrip write 64 B + read 64 B + sync: {:.0f} ns (target 300); launch of one empty block of 64 + sync: {:.0f} ns\n",
             ms * 1e6 / kRounds, launch_ms * 1e6 / (kRounds / 10));
}

}  // namespace

int main() {
  bench_pipeline();
  bench_load();
  bench_round_trip();
  bench::bench_kernels();
  return 0;
}
