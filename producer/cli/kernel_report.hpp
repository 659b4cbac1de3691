#pragma once

// What a module of PTX or CUDA C++ holds, as the cpu device of this installation sees it.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/error.hpp"

namespace sublet::cli {

struct KernelParameter {
  std::string name;
  std::string type;  ///< as in PTX: "u64", "b8[24]"
  std::uint32_t bytes = 0;
  bool pointer = false;             ///< as far as its use tells
  bool read = false;                ///< what it points to
  bool written = false;             ///< what it points to
  std::uint32_t element_bytes = 0;  ///< of what is read or written there; 0 when that is not known
};

struct KernelReport {
  std::string name;
  std::vector<KernelParameter> parameters;
  std::uint32_t shared_bytes = 0;
  std::vector<std::pair<std::string, std::uint32_t>> registers;
  std::optional<std::array<std::uint32_t, 3>> required_threads;
  std::optional<std::array<std::uint32_t, 3>> maximum_threads;
};

/// Something that the cpu device does not run.
struct RefusedCode {
  std::string what;
  std::string kernel;       ///< empty outside of any
  std::uint32_t line = 0;   ///< of the PTX
  std::string source = {};  ///< "module.cu:12", where the PTX says what that line was made of
};

struct ModuleReport {
  std::string version;
  std::string target;
  std::vector<KernelReport> kernels;
  std::vector<RefusedCode> refused;  ///< the first of them
  std::uint64_t refused_total = 0;
};

/// Asks `sublet-session`, where the device is. `load_failed` for what is neither PTX nor CUDA C++ that compiles, and for CUDA C++
/// where there is no NVRTC.
Result<ModuleReport> report_on_module(const std::string& file);

/// The session's answer, or the error that it holds; `protocol_error` for any other text.
Result<ModuleReport> parse_report(std::string_view json);

/// For people: a table of the kernels, one of their parameters, and what cannot run.
std::string report_text(const ModuleReport& report, std::string_view file, std::size_t width);
nlohmann::ordered_json report_json(const ModuleReport& report, std::string_view file);

}  // namespace sublet::cli
