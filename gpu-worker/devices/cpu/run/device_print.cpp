#include "gpu-worker/devices/cpu/run/device_print.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>

namespace sublet::cpu {

namespace {

constexpr std::string_view kFlags = "-+ #0";
constexpr std::string_view kLengths = "hlLjzt";
/// Wider fields are cut: a kernel's text must not grow beyond bounds.
constexpr int kMostColumns = 512;

/// One directive between its "%" and its conversion.
struct Directive {
  std::string flags;
  int width = -1;
  int precision = -1;
  bool is_long = false;  ///< 8 bytes
  char conversion = 0;
};

int read_number(std::string_view format, std::size_t& at, PrintArguments& arguments, std::int32_t& taken) {
  if (at < format.size() && format[at] == '*') {
    ++at;
    ++taken;
    return std::clamp(static_cast<int>(arguments.next(4)), -kMostColumns, kMostColumns);
  }
  int value = 0;
  for (; at < format.size() && format[at] >= '0' && format[at] <= '9'; ++at) {
    value = std::min(value * 10 + (format[at] - '0'), kMostColumns);
  }
  return value;
}

Directive read_directive(std::string_view format, std::size_t& at, PrintArguments& arguments, std::int32_t& taken) {
  Directive made;
  for (; at < format.size() && kFlags.find(format[at]) != std::string_view::npos; ++at) {
    made.flags += format[at];
  }
  if (at < format.size() && (format[at] == '*' || (format[at] >= '0' && format[at] <= '9'))) {
    made.width = read_number(format, at, arguments, taken);
    if (made.width < 0) {
      made.flags += '-';
      made.width = -made.width;
    }
  }
  if (at < format.size() && format[at] == '.') {
    ++at;
    made.precision = std::max(read_number(format, at, arguments, taken), 0);
  }
  for (; at < format.size() && kLengths.find(format[at]) != std::string_view::npos; ++at) {
    made.is_long = made.is_long || format[at] != 'h';
  }
  made.conversion = at < format.size() ? format[at++] : '\0';
  return made;
}

/// The same directive for the host's printf, for values that it takes as `length` says.
std::string host_format(const Directive& directive, std::string_view length) {
  std::string made = "%" + directive.flags;
  made += directive.width >= 0 ? std::to_string(directive.width) : "";
  made += directive.precision >= 0 ? "." + std::to_string(directive.precision) : "";
  made += length;
  return made + directive.conversion;
}

template <class T>
std::string host_print(const std::string& format, T value) {
  char text[2 * kMostColumns + 400];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  const int size = std::snprintf(text, sizeof text, format.c_str(), value);
#pragma GCC diagnostic pop
  return {text, static_cast<std::size_t>(std::clamp(size, 0, static_cast<int>(sizeof text) - 1))};
}

}  // namespace

std::uint64_t PrintArguments::next(std::uint32_t bytes) {
  offset_ = (offset_ + bytes - 1) / bytes * bytes;
  const std::uint64_t value = load_(offset_, bytes);
  offset_ += bytes;
  return value;
}

PrintedText print_text(std::string_view format, PrintArguments& arguments, const std::function<std::string(std::uint64_t)>& text_at) {
  PrintedText made;
  for (std::size_t at = 0; at < format.size();) {
    const std::size_t begin = at;
    if (format[at] != '%') {
      at = std::min(format.find('%', at), format.size());
      made.text += format.substr(begin, at - begin);
      continue;
    }
    ++at;
    const Directive directive = read_directive(format, at, arguments, made.arguments);
    ++made.arguments;
    switch (directive.conversion) {
      case 'd':
      case 'i': {
        const std::uint64_t bits = arguments.next(directive.is_long ? 8 : 4);
        const auto value = directive.is_long ? static_cast<long long>(bits) : static_cast<long long>(static_cast<std::int32_t>(bits));
        made.text += host_print(host_format(directive, "ll"), value);
        break;
      }
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        made.text += host_print(host_format(directive, "ll"), static_cast<unsigned long long>(arguments.next(directive.is_long ? 8 : 4)));
        break;
      case 'c':
        made.text += host_print(host_format(directive, ""), static_cast<int>(arguments.next(4)));
        break;
      case 'p':
        made.text += host_print("0x%llx", static_cast<unsigned long long>(arguments.next(8)));
        break;
      case 's':
        made.text += host_print(host_format(directive, ""), text_at(arguments.next(8)).c_str());
        break;
      case 'a':
      case 'A':
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        made.text += host_print(host_format(directive, ""), std::bit_cast<double>(arguments.next(8)));
        break;
      case '%':
        --made.arguments;
        made.text += '%';
        break;
      default:
        --made.arguments;
        made.text += format.substr(begin, at - begin);
        break;
    }
  }
  return made;
}

}  // namespace sublet::cpu
