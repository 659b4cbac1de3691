#include "gpu-worker/devices/image/code_cache.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/wire/bundle.hpp"

namespace sublet::image {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// Ours alone: whoever else could write there would choose what runs.
bool is_private(const std::string& folder) {
  struct stat status = {};
  return ::lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() &&
         (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

}  // namespace

CodeCache::CodeCache(std::string folder) : folder_(std::move(folder)) {
  std::error_code ignored;
  fs::create_directories(fs::path(folder_).parent_path(), ignored);
  ::mkdir(folder_.c_str(), S_IRWXU);
  if (!is_private(folder_)) {
    folder_.clear();
  }
}

std::string CodeCache::default_folder() {
  if (const std::string given = environment("SUBLET_CACHE"); !given.empty()) {
    return given;
  }
  if (const std::string given = environment("XDG_CACHE_HOME"); !given.empty()) {
    return given + "/sublet";
  }
  if (const std::string home = environment("HOME"); !home.empty()) {
    return home + "/.cache/sublet";
  }
  return fmt::format("/tmp/sublet-{}", ::geteuid());
}

std::string CodeCache::path_of(ByteView image, std::string_view made_for) const {
  const std::string name = to_hex(wire::content_hash(image)) + std::string(made_for);
  return fmt::format("{}/{}.code", folder_, to_hex(wire::content_hash(as_view(name))));
}

/// An entry is the hash of the code and the code, so that one that was cut short by a full disk is none.
std::optional<std::vector<std::byte>> CodeCache::find(ByteView image, std::string_view made_for) const {
  if (folder_.empty()) {
    return std::nullopt;
  }
  std::ifstream file(path_of(image, made_for), std::ios::binary);
  const std::string entry{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  ContentHash hash;
  if (entry.size() < sizeof(hash)) {
    return std::nullopt;
  }
  std::memcpy(&hash, entry.data(), sizeof(hash));
  const ByteView code = as_view(entry).subspan(sizeof(hash));
  if (wire::content_hash(code) != hash) {
    return std::nullopt;
  }
  return std::vector<std::byte>(code.begin(), code.end());
}

void CodeCache::keep(ByteView image, std::string_view made_for, ByteView code) const {
  if (folder_.empty()) {
    return;
  }
  make_room();
  std::string unfinished = folder_ + "/new-XXXXXX";
  const int fd = ::mkstemp(unfinished.data());
  if (fd < 0) {
    return;
  }
  ::close(fd);
  const ContentHash hash = wire::content_hash(code);
  std::ofstream file(unfinished, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&hash), sizeof(hash));
  file.write(reinterpret_cast<const char*>(code.data()), static_cast<std::streamsize>(code.size()));
  file.close();
  std::error_code failed;
  if (file) {
    // Whoever reads at the same time sees the whole entry or none.
    fs::rename(unfinished, path_of(image, made_for), failed);
  }
  if (!file || failed) {
    fs::remove(unfinished, failed);
  }
}

void CodeCache::make_room() const {
  std::error_code ignored;
  std::vector<fs::directory_entry> entries;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    entries.push_back(entry);
  }
  if (entries.size() < kMostEntries) {
    return;
  }
  std::ranges::sort(entries, {}, [&](const fs::directory_entry& entry) { return entry.last_write_time(ignored); });
  // A tenth at a time, so that a full cache is not looked through for every module.
  entries.resize(entries.size() - kMostEntries + kMostEntries / 10);
  for (const auto& entry : entries) {
    fs::remove(entry.path(), ignored);
  }
}

}  // namespace sublet::image
