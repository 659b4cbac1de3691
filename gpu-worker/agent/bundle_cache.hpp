#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/pipeline/compiled.hpp"
#include "common/time.hpp"
#include "common/wire/messages.hpp"

namespace sublet::agent {

/// A pipeline as an agent needs it: the bytes for the session process, and what sizes follow from.
struct LoadedBundle {
  Blob bytes;
  CompiledPipeline sizes;
  Pipeline pipeline;
  Bytes modules;  ///< as a lease is charged for them
  Millis time_limit = 60s;
};

/// How many chunks a session of that lease has in flight.
Result<std::uint32_t> lanes_of(const LoadedBundle& bundle, const wire::Lease& lease);

/// Bundles by content hash.
class BundleCache {
 public:
  [[nodiscard]] std::shared_ptr<const LoadedBundle> find(const ContentHash& hash);

  /// Takes what came. `bad_message` when it is not what its hash says; otherwise what decoding or `compile` finds wrong.
  Result<std::shared_ptr<const LoadedBundle>> put(const ContentHash& hash, const Blob& bytes);

 private:
  struct Kept {
    std::shared_ptr<const LoadedBundle> bundle;
    std::uint64_t used = 0;
  };

  void make_room();

  std::map<ContentHash, Kept> kept_;
  std::uint64_t uses_ = 0;
};

}  // namespace sublet::agent
