#include "gpu-worker/agent/mps_daemon.hpp"

#include <optional>

#include <sys/stat.h>
#include <unistd.h>

#include "gpu-worker/core/mps.hpp"

namespace sublet::agent {

bool has_mps_daemon(const std::string& folder) {
  struct stat status = {};
  std::optional<FoundPipe> control;
  if (::lstat((folder + "/control").c_str(), &status) == 0) {
    control = {.is_pipe = S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode), .owner = status.st_uid};
  }
  return is_mps_daemon(control, ::geteuid());
}

}  // namespace sublet::agent
