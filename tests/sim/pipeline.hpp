#pragma once

#include <cstdint>

#include "common/bytes.hpp"
#include "common/ids.hpp"

namespace sublet::sim {

/// A pipeline as it travels, and how large a lease for it is.
struct TestPipeline {
  ContentHash hash;
  Blob bundle;
  Bytes lease;
};

/// Pipelines for chunks of at most `Chunks::kMaxBytes`, 0 and 1, all of one lease size.
const TestPipeline& test_pipeline(std::uint32_t number);

}  // namespace sublet::sim
