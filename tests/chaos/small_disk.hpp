#pragma once

#include <filesystem>
#include <utility>

#include "common/bytes.hpp"
#include "common/error.hpp"

namespace sublet::chaos {

/// Gives the calling thread, and the threads and processes it starts from now on, mounts that nobody else sees and that end with them.
/// `io_failed` where that takes rights which it does not have.
Result<void> own_mounts();

/// A file system of a few megabytes over a folder, which can be filled up. After `own_mounts`.
class SmallDisk {
 public:
  static Result<SmallDisk> mount(const std::filesystem::path& folder, Bytes size);
  SmallDisk(SmallDisk&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  SmallDisk& operator=(SmallDisk&&) = delete;
  ~SmallDisk();

  /// Leaves no byte free; may be repeated when somebody has deleted a file since.
  void fill() const;
  /// Gives back what `fill` took.
  void clear() const;
  [[nodiscard]] bool full() const { return std::filesystem::exists(ballast()); }

 private:
  explicit SmallDisk(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::filesystem::path ballast() const { return folder_ / "ballast"; }

  std::filesystem::path folder_;
};

}  // namespace sublet::chaos
