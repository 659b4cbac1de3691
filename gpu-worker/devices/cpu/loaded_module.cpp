#include "gpu-worker/devices/cpu/loaded_module.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/ptx/parser.hpp"
#include "gpu-worker/devices/cpu/ptx/source_lines.hpp"
#include "gpu-worker/devices/cpu/run/address_space.hpp"
#include "gpu-worker/devices/cpu/run/lower.hpp"

namespace sublet::cpu {

namespace {

constexpr std::size_t kMaxNamesListed = 16;

std::string where(const Unsupported& entry) {
  const std::string line = entry.source.empty() ? fmt::format("line {}", entry.line) : entry.source;
  return entry.kernel.empty() ? line : fmt::format("kernel \"{}\", {}", entry.kernel.substr(0, 128), line);
}

/// "opcode wgmma.mma_async is not supported by the cpu device (kernel "gemm", line 88)", or all of them behind a colon.
std::string unsupported_text(const Module& module) {
  const std::string about = fmt::format("PTX {} for {}", module.version.substr(0, 16), module.target.substr(0, 32));
  if (module.unsupported_total == 1) {
    const Unsupported& only = module.unsupported.front();
    return fmt::format("{} is not supported by the cpu device ({}); {}; run it on a CUDA device or leave it out", only.what, where(only),
                       about);
  }
  std::string text = "not supported by the cpu device: ";
  for (const Unsupported& entry : module.unsupported) {
    text += fmt::format("{}{} ({})", &entry == module.unsupported.data() ? "" : "; ", entry.what, where(entry));
  }
  if (module.unsupported_total > module.unsupported.size()) {
    text += fmt::format("; and {} more", module.unsupported_total - module.unsupported.size());
  }
  return text + fmt::format("; {}; run it on a CUDA device or leave them out", about);
}

/// The module's variables in device memory; freed again unless kept.
class Variables {
 public:
  explicit Variables(SessionMemory& memory) : memory_(memory) {}
  ~Variables() {
    for (const std::uint64_t address : addresses_) {
      memory_.release(address);
    }
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;

  Result<std::vector<std::uint64_t>> place(const Module& module) {
    for (const Variable& variable : module.variables) {
      const Result<std::uint64_t> address = memory_.allocate({variable.size}, false);
      if (!address) {
        return fail(address.error().code, fmt::format("for variable \"{}\" of the module: {}", variable.name, address.error().detail));
      }
      addresses_.push_back(*address);
      if (*address % variable.align != 0) {
        return fail(ErrorCode::load_failed, fmt::format("variable \"{}\" wants an alignment of {}; the most is {}", variable.name,
                                                        variable.align, kAllocationAlign));
      }
      if (!variable.initial.empty()) {
        std::memcpy(memory_.table().at(*address)->host, variable.initial.data(), variable.initial.size());
      }
    }
    for (std::size_t i = 0; i < module.variables.size(); ++i) {
      fill_addresses(module.variables[i], addresses_[i]);
    }
    return addresses_;
  }
  void keep() { addresses_.clear(); }

 private:
  void fill_addresses(const Variable& variable, std::uint64_t at) {
    std::byte* const host = memory_.table().at(at)->host;
    for (const InitialAddress& wanted : variable.addresses) {
      const std::uint64_t base =
          wanted.kind == OperandKind::function ? kFunctionWindow + wanted.index * kFunctionStride : addresses_[wanted.index];
      const std::uint64_t bits = (base + wanted.addend) >> wanted.shift;
      std::memcpy(host + wanted.offset, &bits, wanted.bytes);
    }
  }

  SessionMemory& memory_;
  std::vector<std::uint64_t> addresses_;
};

}  // namespace

const Program* LoadedModule::kernel(std::string_view name) const {
  const auto found = std::ranges::find(kernels, name, &Program::name);
  return found == kernels.end() ? nullptr : &*found;
}

std::string LoadedModule::kernel_names() const {
  std::string text;
  for (std::size_t i = 0; i < std::min(kernels.size(), kMaxNamesListed); ++i) {
    text += (i == 0 ? "" : ", ") + kernels[i].name;
  }
  return kernels.size() > kMaxNamesListed ? fmt::format("{} and {} more", text, kernels.size() - kMaxNamesListed) : text;
}

Result<LoadedModule> load_module(ByteView ptx, SessionMemory& memory, bool wide) {
  Result<Module> module = parse_module(as_text(ptx));
  if (!module) {
    return std::unexpected(module.error());
  }
  LoadedModule loaded;
  Variables variables(memory);
  std::vector<std::uint64_t> addresses(module->variables.size());
  if (module->unsupported_total == 0) {
    Result<std::vector<std::uint64_t>> placed = variables.place(*module);
    if (!placed) {
      return std::unexpected(placed.error());
    }
    addresses = std::move(*placed);
  }
  std::size_t steps = 0;
  for (const Kernel& kernel : module->kernels) {
    Result<Program> program = lower_kernel(*module, kernel, addresses, wide, steps);
    if (!program) {
      return std::unexpected(program.error());
    }
    loaded.kernels.push_back(std::move(*program));
  }
  if (module->unsupported_total != 0) {
    name_sources(*module, as_text(ptx));
    return fail(ErrorCode::load_failed, unsupported_text(*module));
  }
  variables.keep();
  return loaded;
}

}  // namespace sublet::cpu
