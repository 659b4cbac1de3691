#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sublet::cli {

struct Column {
  std::string title;
  bool right = false;  ///< numbers
  /// Which column gives way first on a narrow terminal: the highest is dropped first, 0 never.
  int rank = 0;
  /// Columns that a text column may be shortened to before another is dropped; 0: it is never shortened.
  std::size_t shortest = 0;
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
};

/// The table with its titles, at most `width` columns wide where that can be: text columns are shortened first, then whole columns dropped
/// by rank. Two blanks between columns, none at the end of a line.
std::string render(const Table& table, std::size_t width);

/// "name   value" lines under each other, values aligned; one pair per line.
std::string render_pairs(const std::vector<std::pair<std::string, std::string>>& pairs, std::size_t width);

}  // namespace sublet::cli
