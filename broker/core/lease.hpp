#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "broker/core/step.hpp"
#include "broker/stores/record.hpp"
#include "common/ids.hpp"
#include "common/time.hpp"

namespace sublet::broker {

struct SizeClass;
struct Worker;

/// One RUN that has no SETTLED yet.
struct Grant {
  GrantId id;
  Token token;
  /// Whose chunks it holds; zero once the job has ended and dropped them: the session still works on it, and its SETTLE will be stale.
  JobId job;
  std::vector<GrantPart> parts;
  std::uint32_t chunks = 0;
  std::uint64_t bytes = 0;
  double micros = 0;            ///< estimated
  std::optional<Instant> sent;  ///< its RUN; nothing while that waits for the store
  bool alone = false;
};

/// The right to a slice of a card, and what its session is working on.
struct Lease {
  LeaseId id;
  Token token;
  Worker* worker = nullptr;
  SizeClass* size = nullptr;
  std::uint64_t bytes = 0;
  Instant deadline;
  /// When its last grant was settled, or when it came up.
  Instant idle_since;

  bool up = false;
  Instant up_since;
  std::uint64_t window_chunks = 0;
  std::uint64_t window_bytes = 0;
  Isolation got = Isolation::tenant;  ///< as the last WINDOW says
  std::uint64_t out_chunks = 0;
  std::uint64_t out_bytes = 0;
  double out_micros = 0;
  std::vector<Grant> grants;  ///< ascending by id

  /// Emptied for a chunk of that job that must run alone.
  JobId reserved_for;
  bool running_alone = false;
  /// Ends as soon as it is empty: it is others' turn.
  bool retiring = false;
  JobId last_job;

  /// Its place among the hungry of its size; turn 0: none.
  std::size_t hungry_grants = 0;
  std::uint64_t hungry_turn = 0;

  /// Settles that were taken, so that a repeat can be told from a forgery.
  void remember(GrantId grant, Token fence);
  [[nodiscard]] bool has_settled(GrantId grant, Token fence) const;

 private:
  std::vector<std::pair<GrantId, Token>> settled_;
  std::size_t settled_next_ = 0;
};

/// A worker process, connected or expected back.
struct Worker {
  std::uint64_t instance = 0;
  std::string name;
  Token host;        ///< whose payloads by reference it takes; zero: of none
  bool mps = false;  ///< takes leases of class `mps`, as its last OFFER says
  PeerId peer;       ///< zero while it is away
  Instant connected;
  std::vector<Lease*> leases;
  std::uint64_t leased_chunks = 0;
  std::uint64_t done = 0;
};

}  // namespace sublet::broker
