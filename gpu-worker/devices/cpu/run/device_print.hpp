#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sublet::cpu {

/// Reads what a kernel passes to printf: values one after another, each at a multiple of its own size.
class PrintArguments {
 public:
  /// @param load  the `bytes` (4 or 8) at an offset
  explicit PrintArguments(std::function<std::uint64_t(std::uint64_t offset, std::uint32_t bytes)> load) : load_(std::move(load)) {}

  std::uint64_t next(std::uint32_t bytes);

 private:
  std::function<std::uint64_t(std::uint64_t, std::uint32_t)> load_;
  std::uint64_t offset_ = 0;
};

struct PrintedText {
  std::string text;
  std::int32_t arguments = 0;  ///< how many there were: what printf answers on the card
};

/// What printf makes of `format`. Directives that it does not know are printed as they stand.
/// @param text_at  the characters at an address, for %s
PrintedText print_text(std::string_view format, PrintArguments& arguments, const std::function<std::string(std::uint64_t)>& text_at);

}  // namespace sublet::cpu
