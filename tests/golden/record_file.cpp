#include "tests/golden/record_file.hpp"

#include <charconv>
#include <optional>
#include <sstream>

#include <fmt/format.h>

namespace sublet::golden {
namespace {

constexpr std::string_view kHead =
    "# What a card answered, written by golden_record. Compared with the CPU device by golden_test; not to be edited.";
constexpr std::size_t kMostColumns = 140;

std::string_view without(std::string_view line, std::string_view prefix) { return line.substr(prefix.size()); }

/// "out b32 192" or "out hash 1", and lines of numbers without leading zeroes, which are half of many results.
std::string lines_of(const Output& output) {
  std::string made = fmt::format("out {} {}\n", output.hashed ? "hash" : fmt::format("b{}", output.bytes * 8), output.elements.size());
  std::size_t begun = made.size();
  for (const std::uint64_t each : output.elements) {
    const std::string number = fmt::format("{:x}", each);
    if (made.size() + 1 + number.size() - begun > kMostColumns) {
      made += '\n';
      begun = made.size();
    }
    made += (made.size() == begun ? "" : " ") + number;
  }
  return made + "\n";
}

/// Reads one record line by line.
class Reader {
 public:
  explicit Reader(std::string_view text) : stream_(std::string(text)) {}

  Result<Record> read() {
    while (next()) {
      if (!line())
        return fail(ErrorCode::bad_argument,
                    fmt::format("line {} of the golden results is not as golden_record writes it: {}", number_, line_));
    }
    if (missing_ != 0) return fail(ErrorCode::bad_argument, fmt::format("the golden results end {} numbers too early", missing_));
    return std::move(record_);
  }

 private:
  bool next() {
    ++number_;
    return static_cast<bool>(std::getline(stream_, line_));
  }
  bool line() {
    if (missing_ != 0) return numbers();
    if (line_.empty() || line_.starts_with('#')) return true;
    if (line_.starts_with("card: ")) return take(record_.origin.card, "card: ");
    if (line_.starts_with("driver: ")) return take(record_.origin.driver, "driver: ");
    if (line_.starts_with("date: ")) return take(record_.origin.date, "date: ");
    if (line_.starts_with("= ")) return begin(line_.substr(2));
    return line_.starts_with("out ") && current_ != nullptr && output();
  }
  bool take(std::string& into, std::string_view prefix) {
    into = without(line_, prefix);
    return true;
  }
  bool begin(const std::string& name) {
    const auto [at, inserted] = record_.outputs.try_emplace(name);
    current_ = &at->second;
    return inserted;
  }
  bool output() {
    std::istringstream words(line_.substr(4));
    std::string width;
    std::size_t count = 0;
    if (!(words >> width >> count)) return false;
    const bool hashed = width == "hash";
    const unsigned bytes = hashed || width == "b64" ? 8 : (width == "b32" ? 4 : (width == "b16" ? 2 : (width == "b8" ? 1 : 0)));
    if (bytes == 0) return false;
    current_->push_back({.bytes = bytes, .hashed = hashed});
    missing_ = count;
    return true;
  }
  bool numbers() {
    std::istringstream words(line_);
    for (std::string word; words >> word; --missing_) {
      std::uint64_t value = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, 16);
      if (missing_ == 0 || error != std::errc{} || end != word.data() + word.size()) return false;
      current_->back().elements.push_back(value);
    }
    return true;
  }

  std::istringstream stream_;
  std::string line_;
  std::size_t number_ = 0;
  Record record_;
  std::vector<Output>* current_ = nullptr;
  std::size_t missing_ = 0;
};

}  // namespace

std::string to_text(const Record& record) {
  std::string made =
      fmt::format("{}\ncard: {}\ndriver: {}\ndate: {}\n", kHead, record.origin.card, record.origin.driver, record.origin.date);
  for (const auto& [name, outputs] : record.outputs) {
    made += fmt::format("\n= {}\n", name);
    for (const Output& output : outputs) made += lines_of(output);
  }
  return made;
}

Result<Record> read_record(std::string_view text) { return Reader(text).read(); }

}  // namespace sublet::golden
