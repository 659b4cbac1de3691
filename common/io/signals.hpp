#pragma once

#include "common/error.hpp"
#include "common/io/file_descriptor.hpp"

namespace sublet::io {

/// SIGINT and SIGTERM as a file descriptor that becomes readable, so that a loop can stop between two steps. Must be opened in `main`
/// before any other thread starts, since threads inherit that these signals are blocked; children spawned by `spawn` do not. Also ignores
/// SIGPIPE, so that a peer that went away is an error value and not the end of the process.
class StopSignals {
 public:
  static Result<StopSignals> open();

  [[nodiscard]] int fd() const { return signals_.get(); }
  /// Takes one signal that has arrived: its number, or 0 when there is none. Never blocks.
  int take() const;

 private:
  explicit StopSignals(FileDescriptor signals) : signals_(std::move(signals)) {}

  FileDescriptor signals_;
};

}  // namespace sublet::io
