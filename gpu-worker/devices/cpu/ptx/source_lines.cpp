#include "gpu-worker/devices/cpu/ptx/source_lines.hpp"

#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace sublet::cpu {

namespace {

struct SourcePlace {
  std::uint32_t file = 0;
  std::uint32_t line = 0;
};

std::string_view trimmed_front(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text;
}

/// Takes a number off the front.
std::optional<std::uint32_t> take_number(std::string_view& text) {
  text = trimmed_front(text);
  std::uint32_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{}) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::optional<SourcePlace> take_place(std::string_view text) {
  const auto file = take_number(text);
  const auto line = file ? take_number(text) : std::nullopt;
  return line ? std::optional(SourcePlace{.file = *file, .line = *line}) : std::nullopt;
}

/// `.loc 2 80 5, function_name $L__info_string0, inlined_at 1 12 3`
std::optional<SourcePlace> source_place_in(std::string_view line) {
  constexpr std::string_view kInlined = "inlined_at";
  const std::size_t inlined = line.find(kInlined);
  return take_place(inlined == std::string_view::npos ? line : line.substr(inlined + kInlined.size()));
}

/// `.file 1 "/home/me/blur.cu"`: "blur.cu"
std::string_view file_name_in(std::string_view line) {
  const std::size_t open = std::min(line.find('"'), line.size());
  line.remove_prefix(std::min(open + 1, line.size()));
  line = line.substr(0, line.find('"'));
  const std::size_t slash = line.find_last_of('/');
  return slash == std::string_view::npos ? line : line.substr(slash + 1);
}

}  // namespace

void name_sources(Module& module, std::string_view ptx) {
  std::multimap<std::uint32_t, Unsupported*> wanted;
  for (Unsupported& entry : module.unsupported) {
    wanted.emplace(entry.line, &entry);
  }
  std::map<std::uint32_t, std::string_view> files;
  std::vector<std::pair<Unsupported*, SourcePlace>> found;
  std::optional<SourcePlace> now;
  for (std::uint32_t number = 1; !ptx.empty(); ++number) {
    std::string_view line = trimmed_front(ptx.substr(0, ptx.find('\n')));
    ptx.remove_prefix(std::min(ptx.find('\n'), ptx.size() - 1) + 1);
    if (line.starts_with(".loc")) {
      now = source_place_in(line.substr(4));
    } else if (line.starts_with(".file")) {
      line.remove_prefix(5);
      if (const auto file = take_number(line)) {
        files.emplace(*file, file_name_in(line));
      }
    } else if (line.contains(".entry") || line.contains(".func")) {
      now.reset();
    }
    for (auto [at, end] = wanted.equal_range(number); now && at != end; ++at) {
      found.emplace_back(at->second, *now);
    }
  }
  for (const auto& [entry, place] : found) {
    if (const auto file = files.find(place.file); file != files.end() && place.line > 0) {
      entry->source = fmt::format("{}:{}", file->second.substr(0, 128), place.line);
    }
  }
}

}  // namespace sublet::cpu
