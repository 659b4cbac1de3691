#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "broker/core/cards.hpp"
#include "common/bytes.hpp"
#include "common/shard.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// Every limit and duration the core decides by. The defaults are those of docs/operations.md.
struct BrokerOptions {
  /// What is decided here: one shard of a cluster cut like this.
  ShardNumber shard = 0;
  Layout layout;
  /// Names the clock that `now` is of: the same number when a broker starts again on a host that has been up since. 0: nobody knows.
  std::uint64_t clock = 0;

  /// A lease's life without renewal, by its holder's clock.
  Millis lease_ttl = 30s;
  /// The owner ends a lease that much later, so that the holder has surely stopped.
  Millis lease_margin = 1s;
  /// A grant older than this that a RENEW does not name never arrived.
  Millis run_lost_after = 3s;
  /// A session that had nothing to do for so long is given back.
  Millis idle_lease_after = 5s;

  /// Per queue. Grants stop while outputs that were not yet taken exceed it.
  Bytes output_budget_bytes = Bytes{256U << 20U};
  /// Per queue, of payloads kept. A SUBMIT beyond is refused with `resource_exhausted`.
  Bytes input_budget_bytes = Bytes{1U << 30U};
  std::uint64_t input_budget_chunks = 50'000'000;
  /// Of payloads in memory, of all jobs. Beyond, those that wait longest for their turn wait in the store, where it gives them back: see
  /// StoreInfo.
  Bytes resident_bytes = Bytes{32U << 20U};
  /// Batches of less stay in memory: what is known of each takes as much.
  Bytes least_paged_bytes = Bytes{4U << 10U};
  /// Per queue, of dead chunks kept: payloads and what is known of each. Beyond, a chunk that dies keeps no payload, and then nothing.
  Bytes dead_budget_bytes = Bytes{256U << 20U};
  /// Per queue, of what is kept only to be told: error texts of outputs not yet taken, and watchers. Beyond, errors have their code and no
  /// text, and following a job is refused with `resource_exhausted`.
  Bytes event_budget_bytes = Bytes{64U << 20U};
  /// What `resource_exhausted` tells the producer to wait.
  Millis retry_after = 100ms;
  /// The same where the store is full, which passes more slowly.
  Millis store_retry_after = 500ms;

  std::uint64_t max_chunk_bytes = 32U << 20U;
  std::uint64_t max_batch_bytes = 32U << 20U;
  std::uint64_t max_batch_chunks = 65'536;
  /// What a producer may have sent and not yet got an answer for.
  std::uint64_t credit_chunks = 1U << 20U;
  std::uint64_t credit_bytes = 64U << 20U;

  /// How much work a grant aims at, and how many chunks it has at most.
  Micros grant_target = 50ms;
  /// What the payloads of a grant, or by what is known of the job its outputs, sum up to at most; one larger chunk still goes. Each travels
  /// as one frame, which has its limit.
  std::uint64_t max_grant_bytes = 48U << 20U;
  std::uint32_t max_grant_chunks = 4096;
  /// How many chunks a grant has while nobody knows what one takes.
  std::uint32_t first_grant_chunks = 8;
  /// Another session is asked for while more work than this is ready per session.
  Micros session_target = 100ms;

  /// Where there are fewer places than want one: how long a session has its place before it is another's turn.
  Millis turn = 500ms;
  /// Of tenants, by name; others have 1.
  std::map<std::string, double> weights = {};

  Placement placement = Placement::spread;

  /// After a session that did not come up, before the next one for its pipeline; doubles up to the second.
  Millis lease_retry_initial = 100ms;
  Millis lease_retry_max = 5s;

  /// Ended jobs, with the outputs nobody took, are kept so long, and so many of them.
  Millis ended_jobs_age = 1h;
  std::uint64_t ended_jobs_count = 1000;
  /// And so much of their outputs and dead chunks: the one that ended first is forgotten first.
  Bytes ended_jobs_bytes = Bytes{1U << 30U};
  /// A bundle that no live job uses.
  Millis bundle_age = 10min;
};

}  // namespace sublet::broker
