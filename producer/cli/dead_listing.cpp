#include "producer/cli/dead_listing.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/pipeline/nearest.hpp"
#include "producer/cli/table.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

using Json = nlohmann::ordered_json;

/// The classes of one error, of all jobs.
struct Group {
  ErrorCode code = ErrorCode::ok;
  std::uint64_t chunks = 0;
  std::uint64_t replayed = 0;
  std::uint64_t bytes = 0;
  std::string detail;
  std::vector<const DeadClass*> classes;
};

std::vector<Group> grouped(const std::vector<DeadClass>& classes) {
  std::map<ErrorCode, Group> by_code;
  for (const auto& each : classes) {
    auto& group = by_code[each.code];
    group.code = each.code;
    group.chunks += each.chunks;
    group.replayed += each.replayed;
    group.bytes += each.bytes;
    if (group.detail.empty()) group.detail = each.detail;
    group.classes.push_back(&each);
  }
  std::vector<Group> groups;
  for (auto& [code, group] : by_code) groups.push_back(std::move(group));
  std::ranges::stable_sort(groups, std::ranges::greater{}, &Group::chunks);
  return groups;
}

std::string first_line(std::string_view text) {
  auto line = std::string(text.substr(0, text.find('\n')));
  return line.empty() ? "-" : printable(line);
}

std::string jobs_text(const Group& group) {
  if (group.classes.size() == 1) return to_hex(group.classes.front()->job);
  return fmt::format("{} and {} more", to_hex(group.classes.front()->job), group.classes.size() - 1);
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

std::string dead_classes_table(const std::vector<DeadClass>& classes, std::size_t width) {
  if (classes.empty()) return "No dead chunks.\n";
  Table table{.columns = {{.title = "ERROR"},
                          {.title = "CHUNKS", .right = true},
                          {.title = "REPLAYED", .right = true, .rank = 1},
                          {.title = "BYTES", .right = true, .rank = 2},
                          {.title = "JOBS"},
                          {.title = "EXAMPLE", .rank = 3, .shortest = 16}},
              .rows = {}};
  for (const auto& group : grouped(classes)) {
    table.rows.push_back({std::string(error_info(group.code).name), count_text(group.chunks), count_text(group.replayed),
                          size_text(group.bytes), jobs_text(group), first_line(group.detail)});
  }
  return render(table, width);
}

Json dead_classes_json(const std::vector<DeadClass>& classes) {
  auto array = Json::array();
  for (const auto& group : grouped(classes)) {
    auto jobs = Json::array();
    for (const auto* each : group.classes) {
      jobs.push_back({{"job", to_hex(each->job)}, {"chunks", each->chunks}, {"replayed", each->replayed}, {"example", each->example}});
    }
    array.push_back({{"error", error_info(group.code).name},
                     {"chunks", group.chunks},
                     {"replayed", group.replayed},
                     {"bytes", group.bytes},
                     {"detail", group.detail},
                     {"jobs", std::move(jobs)}});
  }
  return array;
}

std::string dead_chunks_table(const std::vector<DeadChunk>& chunks, std::size_t width) {
  if (chunks.empty()) return "No dead chunks.\n";
  Table table{.columns = {{.title = "CHUNK", .right = true},
                          {.title = "ERROR"},
                          {.title = "ATTEMPTS", .right = true, .rank = 2},
                          {.title = "CRASHES", .right = true, .rank = 2},
                          {.title = "PAYLOAD", .right = true, .rank = 1},
                          {.title = "REPLAYED", .rank = 3},
                          {.title = "DETAIL", .rank = 4, .shortest = 16}},
              .rows = {}};
  for (const auto& chunk : chunks) {
    table.rows.push_back({count_text(chunk.id), std::string(error_info(chunk.code).name), count_text(chunk.attempts),
                          count_text(chunk.crashes), chunk.kept ? size_text(chunk.bytes) : "not kept",
                          chunk.replayed == JobId{} ? "-" : to_hex(chunk.replayed), first_line(chunk.detail)});
  }
  return render(table, width);
}

Json dead_chunk_json(const DeadChunk& chunk) {
  return {{"id", chunk.id},
          {"error", error_info(chunk.code).name},
          {"attempts", chunk.attempts},
          {"crashes", chunk.crashes},
          {"bytes", chunk.bytes},
          {"kept", chunk.kept},
          {"replayed", chunk.replayed == JobId{} ? Json(nullptr) : Json(to_hex(chunk.replayed))},
          {"detail", chunk.detail}};
}

Result<std::vector<ChunkRange>> parse_chunks(std::string_view text) {
  std::vector<ChunkRange> ranges;
  for (const auto part : split(text)) {
    const auto dash = part.find('-');
    const auto first = number_of(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : number_of(part.substr(dash + 1));
    if (!first || !last || *last < *first || (*first == 0 && *last == UINT64_MAX)) {
      return fail(ErrorCode::bad_argument, fmt::format("--chunks \"{}\" is no list of chunks; write 1,4,10-20", printable(text)));
    }
    ranges.push_back({.first = *first, .count = *last - *first + 1});
  }
  return ranges;
}

Result<std::vector<std::uint16_t>> parse_codes(std::string_view text) {
  std::vector<std::string_view> names;
  for (const auto& row : error_table()) names.push_back(row.name);
  std::vector<std::uint16_t> codes;
  for (const auto part : split(text)) {
    const auto row = std::ranges::find(error_table(), part, &ErrorInfo::name);
    if (row == error_table().end()) {
      return fail(ErrorCode::bad_argument, fmt::format("there is no error \"{}\"{}", printable(part), name_remedy(part, names)));
    }
    codes.push_back(static_cast<std::uint16_t>(row->code));
  }
  return codes;
}

}  // namespace sublet::cli
