#pragma once

#include <memory>
#include <vector>

#include "producer/core/output_sequence.hpp"
#include "producer/engine.hpp"
#include "producer/outputs.hpp"

namespace sublet {

struct Outputs::State {
  State(std::shared_ptr<producer::Engine> its_engine, std::shared_ptr<producer::JobHandle> its_job, std::uint64_t its_reader, Order order,
        ChunkId first)
      : engine(std::move(its_engine)), job(std::move(its_job)), reader(its_reader), sequence(order, first) {}

  /// Puts up to `most` outputs into `batch`, waiting for the first; leaves it empty at the end.
  Result<void> fill(std::size_t most, Millis timeout);
  /// The caller is done with everything handed out.
  void confirm(bool now);

  // In this order: the job is let go before the engine.
  std::shared_ptr<producer::Engine> engine;
  std::shared_ptr<producer::JobHandle> job;
  std::uint64_t reader;
  producer::OutputSequence sequence;
  std::vector<ChunkOutput> batch;
  Cursor confirmed;
  producer::Load untold;  ///< handed out since
};

}  // namespace sublet
