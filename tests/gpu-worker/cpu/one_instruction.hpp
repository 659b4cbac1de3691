#pragma once

// Runs one PTX instruction over many threads, on the functions for every machine, on those for AVX2 and in native code.

#include <bit>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "gpu-worker/devices/cpu/loaded_module.hpp"
#include "gpu-worker/devices/cpu/run/grid_runner.hpp"

namespace sublet::cpu {

/// IEEE half precision, as its bits.
struct Half16 {
  std::uint16_t bits = 0;
};

template <class T>
constexpr std::string_view memory_type() {
  if constexpr (std::is_same_v<T, float>) {
    return "f32";
  } else if constexpr (std::is_same_v<T, double>) {
    return "f64";
  } else if constexpr (std::is_same_v<T, Half16>) {
    return "b16";
  } else {
    constexpr std::string_view kUnsigned[] = {"u8", "u16", "u32", "u64"};
    constexpr std::string_view kSigned[] = {"s8", "s16", "s32", "s64"};
    const std::size_t index = std::countr_zero(sizeof(T));
    return std::is_signed_v<T> ? kSigned[index] : kUnsigned[index];
  }
}
template <class T>
constexpr std::string_view register_type() {
  constexpr std::string_view kNames[] = {"b16", "b16", "b32", "b64"};
  return kNames[std::countr_zero(sizeof(T))];
}

/// What does the steps of a program.
enum class Engine : std::uint8_t { baseline, wide, native };

/// Those that this machine has; the first is what the others have to agree with.
inline std::vector<Engine> engines() {
  return has_wide_lanes() ? std::vector{Engine::baseline, Engine::wide, Engine::native} : std::vector{Engine::baseline};
}

/// A device of its own, for the insides.
class Bench {
 public:
  explicit Bench(Engine engine) : device_(1_GiB), memory_(device_, 1_GiB), pool_(1), engine_(engine) {}

  std::uint64_t place(const void* bytes, std::size_t size) {
    const auto address = memory_.allocate({std::max<std::size_t>(size, 1)});
    if (bytes != nullptr) {
      std::memcpy(host(*address), bytes, size);
    }
    return *address;
  }
  std::byte* host(std::uint64_t address) { return memory_.table().at(address)->host; }
  std::optional<Fault> run(const std::string& text, const std::vector<std::uint64_t>& arguments, std::uint32_t threads,
                           std::uint32_t blocks = 1) {
    return run(text, arguments, {blocks, 1, 1}, {threads, 1, 1});
  }
  std::optional<Fault> run(const std::string& text, const std::vector<std::uint64_t>& arguments, const Extent& grid, const Extent& block) {
    const Result<LoadedModule> module = load_module(as_view(text), memory_, engine_ != Engine::baseline);
    EXPECT_TRUE(module) << to_text(module.error()) << "\n" << text;
    if (!module) {
      return Fault{};
    }
    // A runner knows a program by its place in memory, and this one's is free again afterwards.
    GridRunner grids(pool_, engine_ != Engine::baseline, engine_ == Engine::native ? NativeUse::always : NativeUse::never);
    const std::optional<Fault> fault = grids.run({.program = module->kernels[0],
                                                  .grid = grid,
                                                  .block = block,
                                                  .parameters = reinterpret_cast<const std::byte*>(arguments.data()),
                                                  .memory = memory_.table(),
                                                  .limits = {.fuel = fuel}});
    native_runs_ = grids.native_runs();
    return fault;
  }
  /// Of the last `run`.
  [[nodiscard]] std::uint64_t native_runs() const { return native_runs_; }

  std::uint64_t fuel = 1U << 28U;

