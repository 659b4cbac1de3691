#pragma once

#include <cstdint>
#include <map>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/time.hpp"
#include "tests/support/dice.hpp"

namespace sublet::sim {

/// How a chunk behaves when it runs. Written in its payload, so that whoever runs it knows.
enum class Behaviour : std::uint8_t {
  good,
  transient,         ///< fails a few times
  always_transient,  ///< fails each time, with an error that may pass
  broken,            ///< fails for good
  faulty,            ///< breaks the device a few times
  always_faulty,     ///< breaks the device each time
  deadly,            ///< ends its session process each time
  endless,           ///< never ends
};

/// The job a chunk belongs to, as the script numbers jobs, and its id.
struct ChunkName {
  std::uint32_t job = 0;
  std::uint64_t id = 0;
  auto operator<=>(const ChunkName&) const = default;
};

/// What running a chunk once came to.
struct Ran {
  ErrorCode code = ErrorCode::ok;
  bool ends_session = false;
  bool hangs = false;
  bool breaks_device = false;
  std::int64_t output = 0;
};

/// The chunks of a simulation: their payloads, what they do, and what must come of them.
class Chunks {
 public:
  static constexpr std::uint64_t kMaxBytes = 64;

  /// The payload of a chunk; the same each time it is asked for.
  [[nodiscard]] static Blob payload(ChunkName name, Behaviour behaviour, std::uint8_t times);
  /// Runs the chunk of that payload once more.
  Ran run(ByteView payload);
  /// What a chunk comes to when it comes to anything.
  static std::int64_t output_of(ChunkName name) { return static_cast<std::int64_t>(name.id * 3 + name.job + 1); }

 private:
  std::map<ChunkName, std::uint32_t> runs_;
};

}  // namespace sublet::sim
