#include "producer/cli/table.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

constexpr std::size_t kGap = 2;

/// Widths of the columns that are shown; nothing for a dropped one.
using Widths = std::vector<std::optional<std::size_t>>;

std::size_t line_width(const Widths& widths) {
  std::size_t total = 0;
  for (const auto& width : widths) {
    if (width) total += *width + (total > 0 ? kGap : 0);
  }
  return total;
}

Widths natural_widths(const Table& table) {
  Widths widths;
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    std::size_t width = display_width(table.columns[column].title);
    for (const auto& row : table.rows) width = std::max(width, display_width(row[column]));
    widths.emplace_back(width);
  }
  return widths;
}

/// Takes what is too much from the widest column that may still shrink; false when none may.
bool shrink_one(const Table& table, Widths& widths, std::size_t excess) {
  std::optional<std::size_t> widest;
  for (std::size_t column = 0; column < widths.size(); ++column) {
    const auto shortest = table.columns[column].shortest;
    if (!widths[column] || shortest == 0 || *widths[column] <= shortest) continue;
    if (!widest || *widths[column] > *widths[*widest]) widest = column;
  }
  if (!widest) return false;
  auto& width = *widths[*widest];
  width -= std::min(excess, width - table.columns[*widest].shortest);
  return true;
}

bool drop_one(const Table& table, Widths& widths) {
  std::optional<std::size_t> first;
  for (std::size_t column = 0; column < widths.size(); ++column) {
    const auto rank = table.columns[column].rank;
    if (widths[column] && rank > 0 && (!first || rank > table.columns[*first].rank)) first = column;
  }
  if (!first) return false;
  widths[*first].reset();
  return true;
}

Widths fitting_widths(const Table& table, std::size_t width) {
  const auto natural = natural_widths(table);
  auto kept = natural;
  while (true) {
    auto widths = kept;
    while (line_width(widths) > width && shrink_one(table, widths, line_width(widths) - width)) {
    }
    if (line_width(widths) <= width || !drop_one(table, kept)) return widths;
  }
}

void append_cell(std::string& line, const std::string& cell, std::size_t width, bool right) {
  const auto text = shorten(cell, width);
  const std::string padding(width - display_width(text), ' ');
  line += right ? padding + text : text + padding;
}

template <class CellOf>
void append_line(std::string& result, const Table& table, const Widths& widths, CellOf cell_of) {
  std::string line;
  for (std::size_t column = 0; column < widths.size(); ++column) {
    if (!widths[column]) continue;
    if (!line.empty()) line.append(kGap, ' ');
    append_cell(line, cell_of(column), *widths[column], table.columns[column].right);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  result += line + '\n';
}

}  // namespace

std::string render(const Table& table, std::size_t width) {
  const auto widths = fitting_widths(table, width);
  std::string result;
  append_line(result, table, widths, [&](std::size_t column) -> const std::string& { return table.columns[column].title; });
  for (const auto& row : table.rows) {
    append_line(result, table, widths, [&](std::size_t column) -> const std::string& { return row[column]; });
  }
  return result;
}

std::string render_pairs(const std::vector<std::pair<std::string, std::string>>& pairs, std::size_t width) {
  std::size_t names = 0;
  for (const auto& [name, value] : pairs) names = std::max(names, display_width(name));
  std::string result;
  for (const auto& [name, value] : pairs) {
    const auto left = names + kGap;
    std::string line = name + std::string(left - display_width(name), ' ') + shorten(value, std::max(width, left + 20) - left);
    line.erase(line.find_last_not_of(' ') + 1);
    result += line + '\n';
  }
  return result;
}

}  // namespace sublet::cli
