#pragma once

// Writes MessagePack values, one after another, in their shortest form.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"

namespace sublet::wire {

class MsgpackWriter {
 public:
  /// Appends to `out`, which must outlive the writer.
  explicit MsgpackWriter(std::vector<std::byte>& out) : out_(out) {}

  /// That many pairs follow, a key and a value each.
  void map(std::size_t pairs);
  /// That many values follow.
  void array(std::size_t elements);
  void integer(std::uint64_t value);
  void signed_integer(std::int64_t value);
  void real(double value);
  void boolean(bool value);
  void text(std::string_view value);
  void binary(ByteView value);

 private:
  std::vector<std::byte>& out_;
};

}  // namespace sublet::wire
