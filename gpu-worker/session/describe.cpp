#include "gpu-worker/session/describe.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "gpu-worker/devices/cpu/module_report.hpp"
#include "gpu-worker/devices/cpu/ptx_of_image.hpp"
#include "gpu-worker/session/open_device.hpp"

namespace sublet::session {

namespace {

using Json = nlohmann::ordered_json;

/// More than any device takes; keeps a wrong name, of a disk image say, from being read whole.
constexpr std::uintmax_t kLargestFile = (16_MiB).count;

Result<std::string> read_module(const std::string& file) {
  std::error_code problem;
  if (!std::filesystem::exists(file, problem)) {
    return fail(ErrorCode::not_found, fmt::format("there is no file {}; check the path", file));
  }
  if (!std::filesystem::is_regular_file(file, problem)) {
    return fail(ErrorCode::io_failed, fmt::format("{} is not a regular file; check the path", file));
  }
  if (std::filesystem::file_size(file, problem) > kLargestFile) {
    return fail(ErrorCode::load_failed, fmt::format("{} is larger than 16 MiB; a module is smaller", file));
  }
  std::ifstream stream(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(stream), {});
  if (!stream.is_open() || stream.bad()) {
    return fail(ErrorCode::io_failed, fmt::format("{} cannot be read; check its permissions", file));
  }
  return text;
}

template <class Extent>
Json extent_json(const Extent& extent) {
  return extent ? Json(*extent) : Json(nullptr);
}

Json kernel_json(const cpu::KernelReport& kernel) {
  Json parameters = Json::array();
  for (const cpu::ParameterReport& each : kernel.parameters) {
    parameters.push_back({{"name", each.name},
                          {"type", each.type},
                          {"bytes", each.bytes},
                          {"pointer", each.use.pointer},
                          {"read", each.use.read},
                          {"written", each.use.written},
                          {"element_bytes", each.use.element_bytes}});
  }
  Json registers = Json::object();
  for (const auto& [type, count] : kernel.registers) {
    registers[type] = count;
  }
  return {{"name", kernel.name},
          {"parameters", std::move(parameters)},
          {"shared_bytes", kernel.shared_bytes},
          {"registers", std::move(registers)},
          {"required_threads", extent_json(kernel.required_threads)},
          {"maximum_threads", extent_json(kernel.maximum_threads)}};
}

Json report_json(const cpu::ModuleReport& report) {
  Json kernels = Json::array();
  for (const cpu::KernelReport& kernel : report.kernels) {
    kernels.push_back(kernel_json(kernel));
  }
  Json refused = Json::array();
  for (const cpu::Unsupported& each : report.refused) {
    refused.push_back({{"what", each.what}, {"kernel", each.kernel}, {"line", each.line}, {"source", each.source}});
  }
  return {{"version", report.version},
          {"target", report.target},
          {"kernels", std::move(kernels)},
          {"refused", std::move(refused)},
          {"refused_total", report.refused_total}};
}

Json error_json(const Error& error) { return {{"error", {{"name", error_info(error.code).name}, {"detail", error.detail}}}}; }

}  // namespace

std::string describe_module(const std::string& file) {
  const auto image = read_module(file);
  const auto ptx = image ? cpu::ptx_of_image(as_view(*image), image::SourceCompiler({.program = kSessionProgram})) : image;
  const auto report = ptx ? cpu::report_on(as_view(*ptx)) : std::unexpected(ptx.error());
  return (report ? report_json(*report) : error_json(report.error())).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<void> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return fail(ErrorCode::io_failed, fmt::format("cannot write to descriptor {}: {}", fd, std::strerror(errno)));
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace sublet::session