 private:
  DeviceMemory device_;
  SessionMemory memory_;
  WorkerPool pool_;
  Engine engine_;
  std::uint64_t native_runs_ = 0;
};

/// Text of a kernel that loads %a, %b, %c of each thread, runs `body` and stores %d.
template <class D, class... S>
std::string kernel_around(const std::string& body) {
  constexpr std::string_view kNames[] = {"a", "b", "c", "e"};
  std::string parameters = ".param .u64 out";
  std::string loads;
  std::size_t i = 0;
  const auto load = [&](std::string_view reg, std::string_view type, std::size_t size) {
    const std::string_view name = kNames[i++];
    parameters += fmt::format(", .param .u64 in_{}", name);
    loads += fmt::format(
        ".reg .{} %{};\nld.param.u64 %at, [in_{}];\nmul.wide.u32 %by, %i, {};\nadd.s64 %at, %at, %by;\nld.global.{} %{}, [%at];\n", reg,
        name, name, size, type, name);
  };
  (load(register_type<S>(), memory_type<S>(), sizeof(S)), ...);
  return fmt::format(
      ".version 9.0\n.target sm_75\n.address_size 64\n.visible .entry k({})\n{{\n.reg .b64 %at, %by;\n.reg .b32 %t, %i;\n.reg .pred %p, "
      "%q;\n.reg .{} %d;\n"
      "mov.u32 %i, %tid.x;\n{}{}\nld.param.u64 %at, [out];\nmul.wide.u32 %by, %i, {};\nadd.s64 %at, %at, %by;\nst.global.{} [%at], "
      "%d;\nret;\n}}\n",
      parameters, register_type<D>(), loads, body, sizeof(D), memory_type<D>());
}

template <class D, class... S>
std::vector<D> evaluate_on(Engine engine, const std::string& body, const std::vector<S>&... inputs) {
  const std::size_t count = std::min({inputs.size()...});
  Bench bench(engine);
  const std::uint64_t out = bench.place(nullptr, count * sizeof(D));
  const std::vector<std::uint64_t> arguments = {out, bench.place(inputs.data(), count * sizeof(S))...};
  const auto fault = bench.run(kernel_around<D, S...>(body), arguments, static_cast<std::uint32_t>(count));
  EXPECT_FALSE(fault);
  std::vector<D> result(count);
  std::memcpy(result.data(), bench.host(out), count * sizeof(D));
  return result;
}

/// As many values as threads of which native code does eight at once: the first ones again behind the last.
template <class S>
std::vector<S> filled_up(std::vector<S> values, std::size_t count) {
  for (std::size_t i = 0; values.size() < count; ++i) {
    values.push_back(values[i]);
  }
  return values;
}

/// %d of each thread after `body`, the same on all engines.
template <class D, class... S>
std::vector<D> evaluate(const std::string& body, const std::vector<S>&... inputs) {
  const std::size_t count = std::min({inputs.size()...});
  const std::size_t threads = (count + 7) / 8 * 8;
  std::vector<D> result;
  for (const Engine engine : engines()) {
    std::vector<D> made = evaluate_on<D>(engine, body, filled_up(std::vector<S>(inputs.begin(), inputs.begin() + count), threads)...);
    made.resize(count);
    if (engine == Engine::baseline) {
      result = std::move(made);
      continue;
    }
    EXPECT_EQ(std::memcmp(result.data(), made.data(), count * sizeof(D)), 0)
        << "two engines differ: " << body << (engine == Engine::native ? " in native code" : " on wide lanes");
  }
  return result;
}

template <class T>
std::string bits_text(T value) {
  if constexpr (std::is_same_v<T, float>) {
    return fmt::format("{} ({:#010x})", value, std::bit_cast<std::uint32_t>(value));
  } else if constexpr (std::is_same_v<T, double>) {
    return fmt::format("{} ({:#018x})", value, std::bit_cast<std::uint64_t>(value));
  } else if constexpr (std::is_same_v<T, Half16>) {
    return fmt::format("{:#06x}", value.bits);
  } else {
    return fmt::format("{}", value);
  }
}

/// Checks `body` against `reference` for every combination of the given values, bit for bit.
template <class D, class Reference, class A>
void check1(const std::string& body, const std::vector<A>& values, Reference reference) {
  const std::vector<D> got = evaluate<D>(body, values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const D wanted = reference(values[i]);
    EXPECT_EQ(std::memcmp(&got[i], &wanted, sizeof(D)), 0)
        << body << " of " << bits_text(values[i]) << ": " << bits_text(got[i]) << ", wanted " << bits_text(wanted);
  }
}
template <class D, class Reference, class A, class B>
void check2(const std::string& body, const std::vector<A>& first, const std::vector<B>& second, Reference reference) {
  std::vector<A> a;
  std::vector<B> b;
  for (const A x : first) {
    for (const B y : second) {
      a.push_back(x);
      b.push_back(y);
    }
  }
  ASSERT_LE(a.size(), 1024U);
  const std::vector<D> got = evaluate<D>(body, a, b);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const D wanted = reference(a[i], b[i]);
    EXPECT_EQ(std::memcmp(&got[i], &wanted, sizeof(D)), 0)
        << body << " of " << bits_text(a[i]) << ", " << bits_text(b[i]) << ": " << bits_text(got[i]) << ", wanted " << bits_text(wanted);
  }
}

}  // namespace sublet::cpu
