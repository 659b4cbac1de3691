#pragma once

// Pulls one item after the other from a body that was read, each of the type and range that the caller asks for.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/job.hpp"
#include "common/time.hpp"
#include "common/wire/messages.hpp"
#include "common/wire/msgpack_reader.hpp"
#include "common/wire/text.hpp"

namespace sublet::wire {

/// The longest duration a message may state: far above any use, and safe to add to any clock.
inline constexpr Millis kMaxDuration = std::chrono::days(366);

class ItemReader {
 public:
  /// @param items  of `body`, as `read_items` left them: complete, so no read can run past their end
  ItemReader(ByteView body, std::span<const Item> items, const Limits& limits) : body_(body), items_(items), limits_(limits) {}

  /// After a read that failed: what it was and where, as "<subject>.<field>[<index>]: …".
  [[nodiscard]] Error error(std::string_view subject) const;

 protected:
  bool enter_map(std::uint32_t& pairs);
  bool enter_array(std::uint32_t& elements);
  bool enter_array_of(std::size_t elements);
  bool read_key(std::string_view& out);
  bool read_boolean(bool& out);
  bool read_integer(std::uint64_t& out, std::uint64_t most);
  bool read_real(double& out);
  bool read_duration(Millis& out);
  bool read_text(std::string& out, TextRule rule);
  bool read_error_code(ErrorCode& out);
  bool read_binary(std::vector<std::byte>& out);
  /// A view of the body; its length is a multiple of `unit`.
  bool take_binary(ByteView& out, std::size_t unit);
  /// A view of the body of exactly `length` bytes.
  bool take_binary_of(ByteView& out, std::size_t length);

  bool check_codes(const CodeList& codes);
  bool check_range(const ChunkRange& range);

  /// Position of `key` in `names`, looked for at `guess` first; `names.size()` when it is not there.
  static std::size_t find_name(std::span<const std::string_view> names, std::string_view key, std::size_t guess);
  bool mark_seen(std::uint64_t& seen, std::size_t index, std::string_view key);

  /// These note an error and answer false. The first one tells what, `fail_inside` adds on the way out where.
  bool fail_with(ErrorCode code, std::string what);
  bool fail_unknown(std::string_view key, std::span<const std::string_view> names);
  bool fail_missing(std::span<const std::string_view> names, std::uint64_t seen);
  bool fail_inside(std::string_view field);
  bool fail_inside(std::size_t index);

 private:
  const Item& take() { return items_[next_++]; }
  bool take_kind(ItemKind kind, const Item*& item);
  [[nodiscard]] ByteView bytes_of(const Item& item) const { return body_.subspan(item.value, item.size); }

  ByteView body_;
  std::span<const Item> items_;
  const Limits& limits_;
  std::size_t next_ = 0;
  ErrorCode code_ = ErrorCode::internal;
  std::string what_;
  std::string path_;
};

}  // namespace sublet::wire
