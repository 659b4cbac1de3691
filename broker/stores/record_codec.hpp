#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "broker/stores/record.hpp"
#include "common/bytes.hpp"
#include "common/error.hpp"

namespace sublet::broker {

/// Version of what `encode_record` writes. A store keeps it beside the records and takes no other.
inline constexpr std::string_view kRecordSchema = "5";

/// Appends the record as MessagePack. Not for bytes (`Blob`) and `Erase`, which are no records with fields.
void encode_record(const RecordValue& value, std::vector<std::byte>& out);

/// Reads what `encode_record` wrote for a record of this kind. `store_unavailable` says what does not fit; the caller adds where it lies.
Result<RecordValue> decode_record(RecordKind kind, ByteView bytes);

}  // namespace sublet::broker
