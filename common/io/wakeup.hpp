#pragma once

#include "common/error.hpp"
#include "common/io/file_descriptor.hpp"

namespace sublet::io {

/// Lets one thread wake another that waits in a Poller. `notify` may be called from any thread and from a signal handler.
class Wakeup {
 public:
  static Result<Wakeup> open();

  /// Readable after `notify`, until `clear`.
  [[nodiscard]] int fd() const { return event_.get(); }
  void notify() const;
  /// To be called before the work is looked at, so that a later notification is not lost.
  void clear() const;

 private:
  explicit Wakeup(FileDescriptor event) : event_(std::move(event)) {}

  FileDescriptor event_;
};

}  // namespace sublet::io
