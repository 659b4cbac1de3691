#pragma once

// One filled-in message of each type. docs/protocol.md shows the bytes of exactly these, so no number here may change.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/pipeline/pipeline.hpp"
#include "common/wire/codec.hpp"

namespace sublet::wire {

struct Sample {
  std::uint64_t request = 0;
  std::optional<std::size_t> payload_bytes;
  Message message;
};

/// In the order of their numbers.
std::vector<Sample> samples();

/// The one of that type.
template <class M>
M sample_of() {
  for (const auto& sample : samples()) {
    if (const auto* message = std::get_if<M>(&sample.message)) return *message;
  }
  return {};
}

/// Payload bytes of the OPEN and BUNDLE samples.
Bundle sample_bundle();

}  // namespace sublet::wire
