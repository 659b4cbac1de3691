#include "broker/stores/record_codec.hpp"

#include <utility>

#include "broker/stores/record_fields.hpp"
#include "common/wire/read_fields.hpp"
#include "common/wire/write_fields.hpp"

namespace sublet::broker {
namespace {

constexpr std::size_t kWordsPerRun = 5;

/// Our own bytes: as much as a batch at its limits needs, still bounded.
constexpr wire::Limits kLimits{.max_body_bytes = std::size_t{64} << 20U, .max_objects = 1U << 20U, .max_list = 1U << 18U};

constexpr std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
constexpr std::uint32_t high(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32U); }

PackedRuns packed(const RunsRecord& record) {
  PackedRuns out;
  auto& words = out.words.values;
  words.reserve(record.runs.size() * kWordsPerRun);
  for (const auto& run : record.runs) {
    const auto state = static_cast<std::uint32_t>(run.state) | std::uint32_t{run.faults} << 8U | std::uint32_t{run.crashes} << 16U;
    words.insert(words.end(), {run.count, state, run.attempts, low(run.ref), high(run.ref)});
  }
  return out;
}

Result<RecordValue> unpacked(const PackedRuns& packed_runs) {
  const auto& words = packed_runs.words.values;
  if (words.size() % kWordsPerRun != 0) return fail(ErrorCode::store_unavailable, "its runs are cut off");
  RunsRecord record;
  record.runs.reserve(words.size() / kWordsPerRun);
  for (std::size_t at = 0; at < words.size(); at += kWordsPerRun) {
    const auto state = words[at + 1];
    if ((state & 0xffU) > static_cast<std::uint32_t>(ChunkState::dropped) || words[at] == 0) {
      return fail(ErrorCode::store_unavailable, "a run of it is none");
    }
    record.runs.push_back({.count = words[at],
                           .state = static_cast<ChunkState>(state & 0xffU),
                           .faults = static_cast<std::uint8_t>(state >> 8U),
                           .crashes = static_cast<std::uint16_t>(state >> 16U),
                           .attempts = words[at + 2],
                           .ref = words[at + 3] | std::uint64_t{words[at + 4]} << 32U});
  }
  return record;
}

template <class Struct>
Result<Struct> read(ByteView bytes) {
  std::vector<wire::Item> items;
  if (auto error = wire::read_items(bytes, kLimits, items)) return fail(ErrorCode::store_unavailable, std::move(error->detail));
  wire::FieldReader reader(bytes, items, kLimits);
  Struct out;
  if (!reader.read_struct(out)) return fail(ErrorCode::store_unavailable, reader.error("record").detail);
  return out;
}

template <class Struct>
Result<RecordValue> read_value(ByteView bytes) {
  auto value = read<Struct>(bytes);
  if (!value) return std::unexpected(std::move(value.error()));
  return RecordValue(std::move(*value));
}

template <class Struct>
Result<RecordValue> read_shared(ByteView bytes) {
  auto value = read<Struct>(bytes);
  if (!value) return std::unexpected(std::move(value.error()));
  return RecordValue(std::make_shared<const Struct>(std::move(*value)));
}

}  // namespace

void encode_record(const RecordValue& value, std::vector<std::byte>& out) {
  wire::FieldWriter writer(out);
  std::visit(
      [&]<class T>(const T& record) {
        if constexpr (std::is_same_v<T, SharedBatch> || std::is_same_v<T, SharedOutput> || std::is_same_v<T, SharedDead>) {
          writer.write_struct(*record);
        } else if constexpr (std::is_same_v<T, RunsRecord>) {
          writer.write_struct(packed(record));
        } else if constexpr (!std::is_same_v<T, Blob> && !std::is_same_v<T, Erase>) {
          writer.write_struct(record);
        }
      },
      value);
}

Result<RecordValue> decode_record(RecordKind kind, ByteView bytes) {
  switch (kind) {
    case RecordKind::queue:
      return read_value<QueueRecord>(bytes);
    case RecordKind::job:
      return read_value<JobRecord>(bytes);
    case RecordKind::progress:
      return read_value<ProgressRecord>(bytes);
    case RecordKind::accepted:
      return read_value<AcceptedRecord>(bytes);
    case RecordKind::batch:
      return read_shared<BatchRecord>(bytes);
    case RecordKind::runs: {
      const auto runs = read<PackedRuns>(bytes);
      if (!runs) return std::unexpected(runs.error());
      return unpacked(*runs);
    }
    case RecordKind::output:
      return read_shared<wire::Output>(bytes);
    case RecordKind::lease:
      return read_value<LeaseRecord>(bytes);
    case RecordKind::grant:
      return read_value<GrantRecord>(bytes);
    case RecordKind::timing:
      return read_value<TimingRecord>(bytes);
    case RecordKind::dead:
      return read_shared<DeadRecord>(bytes);
    case RecordKind::bundle:
    case RecordKind::payload:
    case RecordKind::output_bytes:
    case RecordKind::dead_bytes:
      break;
  }
  return fail(ErrorCode::store_unavailable, "bytes are no record with fields");
}

}  // namespace sublet::broker
