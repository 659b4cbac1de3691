#include "common/io/wakeup.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <sys/eventfd.h>

namespace sublet::io {

Result<Wakeup> Wakeup::open() {
  FileDescriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) {
    return fail(ErrorCode::io_failed, std::string("cannot make an eventfd: ") + std::strerror(errno));
  }
  return Wakeup(std::move(event));
}

void Wakeup::notify() const {
  // The only way to fail is a counter that is full, and then the reader is awake.
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

void Wakeup::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto taken = ::read(event_.get(), &count, sizeof count);
}

}  // namespace sublet::io
