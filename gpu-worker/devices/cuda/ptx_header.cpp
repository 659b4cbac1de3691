#include "gpu-worker/devices/cuda/ptx_header.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sublet::cuda {
namespace {

/// What follows `.word` up to a blank or a comma.
std::string after(std::string_view text, std::string_view word) {
  const std::size_t at = text.find(word);
  if (at == std::string_view::npos) {
    return {};
  }
  text.remove_prefix(at + word.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return std::string(text.substr(0, std::min<std::size_t>(text.find_first_of(" \t\r\n,"), 16)));
}

}  // namespace

PtxHeader header_of_ptx(std::string_view text) { return {.version = after(text, ".version"), .target = after(text, ".target")}; }

std::string latest_ptx(int cuda_version) {
  static constexpr std::array<std::pair<int, const char*>, 8> kKnown = {
      {{13'010, "9.1"}, {13'000, "9.0"}, {12'090, "8.8"}, {12'080, "8.7"}, {12'070, "8.6"}, {12'050, "8.5"}, {12'040, "8.4"}, {0, "8.3"}}};
  return std::ranges::find_if(kKnown, [&](const auto& known) { return known.first <= cuda_version; })->second;
}

}  // namespace sublet::cuda
