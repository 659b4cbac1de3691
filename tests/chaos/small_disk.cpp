#include "tests/chaos/small_disk.hpp"

#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/io/file_descriptor.hpp"

namespace sublet::chaos {

Result<void> own_mounts() {
  if (::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return {};
  return fail(ErrorCode::io_failed, fmt::format("no mounts of one's own: {}; run as root", std::strerror(errno)));
}

Result<SmallDisk> SmallDisk::mount(const std::filesystem::path& folder, Bytes size) {
  const auto options = fmt::format("size={},mode=0700", size.count);
  if (::mount("sublet-chaos", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) == 0) return SmallDisk(folder);
  return fail(ErrorCode::io_failed, fmt::format("cannot mount a tmpfs at {}: {}; run as root", folder.string(), std::strerror(errno)));
}

SmallDisk::~SmallDisk() {
  if (!folder_.empty()) ::umount2(folder_.c_str(), MNT_DETACH);
}

void SmallDisk::fill() const {
  const io::FileDescriptor file(::open(ballast().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  // Behind what it holds already. Large pieces first; the last page goes byte by byte.
  for (std::size_t piece = 1U << 20U; piece > 0; piece /= 8) {
    const std::vector<char> zeros(piece);
    while (::write(file.get(), zeros.data(), zeros.size()) > 0) {
    }
  }
}

void SmallDisk::clear() const {
  std::error_code ignored;
  std::filesystem::remove(ballast(), ignored);
}

}  // namespace sublet::chaos
