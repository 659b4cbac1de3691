#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "producer/cli/kernel_report.hpp"
#include "producer/cli/table.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

using Json = nlohmann::ordered_json;

/// "3 pred, 17 b32".
std::string registers_text(const KernelReport& kernel) {
  std::string text;
  for (const auto& [type, count] : kernel.registers) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, type);
  return text.empty() ? "none" : text;
}

std::string threads_text(const KernelReport& kernel) {
  const auto& extent = kernel.required_threads ? kernel.required_threads : kernel.maximum_threads;
  if (!extent) return "any";
  const auto [x, y, z] = *extent;
  if (kernel.required_threads) return fmt::format("{} x {} x {}", x, y, z);
  return fmt::format("at most {}", std::uint64_t{x} * y * z);
}

std::string access_text(const KernelParameter& parameter) {
  if (!parameter.pointer) return "";
  const auto elements = parameter.element_bytes == 0 ? "" : fmt::format(", {} B each", parameter.element_bytes);
  if (parameter.read && parameter.written) return "pointer, read and written" + elements;
  if (parameter.read) return "pointer, read" + elements;
  if (parameter.written) return "pointer, written" + elements;
  return "pointer";
}

std::string kernels_table(const ModuleReport& report, std::size_t width) {
  Table table{.columns = {{.title = "KERNEL", .shortest = 12},
                          {.title = "PARAMETERS", .right = true},
                          {.title = "SHARED", .right = true},
                          {.title = "BLOCK", .rank = 2},
                          {.title = "REGISTERS", .rank = 1}},
              .rows = {}};
  for (const auto& kernel : report.kernels) {
    table.rows.push_back({printable(kernel.name), std::to_string(kernel.parameters.size()), size_text(kernel.shared_bytes),
                          threads_text(kernel), registers_text(kernel)});
  }
  return render(table, width);
}

std::string parameters_table(const ModuleReport& report, std::size_t width) {
  Table table{.columns = {{.title = "PARAMETER", .shortest = 16},
                          {.title = "TYPE"},
                          {.title = "BYTES", .right = true},
                          {.title = "USED AS", .rank = 1}},
              .rows = {}};
  for (const auto& kernel : report.kernels) {
    for (const auto& each : kernel.parameters) {
      table.rows.push_back({printable(each.name), printable(each.type), std::to_string(each.bytes), access_text(each)});
    }
  }
  return table.rows.empty() ? "" : "\n" + render(table, width);
}

std::string refused_text(const ModuleReport& report, std::size_t width) {
  if (report.refused_total == 0) return "\nThe cpu device runs all of it.\n";
  Table table{.columns = {{.title = "REFUSED", .shortest = 16}, {.title = "KERNEL", .shortest = 12}, {.title = "LINE", .right = true}},
              .rows = {}};
  for (const auto& each : report.refused) {
    table.rows.push_back({printable(each.what), each.kernel.empty() ? "-" : printable(each.kernel),
                          each.source.empty() ? std::to_string(each.line) : printable(each.source)});
  }
  const auto more = report.refused_total - report.refused.size();
  return fmt::format("\nThe cpu device cannot run:\n\n{}{}Run it on a CUDA device, or leave that out.\n", render(table, width),
                     more == 0 ? "" : fmt::format("and {} more\n", more));
}

Json extent_json(const std::optional<std::array<std::uint32_t, 3>>& extent) { return extent ? Json(*extent) : Json(nullptr); }

Json kernel_json(const KernelReport& kernel) {
  Json parameters = Json::array();
  for (const auto& each : kernel.parameters) {
    parameters.push_back({{"name", each.name},
                          {"type", each.type},
                          {"bytes", each.bytes},
                          {"pointer", each.pointer},
                          {"read", each.read},
                          {"written", each.written},
                          {"element_bytes", each.element_bytes}});
  }
  Json registers = Json::object();
  for (const auto& [type, count] : kernel.registers) registers[type] = count;
  return {{"name", kernel.name},
          {"parameters", std::move(parameters)},
          {"shared_bytes", kernel.shared_bytes},
          {"registers", std::move(registers)},
          {"required_threads", extent_json(kernel.required_threads)},
          {"maximum_threads", extent_json(kernel.maximum_threads)}};
}

}  // namespace

std::string report_text(const ModuleReport& report, std::string_view file, std::size_t width) {
  const auto title = fmt::format("{}: PTX {} for {}, {}\n", printable(file), printable(report.version), printable(report.target),
                                 plural(report.kernels.size(), "kernel"));
  if (report.kernels.empty()) return title + refused_text(report, width);
  return title + "\n" + kernels_table(report, width) + parameters_table(report, width) + refused_text(report, width);
}

Json report_json(const ModuleReport& report, std::string_view file) {
  Json kernels = Json::array();
  for (const auto& kernel : report.kernels) kernels.push_back(kernel_json(kernel));
  Json refused = Json::array();
  for (const auto& each : report.refused) {
    refused.push_back({{"what", each.what},
                       {"kernel", each.kernel.empty() ? Json(nullptr) : Json(each.kernel)},
                       {"line", each.line},
                       {"source", each.source.empty() ? Json(nullptr) : Json(each.source)}});
  }
  return {{"file", file},
          {"version", report.version},
          {"target", report.target},
          {"runs_on_cpu", report.refused_total == 0},
          {"kernels", std::move(kernels)},
          {"refused", std::move(refused)},
          {"refused_total", report.refused_total}};
}

}  // namespace sublet::cli
