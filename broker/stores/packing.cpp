#include "broker/stores/packing.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <lz4.h>

namespace sublet::broker {
namespace {

constexpr std::string_view kPlainTag = "=";
/// Before a little-endian 32-bit length, that of the bytes when they are unfolded, and an LZ4 block.
constexpr char kLz4Tag = 'z';
constexpr std::size_t kLz4TagBytes = 1 + sizeof(std::uint32_t);
constexpr std::size_t kSample = 4096;
/// More than any frame holds.
constexpr std::size_t kMost = std::size_t{128} << 20U;
/// An LZ4 block never unfolds to more than so many times its length: no byte of it stands for more than 255 others.
constexpr std::size_t kMostUnfolding = 255;

/// Compressed to 7/8 or less; nothing when that cannot be.
std::optional<std::vector<std::byte>> compressed(ByteView bytes) {
  std::vector<std::byte> out(bytes.size() / 8 * 7);
  const int size = LZ4_compress_default(reinterpret_cast<const char*>(bytes.data()), reinterpret_cast<char*>(out.data()),
                                        static_cast<int>(bytes.size()), static_cast<int>(out.size()));
  if (size <= 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(size));
  return out;
}

}  // namespace

Packed pack(const Blob& bytes, Compression compression) {
  const auto view = bytes.view();
  const bool tries = compression == Compression::lz4 && view.size() <= kMost && compressed(view.first(std::min(view.size(), kSample)));
  auto smaller = tries ? compressed(view) : std::nullopt;
  if (!smaller) return {.tag = std::string(kPlainTag), .bytes = bytes};
  const auto length = static_cast<std::uint32_t>(view.size());
  std::string tag(kLz4TagBytes, kLz4Tag);
  std::memcpy(tag.data() + 1, &length, sizeof length);
  const auto memory = std::make_shared<const std::vector<std::byte>>(std::move(*smaller));
  return {.tag = std::move(tag), .bytes = Blob(memory, ByteView(*memory))};
}

Result<Blob> unpack(const Blob& stored) {
  const auto text = as_text(stored.view());
  if (text.starts_with(kPlainTag)) return stored.slice(kPlainTag.size(), stored.size() - kPlainTag.size());
  if (text.size() < kLz4TagBytes || text.front() != kLz4Tag) {
    return fail(ErrorCode::bad_size, "these are no bytes that a broker of this version stored");
  }
  std::uint32_t length = 0;
  std::memcpy(&length, text.data() + 1, sizeof length);
  if (length > kMost) return fail(ErrorCode::bad_size, "compressed bytes that claim to unfold to more than any message holds");
  const auto packed = text.substr(kLz4TagBytes);
  // Before there is memory for it: a few damaged bytes must not ask for 128 MiB.
  if (length > packed.size() * kMostUnfolding) {
    return fail(ErrorCode::bad_size, fmt::format("{} compressed bytes that claim to unfold to {}", packed.size(), length));
  }
  const auto memory = std::make_shared<std::vector<std::byte>>(length);
  const int size = LZ4_decompress_safe(packed.data(), reinterpret_cast<char*>(memory->data()), static_cast<int>(packed.size()),
                                       static_cast<int>(length));
  if (size < 0 || static_cast<std::uint32_t>(size) != length) return fail(ErrorCode::bad_size, "compressed bytes that are damaged");
  return Blob(memory, ByteView(*memory));
}

}  // namespace sublet::broker
