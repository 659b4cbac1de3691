#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/job.hpp"
#include "tests/e2e/inputs.hpp"

namespace sublet::chaos {

enum class RecordKind : std::uint32_t {
  output,  ///< of one chunk
  dead,    ///< a chunk has none, and why
  ended,   ///< a job, and how
  broken,  ///< what the producer's library answered and should not have
};

/// How a job ended.
struct JobEnd {
  JobState state = JobState::open;
  std::uint64_t accepted = 0;
  std::uint64_t done = 0;
  std::uint64_t dead = 0;
  std::uint64_t sum = 0;
};

/// What the producer tells the judge over a pipe.
struct Record {
  RecordKind kind = RecordKind::output;
  std::uint32_t job = 0;
  std::uint64_t chunk = 0;
  test::ByteVector bytes;  ///< of `output`; a text of `dead` and `broken`; a JobEnd of `ended`
};

void append(std::vector<std::byte>& frame, RecordKind kind, std::uint32_t job, std::uint64_t chunk, ByteView bytes);
void append(std::vector<std::byte>& frame, std::uint32_t job, const JobEnd& end);
JobEnd end_of(const Record& record);

/// Puts together what was read in pieces. A record that a killed writer left unfinished is none.
class RecordReader {
 public:
  std::vector<Record> feed(ByteView bytes);

 private:
  std::vector<std::byte> rest_;
};

}  // namespace sublet::chaos
