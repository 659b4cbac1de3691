#include "producer/cli/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

namespace fs = std::filesystem;

std::string reason_of(int number) { return std::strerror(number); }

std::unexpected<Error> io_error(std::string_view verb, const fs::path& path, int number) {
  const std::string_view remedy = number == ENOSPC || number == EDQUOT  ? "; free some space or choose another --out"
                                  : number == EACCES || number == EROFS ? "; check its permissions"
                                                                        : "";
  return fail(ErrorCode::io_failed, fmt::format("cannot {} {}: {}{}", verb, printable(path.string()), reason_of(number), remedy));
}

/// Why a thing that is no regular file is not submitted.
std::string_view kind_text(fs::file_type type) {
  switch (type) {
    case fs::file_type::socket:
      return "a socket";
    case fs::file_type::fifo:
      return "a named pipe";
    case fs::file_type::block:
    case fs::file_type::character:
      return "a device";
    case fs::file_type::not_found:
      return "a link to nothing";
    case fs::file_type::directory:
      return "a link to a folder";
    default:
      return "no regular file";
  }
}

class Collector {
 public:
  /// Takes one thing below an input folder.
  void take(const fs::directory_entry& entry, const fs::path& base) {
    std::error_code problem;
    const auto own = entry.symlink_status(problem).type();
    if (!problem && own == fs::file_type::directory) return take_folder(entry.path(), base);
    const auto type = fs::status(entry.path(), problem).type();
    if (type != fs::file_type::regular) {
      skip(entry.path(), type == fs::file_type::none ? problem.message() : std::string(kind_text(type)));
      return;
    }
    take_file(entry.path(), entry.path().lexically_relative(base).generic_string());
  }

  void take_folder(const fs::path& folder, const fs::path& base) {
    std::error_code problem;
    for (fs::directory_iterator at(folder, problem), end; !problem && at != end; at.increment(problem)) take(*at, base);
    if (problem) skip(folder, problem.message());
  }

  void take_file(const fs::path& path, std::string name) {
    std::error_code problem;
    const auto bytes = fs::file_size(path, problem);
    // A file that cannot be looked at now is submitted as one of no known size: reading it will name the problem.
    found_.files.push_back({.path = path, .name = std::move(name), .bytes = problem ? 0 : bytes});
  }

  InputFiles finish() {
    std::ranges::sort(found_.files,
                      [](const InputFile& a, const InputFile& b) { return std::tie(a.name, a.path) < std::tie(b.name, b.path); });
    return std::move(found_);
  }

 private:
  void skip(const fs::path& path, std::string reason) { found_.skipped.push_back({path.string(), std::move(reason)}); }

  InputFiles found_;
};

Result<void> take_source(Collector& collector, const std::string& source) {
  std::error_code problem;
  const auto type = fs::status(source, problem).type();
  if (type == fs::file_type::directory) {
    if (fs::directory_iterator(source, problem); problem) {
      return fail(ErrorCode::bad_argument,
                  fmt::format("cannot open --in {}: {}; check its permissions", printable(source), problem.message()));
    }
    collector.take_folder(source, source);
    return {};
  }
  if (type == fs::file_type::regular) {
    collector.take_file(source, fs::path(source).filename().string());
    return {};
  }
  if (type == fs::file_type::not_found) {
    return fail(ErrorCode::bad_argument, fmt::format("there is no file or folder --in {}; check the path", printable(source)));
  }
  return fail(ErrorCode::bad_argument, fmt::format("--in {} is {}; give files or folders", printable(source),
                                                   type == fs::file_type::none ? problem.message() : std::string(kind_text(type))));
}

std::string joined(const std::vector<std::string>& sources) {
  std::string text;
  for (const auto& source : sources) text += (text.empty() ? "" : ", ") + printable(source);
  return text;
}

Result<void> check_names(const InputFiles& inputs) {
  const auto twice = std::ranges::adjacent_find(inputs.files, {}, &InputFile::name);
  if (twice == inputs.files.end()) return {};
  return fail(ErrorCode::bad_argument,
              fmt::format("two inputs are named {}: {} and {}; run them apart, since both would write one output", printable(twice->name),
                          printable(twice->path.string()), printable(std::next(twice)->path.string())));
}

/// The path without links and dots, also where its end does not exist yet.
fs::path real_path(const fs::path& path) {
  std::error_code problem;
  auto real = fs::weakly_canonical(fs::absolute(path, problem), problem);
  // weakly_canonical keeps a trailing separator of a missing path as an empty last element.
  return real.has_filename() ? real : real.parent_path();
}

/// Device and inode: what makes two paths the same file.
using FileIdentity = std::pair<dev_t, ino_t>;

