#pragma once

// Tokens and hashes as byte strings: each of their words with its most significant byte first, so that the bytes read as the hex does.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/bytes.hpp"

namespace sublet::wire {

template <std::size_t kWords>
std::array<std::byte, kWords * 8> to_bytes(std::span<const std::uint64_t, kWords> words) {
  std::array<std::byte, kWords * 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(words[i / 8] >> (56U - i % 8 * 8U));
  return bytes;
}

/// @param bytes  exactly eight for each word
template <std::size_t kWords>
void from_bytes(ByteView bytes, std::span<std::uint64_t, kWords> words) {
  for (std::size_t i = 0; i < kWords; ++i) {
    words[i] = 0;
    for (std::size_t j = 0; j < 8; ++j) words[i] = (words[i] << 8U) | std::to_integer<std::uint64_t>(bytes[i * 8 + j]);
  }
}

}  // namespace sublet::wire
