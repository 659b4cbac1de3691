#include "gpu-worker/devices/cpu/module_report.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "gpu-worker/devices/cpu/ptx/parser.hpp"
#include "gpu-worker/devices/cpu/ptx/source_lines.hpp"
#include "gpu-worker/devices/cpu/run/lower.hpp"

namespace sublet::cpu {

namespace {

std::vector<ParameterReport> report_parameters(const Kernel& kernel) {
  const std::vector<ParameterUse> uses = parameter_uses(kernel);
  std::vector<ParameterReport> made;
  for (std::size_t i = 0; i < uses.size(); ++i) {
    const Parameter& parameter = kernel.parameters[i];
    const std::string type(name_of(parameter.type));
    const std::uint32_t width = std::max(width_of(parameter.type), 1U);
    made.push_back({.name = parameter.name,
                    .type = parameter.size == width && !parameter.array ? type : fmt::format("{}[{}]", type, parameter.size / width),
                    .bytes = parameter.size,
                    .use = uses[i]});
  }
  return made;
}

std::vector<std::pair<std::string, std::uint32_t>> report_registers(const Kernel& kernel) {
  std::map<Type, std::uint32_t> counts;
  for (const Register& each : kernel.registers) {
    ++counts[each.type];
  }
  std::vector<std::pair<std::string, std::uint32_t>> made;
  for (const auto& [type, count] : counts) {
    made.emplace_back(name_of(type), count);
  }
  return made;
}

}  // namespace

Result<ModuleReport> report_on(ByteView ptx) {
  Result<Module> module = parse_module(as_text(ptx));
  if (!module) {
    return std::unexpected(module.error());
  }
  ModuleReport report;
  // Where variables lie changes nothing of what is asked here.
  const std::vector<std::uint64_t> addresses(module->variables.size());
  std::size_t steps = 0;
  for (const Kernel& kernel : module->kernels) {
    const Result<Program> program = lower_kernel(*module, kernel, addresses, false, steps);
    if (!program) {
      return std::unexpected(program.error());
    }
    report.kernels.push_back({.name = kernel.name,
                              .parameters = report_parameters(kernel),
                              .shared_bytes = program->shared_bytes,
                              .registers = report_registers(kernel),
                              .required_threads = kernel.required_threads,
                              .maximum_threads = kernel.maximum_threads});
  }
  name_sources(*module, as_text(ptx));
  report.version = module->version;
  report.target = module->target;
  report.refused = module->unsupported;
  report.refused_total = module->unsupported_total;
  return report;
}

}  // namespace sublet::cpu
