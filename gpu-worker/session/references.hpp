#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/error.hpp"
#include "common/io/segment.hpp"
#include "common/reference.hpp"
#include "gpu-worker/device.hpp"
#include "gpu-worker/session/lane.hpp"

namespace sublet::session {

/// A chunk by reference while it is worked on.
struct Referred {
  std::shared_ptr<io::Segment> segment;  ///< null: its bytes travelled
  std::uint64_t output_place = 0;        ///< claimed
};

/// The segments that one lease's chunks lie in, mapped and, where the device can, locked for its copies.
class References {
 public:
  /// Where the payload is that `reference` stands for, and a place for the output, which is this chunk's until `give_up` or for ever.
  /// Errors are the chunk's own: `bad_size`, `payload_lost`, `out_of_range`, `transient` while every place for outputs is taken.
  Result<ChunkBytes> resolve(ByteView reference, Session& session, Referred& referred);
  /// The output was written: what to answer with. `into` has room for it.
  static std::uint32_t answer(const Referred& referred, std::uint32_t output_bytes, std::span<std::byte> into);
  /// There will be no output.
  static void give_up(Referred& referred);

 private:
  Result<std::shared_ptr<io::Segment>> segment(Token name, Session& session);

  /// The one used last comes last.
  std::vector<std::shared_ptr<io::Segment>> segments_;
};

}  // namespace sublet::session
