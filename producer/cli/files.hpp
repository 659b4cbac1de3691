#pragma once

// What goes in and what comes out: collecting a burst's files, reading them one at a time, writing outputs whole or not at all.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/io/file_descriptor.hpp"

namespace sublet::cli {

struct InputFile {
  std::filesystem::path path;
  /// Relative to the folder it was found in; the name of its output.
  std::string name;
  std::uint64_t bytes = 0;
  /// Of a pipeline with several inputs: the files of the others, in its order, which make one chunk with this.
  std::vector<InputFile> beside = {};

  [[nodiscard]] std::uint64_t total_bytes() const;
};

/// Something below an input folder that is no file to submit, and why.
struct SkippedPath {
  std::string path;
  std::string reason;
};

struct InputFiles {
  /// Sorted by name, byte by byte. A file's position is its chunk id.
  std::vector<InputFile> files;
  std::vector<SkippedPath> skipped;

  [[nodiscard]] std::uint64_t total_bytes() const;
  /// Which makes the largest chunk; must not be empty.
  [[nodiscard]] const InputFile& largest() const;
};

/// Every regular file among `sources` and below the folders among them. Symbolic links to files are followed, links to folders are not
/// (they may lead round in a circle). `bad_argument` when a source is not there, nothing was found, or two files have one name.
/// @param limit  keep the first so many names; 0 for all
Result<InputFiles> collect_inputs(const std::vector<std::string>& sources, std::size_t limit);

/// Refuses, with `bad_argument`, an output folder whose files would count as inputs the next time, or one in which an output would replace
/// an input. A folder below an input folder is fine as long as it does not exist yet.
/// @param endings  what the names of a chunk's outputs end with behind its own
Result<void> check_output_folder(const std::vector<std::string>& sources, const InputFiles& inputs, const std::filesystem::path& out,
                                 const std::vector<std::string>& endings = {""});

/// The bytes of a file, as they are now. `io_failed` when it is gone or cannot be read, `chunk_too_large` when it has grown past `limit`.
Result<Blob> read_input(const InputFile& file, std::uint64_t limit);

/// The same, right into `room`; answers how many bytes of it they are. `chunk_too_large` when the file has grown past it.
Result<std::uint64_t> read_input(const InputFile& file, std::span<std::byte> room);

/// A file that appears whole or not at all: written under a temporary name beside its place, which it takes with `finish`. Without that
/// nothing is left behind.
class WholeFile {
 public:
  /// `io_failed` when its folder is missing or cannot be written to.
  static Result<WholeFile> create(std::filesystem::path path);
  WholeFile(WholeFile&&) noexcept = default;
  WholeFile& operator=(WholeFile&&) = delete;
  ~WholeFile();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  Result<void> append(ByteView bytes);
  Result<void> finish();

 private:
  WholeFile(std::filesystem::path path, std::string temporary, io::FileDescriptor file)
      : path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}

  std::filesystem::path path_;
  std::string temporary_;
  io::FileDescriptor file_;
};

/// The folder that outputs are written to, under the names of their inputs.
class OutputFolder {
 public:
  /// Makes the folder where it is missing, and tries that it can be written to.
  static Result<OutputFolder> open(std::filesystem::path folder);

  [[nodiscard]] const std::filesystem::path& path() const { return folder_; }
  /// @param name  relative, as an input's name; its folders are made
  [[nodiscard]] Result<void> write(const std::string& name, ByteView bytes) const;

 private:
  explicit OutputFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path folder_;
};

/// The name of a chunk's output when the names of the inputs are not known: "0000000000000007.out", so that a listing is in chunk order.
std::string output_name(std::uint64_t chunk);

}  // namespace sublet::cli
