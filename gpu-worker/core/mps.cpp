#include "gpu-worker/core/mps.hpp"

namespace sublet {
namespace {

constexpr std::string_view kUsualFolder = "/tmp/nvidia-mps";
/// A folder that is always there, and in which nobody can make a pipe. Without a daemon to connect to the driver goes on without.
constexpr std::string_view kNobodysFolder = "/proc/self/ns";

}  // namespace

std::string mps_folder(std::optional<std::string_view> variable) {
  return std::string(variable && !variable->empty() ? *variable : kUsualFolder);
}

bool is_mps_daemon(const std::optional<FoundPipe>& control, std::uint32_t user) {
  return control && control->is_pipe && (control->owner == 0 || control->owner == user);
}

std::string mps_variable(const std::optional<std::string>& folder) {
  return "CUDA_MPS_PIPE_DIRECTORY=" + folder.value_or(std::string(kNobodysFolder));
}

}  // namespace sublet
