#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/stores/redis_commit.hpp"
#include "broker/stores/redis_keys.hpp"
#include "broker/stores/redis_session.hpp"
#include "broker/stores/redis_url.hpp"
#include "broker/stores/store.hpp"
#include "common/error.hpp"
#include "common/random.hpp"
#include "common/shard.hpp"
#include "common/time.hpp"

namespace sublet::broker {

struct RedisOptions {
  ShardNumber shard = 0;
  /// Who serves the shard: the control endpoint that peers of a broker without it are sent to.
  std::string holder = "a broker";
  /// The least that a commit which was answered has to survive.
  Durability demanded = Durability::fast;
  /// With `replicated`: how many replicas have to confirm a commit.
  std::uint32_t replicas = 1;
  /// Others leave the shard alone for so long after the last renewal. Nothing but politeness depends on it: what keeps a broker that was
  /// thought dead from doing harm is the epoch, which every commit names.
  Millis hold = 1500ms;
  Millis renew_interval = 500ms;
  /// How often it is looked whether the settings of Redis still give what they gave at the opening.
  Millis look_interval = 60s;
  RedisTiming timing = {};
  Compression compression = Compression::none;
};

/// Keeps one shard in Redis, as its owner. Every commit is one transaction that names the owner's epoch and the commit's number, so that a
/// lost answer is simply asked for again and an owner that was replaced changes nothing. docs/guarantees.md tells what is promised.
class RedisStore final : public Store {
 public:
  /// Connects, checks that jobs may be kept there, and takes the shard. `not_owner` with `retry_after_ms`: another broker holds it;
  /// `store_unavailable` with `retry_after_ms`: Redis is still loading, say.
  static Result<std::unique_ptr<RedisStore>> open(const RedisAddress& address, const RedisOptions& options, Random& random);
  /// Gives the hold back.
  ~RedisStore() override;
  RedisStore(const RedisStore&) = delete;
  RedisStore& operator=(const RedisStore&) = delete;

  [[nodiscard]] StoreInfo info() const override { return info_; }
  Result<std::map<RecordKey, RecordValue>> load() override;
  void begin(Commit commit) override;
  std::optional<CommitResult> finished() override;
  [[nodiscard]] int fd() const override { return session_.fd(); }
  [[nodiscard]] const StoreHealth& health() const override { return health_; }
  Result<RecordValue> fetch(const RecordKey& key) override;
  void want(std::vector<RecordKey> payloads) override;
  std::vector<FetchedPayload> fetched() override { return std::exchange(fetched_, {}); }

 private:
  RedisStore(RedisSession session, const RedisOptions& options);

  // redis_ownership.cpp: whose shard it is
  Result<void> take(Random& random);
  Result<void> sweep(std::string_view unswept);
  void renew(Instant now);
  void send_renewal(Instant now, bool when_full);
  void renewed(const RedisReply& reply, Instant now);
  void lose(std::string why);
  void judge_health(Instant now);

  // redis_store.cpp: commits
  void pump();
  void take_answers(Instant now);
  [[nodiscard]] Instant next_wake() const;
  void send_commit(Instant now);
  void ask_replicas();
  void accepted_by(const RedisReply& reply, Instant now);
  void committed(const std::vector<RedisReply>& replies, Instant now);
  void refused(std::string_view error, Instant now);
  void accepted();
  void answer(Result<void> outcome);
  void retry(Error why, Instant now);

  // redis_settings.cpp: what the settings of Redis give
  void look_at_settings(Instant now);
  void take_settings(const std::vector<RedisReply>& replies);
  void judge_settings(const RedisFacts& facts);

  // redis_paging.cpp: payloads that are asked for
  void ask_for_payloads(Instant now);
  void take_payloads(const std::vector<RedisReply>& replies);

  // redis_load.cpp: what is there
  using Records = std::map<RecordKey, RecordValue>;
  using Pending = std::vector<std::pair<RecordKey, std::string>>;
  Result<void> read_page(const RedisReply& page, Records& records, Pending& pending);
  Result<void> read_blobs(const Pending& pending, Records& records);
  [[nodiscard]] std::unexpected<Error> unreadable(std::string_view key, std::string_view what) const;

  RedisOptions options_;
  RedisKeys keys_;
  RedisSession session_;
  StoreInfo info_;
  StoreHealth health_;
  RedisBlobs blobs_;

  std::string epoch_;
  bool lost_ = false;
  /// The renewal that succeeded last, and the one that was sent last, by the time of sending.
  Instant renewed_at_;
  Instant renewal_sent_;
  std::uint64_t renewal_generation_ = 0;
  bool renewing_ = false;
  bool renewing_when_full_ = false;
  bool full_ = false;
  /// The last look at the settings, and the connection that began with one.
  Instant looked_at_;
  std::uint64_t looked_generation_ = 0;

  std::optional<Commit> commit_;
  EncodedCommit encoded_;
  bool encoded_when_full_ = false;
  /// The connection that the commit in flight was sent over; 0 when it waits to be sent.
  std::uint64_t commit_generation_ = 0;
  /// Taken by Redis, and waits for replicas only.
  bool taken_ = false;
  std::optional<Error> trouble_;
  Instant retry_at_;
  Millis backoff_ = 0ms;
  std::uint64_t last_number_ = 0;
  std::optional<CommitResult> answer_;

  /// Payloads that are to be asked for, and those that were, by request, over which connection.
  std::vector<RecordKey> wanted_;
  std::deque<std::vector<RecordKey>> asked_;
  std::uint64_t asked_generation_ = 0;
  Instant ask_at_;
  std::vector<FetchedPayload> fetched_;
};

}  // namespace sublet::broker
