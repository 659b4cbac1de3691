#include "broker/core/entry.hpp"

namespace sublet::broker {

void Entry::add_done(const Batch& batch, const GrantPart& part, std::span<const std::uint32_t> lengths,
                     std::span<const std::uint32_t> micros) {
  batch.append_ids(part.begin, part.count, output_.chunks);
  // Durations stay one per chunk: what was not measured is 0 beside what was.
  if (!micros.empty() || !output_.micros.values.empty()) {
    output_.micros.values.resize(size());
    output_.micros.values.insert(output_.micros.values.end(), micros.begin(), micros.end());
  }
  output_.lengths.values.insert(output_.lengths.values.end(), lengths.begin(), lengths.end());
  if (!output_.micros.values.empty()) output_.micros.values.resize(size());
  // An empty list of codes says that all are done, which is the usual entry.
  if (!output_.codes.values.empty()) output_.codes.values.resize(size());
}

void Entry::add_dead(Batch& batch, const GrantPart& part, const RunRecord& run, ErrorCode code, const std::string& detail) {
  dead_.add(batch, part, run, code, detail);
  const auto before = size();
  batch.append_ids(part.begin, part.count, output_.chunks);
  output_.lengths.values.resize(before + part.count);
  if (!output_.micros.values.empty()) output_.micros.values.resize(size());
  output_.codes.values.resize(before);
  output_.codes.values.resize(size(), static_cast<std::uint16_t>(code));
  for (auto index = before; index < size(); ++index) {
    output_.details.push_back({.index = static_cast<std::uint32_t>(index), .detail = detail});
  }
}

}  // namespace sublet::broker