std::optional<FileIdentity> identity_of(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

bool is_within(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

}  // namespace

std::uint64_t InputFile::total_bytes() const {
  std::uint64_t total = bytes;
  for (const auto& file : beside) total += file.bytes;
  return total;
}

std::uint64_t InputFiles::total_bytes() const {
  std::uint64_t total = 0;
  for (const auto& file : files) total += file.total_bytes();
  return total;
}

const InputFile& InputFiles::largest() const { return *std::ranges::max_element(files, {}, &InputFile::total_bytes); }

Result<InputFiles> collect_inputs(const std::vector<std::string>& sources, std::size_t limit) {
  Collector collector;
  for (const auto& source : sources) {
    if (auto taken = take_source(collector, source); !taken) return std::unexpected(taken.error());
  }
  auto inputs = collector.finish();
  if (inputs.files.empty()) {
    return fail(ErrorCode::bad_argument, fmt::format("no files to submit in {}{}; give a folder that holds files", joined(sources),
                                                     inputs.skipped.empty() ? "" : fmt::format(" ({} skipped)", inputs.skipped.size())));
  }
  if (auto checked = check_names(inputs); !checked) return std::unexpected(checked.error());
  if (limit != 0 && inputs.files.size() > limit) inputs.files.resize(limit);
  return inputs;
}

Result<void> check_output_folder(const std::vector<std::string>& sources, const InputFiles& inputs, const fs::path& out,
                                 const std::vector<std::string>& endings) {
  std::error_code problem;
  const auto real_out = real_path(out);
  const bool exists = fs::exists(out, problem);
  for (const auto& source : sources) {
    if (!exists || !fs::is_directory(source, problem) || !is_within(real_out, real_path(source))) continue;
    return fail(ErrorCode::bad_argument,
                fmt::format("--out {} lies inside --in {}, so its files would be inputs themselves; choose a folder outside",
                            printable(out.string()), printable(source)));
  }
  // In a folder that is yet to be made there is nothing to replace.
  if (!exists) return {};
  std::set<FileIdentity> identities;
  for (const auto& file : inputs.files) {
    if (const auto identity = identity_of(file.path)) identities.insert(*identity);
    for (const auto& other : file.beside) {
      if (const auto identity = identity_of(other.path)) identities.insert(*identity);
    }
  }
  for (const auto& file : inputs.files) {
    for (const auto& ending : endings) {
      const auto identity = identity_of(out / (file.name + ending));
      if (!identity || !identities.contains(*identity)) continue;
      return fail(ErrorCode::bad_argument, fmt::format("the output {} in --out {} would replace an input; choose another folder",
                                                       printable(file.name + ending), printable(out.string())));
    }
  }
  return {};
}

namespace {

/// Reads until the end of the file, or until `room` is full; answers how much that was. Read, not mapped: a file that is cut short while it
/// is mapped ends the process with SIGBUS.
Result<std::uint64_t> read_all(const io::FileDescriptor& source, const fs::path& path, std::span<std::byte> room) {
  std::size_t size = 0;
  while (size < room.size()) {
    const auto got = ::read(source.get(), room.data() + size, room.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("read", path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  return size;
}

io::FileDescriptor open_input(const InputFile& file) {
  return io::FileDescriptor(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
}

std::unexpected<Error> grown(const InputFile& file, std::uint64_t limit) {
  return fail(ErrorCode::chunk_too_large, fmt::format("{} grew while it was being submitted, past {}; run again when nothing writes to it",
                                                      printable(file.path.string()), size_text(limit)));
}

}  // namespace

Result<Blob> read_input(const InputFile& file, std::uint64_t limit) {
  const auto source = open_input(file);
  struct stat status{};
  if (!source || ::fstat(source.get(), &status) != 0) return io_error("read", file.path, errno);
  const auto capacity = std::min<std::uint64_t>(static_cast<std::uint64_t>(status.st_size), limit) + 1;
  std::shared_ptr<std::byte[]> memory = std::make_unique_for_overwrite<std::byte[]>(capacity);
  const auto size = read_all(source, file.path, {memory.get(), capacity});
  if (!size) return std::unexpected(size.error());
  if (*size == capacity) return grown(file, limit);
  const ByteView view(memory.get(), *size);
  return Blob(std::move(memory), view);
}

Result<std::uint64_t> read_input(const InputFile& file, std::span<std::byte> room) {
  const auto source = open_input(file);
  if (!source) return io_error("read", file.path, errno);
  const auto size = read_all(source, file.path, room);
  if (!size || *size < room.size()) return size;
  std::byte more{};
  const auto beyond = read_all(source, file.path, {&more, 1});
  if (!beyond) return beyond;
  if (*beyond > 0) return grown(file, room.size());
  return size;
}

Result<WholeFile> WholeFile::create(fs::path path) {
  auto temporary = (path.parent_path() / ".sublet-XXXXXX").string();
  io::FileDescriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file) return io_error("write", path, errno);
  return WholeFile(std::move(path), std::move(temporary), std::move(file));
}

WholeFile::~WholeFile() {
  if (file_) ::unlink(temporary_.c_str());
}

Result<void> WholeFile::append(ByteView bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error("write", path_, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> WholeFile::finish() {
  // mkostemp gives 0600; an output is as readable as any new file.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(file_.get(), 0666 & ~mask) != 0) return io_error("write", path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return io_error("write", path_, errno);
  file_.reset();
  return {};
}

Result<OutputFolder> OutputFolder::open(fs::path folder) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) return io_error("make the folder --out", folder, problem.value());
  if (!fs::is_directory(folder, problem)) {
    return fail(ErrorCode::io_failed, fmt::format("--out {} is a file; give a folder", printable(folder.string())));
  }
  if (auto probe = WholeFile::create(folder / "probe"); !probe) {
    return fail(ErrorCode::io_failed,
                fmt::format("cannot write to --out {}; check its permissions and free space", printable(folder.string())));
  }
  return OutputFolder(std::move(folder));
}

Result<void> OutputFolder::write(const std::string& name, ByteView bytes) const {
  const auto path = folder_ / name;
  if (name.find('/') != std::string::npos) {
    std::error_code problem;
    fs::create_directories(path.parent_path(), problem);
    if (problem) return io_error("make the folder", path.parent_path(), problem.value());
  }
  auto file = WholeFile::create(path);
  if (!file) return std::unexpected(file.error());
  if (auto appended = file->append(bytes); !appended) return appended;
  return file->finish();
}

std::string output_name(std::uint64_t chunk) { return fmt::format("{:016}.out", chunk); }

}  // namespace sublet::cli
