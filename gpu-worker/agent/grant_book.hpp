#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/wire/messages.hpp"
#include "gpu-worker/agent/bundle_cache.hpp"
#include "gpu-worker/core/agent_watch.hpp"
#include "gpu-worker/ring/agent_end.hpp"
#include "gpu-worker/ring/blocks.hpp"
#include "gpu-worker/ring/outcome.hpp"

namespace sublet::agent {

/// A grant whose every chunk has an outcome.
struct Settlement {
  wire::Settle message;
  Blob outputs = {};
};

/// The grants of one session on their way through its process: copied into its arena, as much as fits at a time, and collected again.
class GrantBook {
 public:
  GrantBook(ring::AgentEnd& end, std::shared_ptr<const LoadedBundle> bundle, const wire::Lease& lease);

  /// The largest payload that a RUN of this lease may bring.
  static std::uint64_t most_payload(const wire::Lease& lease);
  /// Arena that a session needs to keep all its lanes busy with its largest chunks.
  static Result<Bytes> arena_needed(const LoadedBundle& bundle, const wire::Lease& lease, std::uint32_t lanes);

  /// Takes a grant; one that is there already is left as it is. `bad_message` when its lengths do not add up.
  Result<void> add(wire::Run run, Blob payload);
  /// Hands over what fits. `protocol_error` when the process's side of the ring cannot be.
  Result<void> feed(Instant now);
  /// Takes the outcome of the oldest command. `protocol_error` for anything that cannot be. Returns how many chunks it was.
  Result<std::uint32_t> take(const ring::Reply& reply);

  /// No further chunk is handed over; those that were not go back.
  void stop();
  /// The process is gone. `guilty` chunks end with `error`, all others that have no outcome go back.
  void abandon(std::span<const RunningChunks> guilty, const Error& error);
  /// Forgets everything.
  void clear();

  /// The next grant whose every chunk has an outcome, no longer held here.
  std::optional<Settlement> next_settled();
  [[nodiscard]] std::span<const HandedOver> handed_over() const { return handed_over_; }
  [[nodiscard]] std::vector<std::uint64_t> grants() const;
  [[nodiscard]] bool empty() const { return grants_.empty(); }

 private:
  struct Grant {
    wire::Run run;
    Blob payload;
    std::uint32_t begun = 0;  ///< chunks handed over or refused here
    std::uint64_t begun_bytes = 0;
    std::uint64_t place_bytes = 0;  ///< kept for outputs of chunks handed over
    /// No further chunk of it is handed over: their outputs would be too much for one message.
    bool cut = false;
    ring::Outcome outcome;
  };
  /// Chunks of one grant under way together.
  struct Part {
    Grant* grant = nullptr;
    std::uint32_t count = 0;
    std::uint64_t block = 0;
    std::uint32_t detail_bytes = 0;
    ring::RunLayout layout = {};
    std::vector<std::uint32_t> places = {};
  };

  enum class Fed : std::uint8_t { more, no_room };

  Result<Fed> feed_grant(Grant& grant, Instant now);
  Part next_part(Grant& grant, std::uint64_t& input_bytes, std::uint64_t& output_bytes);
  bool has_room_for(std::uint64_t taken, std::uint32_t length);
  void fill(const Part& part, std::uint64_t input_bytes);
  std::uint32_t place_for(std::uint32_t input_bytes);
  void return_rest(Grant& grant);

  ring::AgentEnd* end_;
  std::shared_ptr<const LoadedBundle> bundle_;
  std::uint64_t max_chunk_bytes_;
  bool by_reference_;
  ring::Blocks blocks_;
  /// A deque, since parts point at grants.
  std::deque<Grant> grants_;
  std::deque<Part> parts_;
  /// Beside `parts_`, in the form that the watchdog reads.
  std::vector<HandedOver> handed_over_;
  std::uint64_t last_number_ = 0;
  bool stopped_ = false;
  /// Neighbours are mostly of one length; its place is computed once.
  std::optional<std::pair<std::uint32_t, std::uint32_t>> last_place_;
};

}  // namespace sublet::agent
