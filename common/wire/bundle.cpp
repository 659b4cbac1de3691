#include "common/wire/bundle.hpp"

#include <array>

#include <fmt/format.h>
#include <sodium.h>

#include "common/wire/msgpack_reader.hpp"
#include "common/wire/opaque.hpp"
#include "common/wire/read_fields.hpp"
#include "common/wire/write_fields.hpp"

namespace sublet::wire {
namespace {

std::optional<Error> check_data_bytes(const Bundle& bundle) {
  Bytes sum;
  for (const auto& module : bundle.modules) sum += Bytes{module.image.size()};
  for (const auto& resident : bundle.residents) sum += Bytes{resident.data.size()};
  if (sum <= kMaxDataBytes) return std::nullopt;
  return Error{.code = ErrorCode::message_too_large,
               .detail = fmt::format("bundle: modules and residents of {} bytes; at most {} in all", sum.count, kMaxDataBytes.count)};
}

}  // namespace

std::vector<std::byte> encode_bundle(const Bundle& bundle) {
  std::vector<std::byte> bytes;
  FieldWriter(bytes).write_struct(bundle);
  return bytes;
}

Result<Bundle> decode_bundle(ByteView bytes) {
  if (bytes.size() > kMaxBundleBytes.count) {
    return fail(ErrorCode::message_too_large, fmt::format("a bundle of {} bytes; at most {}", bytes.size(), kMaxBundleBytes.count));
  }
  std::vector<Item> items;
  const Limits limits;
  if (auto error = read_items(bytes, limits, items)) {
    error->detail = fmt::format("bundle: {}", error->detail);
    return std::unexpected(*std::move(error));
  }
  FieldReader reader(bytes, items, limits);
  Bundle bundle;
  if (!reader.read_struct(bundle)) return std::unexpected(reader.error("bundle"));
  if (auto error = check_data_bytes(bundle)) return std::unexpected(*std::move(error));
  return bundle;
}

ContentHash content_hash(ByteView bytes) {
  std::array<std::byte, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(digest.data()), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  ContentHash hash;
  from_bytes<4>(digest, hash.words);
  return hash;
}

}  // namespace sublet::wire
