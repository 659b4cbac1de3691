#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"

namespace sublet::image {

/// Compiled modules, kept in a folder that the session processes of one host and user share, so that a module is compiled once per host.
/// A cache that cannot be written to is one that holds nothing. Bounded: the oldest entries go.
class CodeCache {
 public:
  static constexpr std::size_t kMostEntries = 512;

  /// @param folder  made where it is missing; only its owner may read or write it
  explicit CodeCache(std::string folder);
  /// $SUBLET_CACHE, or `sublet` in $XDG_CACHE_HOME, ~/.cache or /tmp.
  static std::string default_folder();

  /// @param made_for  what the code depends on beside the image: the card's kind and the driver
  [[nodiscard]] std::optional<std::vector<std::byte>> find(ByteView image, std::string_view made_for) const;
  void keep(ByteView image, std::string_view made_for, ByteView code) const;

 private:
  [[nodiscard]] std::string path_of(ByteView image, std::string_view made_for) const;
  void make_room() const;

  std::string folder_;  ///< empty: nothing is kept
};

}  // namespace sublet::image
