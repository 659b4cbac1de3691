#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"

namespace sublet::golden {

/// What a form or a kernel left in one place: elements of one width, or a single number of 8 bytes, the hash of more than one would read.
struct Output {
  unsigned bytes = 4;  ///< of an element: 1, 2, 4 or 8
  bool hashed = false;
  std::vector<std::uint64_t> elements;

  bool operator==(const Output&) const = default;
};

/// Where results come from.
struct Origin {
  std::string card;
  std::string driver;
  std::string date;
};

/// Results by the name of the form or kernel.
struct Record {
  Origin origin;
  std::map<std::string, std::vector<Output>, std::less<>> outputs;
};

/// Text for people to read and git to compare: a head, then each name with its outputs in hexadecimal.
std::string to_text(const Record& record);

/// `bad_argument` with the line that is not as `to_text` writes it.
Result<Record> read_record(std::string_view text);

}  // namespace sublet::golden
