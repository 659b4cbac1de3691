#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace sublet {

/// A size in bytes. Written with the literals below; printed by `to_text`.
struct Bytes {
  std::uint64_t count = 0;

  constexpr auto operator<=>(const Bytes&) const = default;
  constexpr Bytes operator+(Bytes other) const { return {count + other.count}; }
  constexpr Bytes operator-(Bytes other) const { return {count - other.count}; }
  constexpr Bytes& operator+=(Bytes other) { return *this = *this + other; }
  constexpr Bytes& operator-=(Bytes other) { return *this = *this - other; }
};

inline namespace literals {
constexpr Bytes operator""_B(unsigned long long n) { return {n}; }
constexpr Bytes operator""_KiB(unsigned long long n) { return {n << 10U}; }
constexpr Bytes operator""_MiB(unsigned long long n) { return {n << 20U}; }
constexpr Bytes operator""_GiB(unsigned long long n) { return {n << 30U}; }
}  // namespace literals

using ByteView = std::span<const std::byte>;

inline ByteView as_view(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Immutable bytes with shared ownership: a received frame, a file, a settled output. Copying or slicing one copies no byte; the memory
/// lives until the last blob over it is gone.
class Blob {
 public:
  Blob() = default;
  /// @param owner  keeps `view` alive
  Blob(std::shared_ptr<const void> owner, ByteView view) : owner_(std::move(owner)), view_(view) {}

  /// A blob over its own copy of `bytes`.
  static Blob copy_of(ByteView bytes) {
    auto memory = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
    const ByteView view(*memory);
    return {std::move(memory), view};
  }

  [[nodiscard]] ByteView view() const { return view_; }
  [[nodiscard]] std::size_t size() const { return view_.size(); }
  [[nodiscard]] bool empty() const { return view_.empty(); }
  [[nodiscard]] const std::shared_ptr<const void>& owner() const { return owner_; }

  /// `offset + length` must lie within the blob.
  [[nodiscard]] Blob slice(std::size_t offset, std::size_t length) const { return {owner_, view_.subspan(offset, length)}; }

 private:
  std::shared_ptr<const void> owner_;
  ByteView view_;
};

}  // namespace sublet
