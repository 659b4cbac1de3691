#include "tests/golden/run.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tests/support/source.hpp"

namespace sublet::golden {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(to_text(result.error()));
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

std::vector<std::byte> packed(const std::vector<std::uint64_t>& values, unsigned bytes) {
  std::vector<std::byte> made(values.size() * bytes);
  for (std::size_t i = 0; i < values.size(); ++i) std::memcpy(made.data() + i * bytes, &values[i], bytes);
  return made;
}

std::vector<std::uint64_t> unpacked(ByteView bytes, unsigned width) {
  std::vector<std::uint64_t> made(bytes.size() / width);
  for (std::size_t i = 0; i < made.size(); ++i) std::memcpy(&made[i], bytes.data() + i * width, width);
  return made;
}

/// FNV-1a.
std::uint64_t hash_of(ByteView bytes) {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325U;
  for (const std::byte each : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(each)) * 0x100'0000'01b3U;
  return hash;
}

Output output_of(const Argument& argument, ByteView bytes) {
  if (argument.bound.is_exact() && !argument.unordered && bytes.size() > kMostBytes) {
    return {.bytes = 8, .hashed = true, .elements = {hash_of(bytes)}};
  }
  Output made{.bytes = argument.element, .elements = unpacked(bytes, argument.element)};
  if (argument.unordered) std::ranges::sort(made.elements);
  return made;
}

std::vector<Output> run_text(Device& device, std::string_view text, const KernelCase& kernel) {
  const auto session = must(device.open_session({.slice = 16_MiB}));
  const ModuleId module = must(session->module_load(as_view(text)));
  std::vector<std::byte> arguments;
  std::vector<std::uint32_t> sizes;
  std::vector<MemHandle> buffers;
  for (const Argument& each : kernel.arguments) {
    if (each.buffer) {
      buffers.push_back(must(session->mem_alloc({each.bytes.size()})));
      must(session->mem_write({}, buffers.back(), 0, each.bytes));
    }
    const ByteView bytes = each.buffer ? std::as_bytes(std::span(&buffers.back().value, 1)) : ByteView(each.bytes);
    arguments.insert(arguments.end(), bytes.begin(), bytes.end());
    sizes.push_back(static_cast<std::uint32_t>(bytes.size()));
  }
  must(session->launch({}, {.module = module,
                            .kernel = kernel.kernel,
                            .grid = kernel.grid,
                            .block = kernel.block,
                            .shared_bytes = kernel.shared_bytes,
                            .args = arguments,
                            .arg_sizes = sizes}));
  std::vector<Output> outputs;
  auto buffer = buffers.begin();
  for (const Argument& each : kernel.arguments) {
    if (!each.buffer) continue;
    const MemHandle from = *buffer++;
    if (each.element == 0) continue;
    std::vector<std::byte> bytes(each.bytes.size());
    must(session->mem_read({}, from, 0, bytes));
    must(session->sync({}));
    outputs.push_back(output_of(each, bytes));
  }
  return outputs;
}

}  // namespace

std::vector<Output> run(Device& device, const Form& form) {
  const std::size_t lanes = form.lanes();
  const auto zeroes = [&](unsigned bytes) { return std::vector<std::byte>(lanes * bytes); };
  KernelCase made{.kernel = "k", .block = {static_cast<std::uint32_t>(lanes), 1, 1}};
  made.arguments.push_back({.bytes = zeroes(8), .buffer = true});
  for (const Operand& each : form.results) made.arguments.push_back({.bytes = zeroes(each.bytes), .buffer = true, .element = each.bytes});
  for (std::size_t i = 0; i < form.sources.size(); ++i) {
    const Operand& source = form.sources[i];
    made.arguments.push_back({.bytes = packed(values_of(source, i, form.sources.size()), source.bytes), .buffer = true});
  }
  return run_text(device, form.ptx(), made);
}

std::vector<Output> run(Device& device, const KernelCase& kernel) {
  std::ifstream file(test::source(kernel.file));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) throw std::runtime_error(kernel.file + " is not there");
  return run_text(device, text, kernel);
}

}  // namespace sublet::golden
