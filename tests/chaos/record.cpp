#include "tests/chaos/record.hpp"

#include <cstring>

namespace sublet::chaos {
namespace {

/// Between two processes of one build.
struct Head {
  RecordKind kind;
  std::uint32_t job;
  std::uint64_t chunk;
  std::uint64_t size;
};

}  // namespace

void append(std::vector<std::byte>& frame, RecordKind kind, std::uint32_t job, std::uint64_t chunk, ByteView bytes) {
  const Head head{.kind = kind, .job = job, .chunk = chunk, .size = bytes.size()};
  const auto raw = std::as_bytes(std::span(&head, 1));
  frame.insert(frame.end(), raw.begin(), raw.end());
  frame.insert(frame.end(), bytes.begin(), bytes.end());
}

void append(std::vector<std::byte>& frame, std::uint32_t job, const JobEnd& end) {
  append(frame, RecordKind::ended, job, 0, std::as_bytes(std::span(&end, 1)));
}

JobEnd end_of(const Record& record) {
  JobEnd end;
  if (record.bytes.size() == sizeof end) std::memcpy(&end, record.bytes.data(), sizeof end);
  return end;
}

std::vector<Record> RecordReader::feed(ByteView bytes) {
  rest_.insert(rest_.end(), bytes.begin(), bytes.end());
  std::vector<Record> records;
  std::size_t at = 0;
  while (rest_.size() - at >= sizeof(Head)) {
    Head head{};
    std::memcpy(&head, rest_.data() + at, sizeof head);
    if (rest_.size() - at - sizeof head < head.size) break;
    at += sizeof head;
    const auto begin = rest_.begin() + static_cast<std::ptrdiff_t>(at);
    at += head.size;
    records.push_back(
        {.kind = head.kind, .job = head.job, .chunk = head.chunk, .bytes = {begin, begin + static_cast<std::ptrdiff_t>(head.size)}});
  }
  rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(at));
  return records;
}

}  // namespace sublet::chaos
