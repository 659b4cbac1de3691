#include "gpu-worker/devices/cuda/compiler.hpp"

#include <array>

#include <fmt/format.h>

#include "gpu-worker/devices/cuda/ptx_header.hpp"

namespace sublet::cuda {
namespace {

/// What the just-in-time compiler says, for one call of the driver.
class JitLog {
 public:
  [[nodiscard]] JitOption* options() { return options_.data(); }
  [[nodiscard]] void** values() { return values_.data(); }
  static constexpr unsigned kCount = 2;
  [[nodiscard]] std::string text() const {
    std::string text(buffer_.data());
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
      text.pop_back();
    }
    return text;
  }

 private:
  std::array<char, 4096> buffer_ = {};
  std::array<JitOption, kCount> options_ = {JitOption::error_log_buffer, JitOption::error_log_buffer_bytes};
  // A number goes in the place of a pointer: so cuModuleLoadDataEx takes its options.
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  std::array<void*, kCount> values_ = {buffer_.data(), reinterpret_cast<void*>(buffer_.size() - 1)};
};

std::unexpected<Error> refused_ptx(const Driver& driver, Status status, std::string_view ptx, const JitLog& log) {
  const PtxHeader header = header_of_ptx(ptx);
  std::string detail =
      fmt::format("{}; the PTX has .version {} and .target {}, this driver reads up to {}", driver.text(status),
                  header.version.empty() ? "?" : header.version, header.target.empty() ? "?" : header.target, latest_ptx(driver.version()));
  if (status == kUnsupportedPtxVersion) {
    detail += "; compile it with an older nvcc, or update the driver";
  }
  if (const std::string said = log.text(); !said.empty()) {
    detail += "; the compiler's log: " + said;
  }
  return fail(ErrorCode::load_failed, std::move(detail));
}

}  // namespace

Result<std::vector<std::byte>> link_ptx(const DriverRef& driver, std::string_view ptx) {
  JitLog log;
  LinkHandle handle = nullptr;
  if (const Status status = driver->link_create(JitLog::kCount, log.options(), log.values(), &handle); status != kSuccess) {
    return fail(ErrorCode::load_failed, fmt::format("the driver's compiler does not start: {}", driver->text(status)));
  }
  const OwnedLink link(driver, handle);
  // The driver reads up to the final NUL, which counts.
  std::string text(ptx);
  Status status = driver->link_add_data(handle, JitInput::ptx, text.data(), text.size() + 1, "module.ptx", 0, nullptr, nullptr);
  void* code = nullptr;
  std::size_t bytes = 0;
  if (status == kSuccess) {
    status = driver->link_complete(handle, &code, &bytes);
  }
  if (status != kSuccess) {
    return refused_ptx(*driver, status, ptx, log);
  }
  const auto* const first = static_cast<const std::byte*>(code);
  return std::vector<std::byte>(first, first + bytes);
}

}  // namespace sublet::cuda
