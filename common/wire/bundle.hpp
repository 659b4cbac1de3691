#pragma once

// A pipeline with its modules, as it is stored and travels: one MessagePack map, named by the SHA-256 of its bytes.

#include <cstddef>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/pipeline/pipeline.hpp"

namespace sublet::wire {

/// All modules and residents of a bundle together.
inline constexpr Bytes kMaxDataBytes = 16_MiB;
/// Pipeline and modules, encoded.
inline constexpr Bytes kMaxBundleBytes = 17_MiB;

/// The same bundle always gives the same bytes.
std::vector<std::byte> encode_bundle(const Bundle& bundle);

/// As strict and bounded as messages are read. Checks shape and limits; whether the pipeline makes sense is `validate`'s to say.
Result<Bundle> decode_bundle(ByteView bytes);

/// SHA-256, as `ContentHash` spells it: `words[0]` holds the first eight bytes of the digest, most significant first.
ContentHash content_hash(ByteView bytes);

}  // namespace sublet::wire
