#include "broker/stores/redis_store.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "broker/stores/redis_scripts.hpp"
#include "broker/stores/redis_tags.hpp"
#include "common/io/clock.hpp"

namespace sublet::broker {
namespace {

constexpr Millis kFirstBackoff = 10ms;
constexpr Millis kMaxBackoff = 500ms;
/// WAIT holds up what is sent behind it, the renewal of the hold included.
constexpr std::string_view kReplicaWaitMs = "300";

/// The first error among the answers to a commit's commands; that of EXEC says only that there was one before it.
std::optional<std::string> first_error(const std::vector<RedisReply>& replies) {
  for (const auto& reply : replies) {
    if (reply.is_error()) return std::string(reply.text());
    for (std::size_t index = 0; index < reply.size(); ++index) {
      if (reply.at(index).is_error()) return std::string(reply.at(index).text());
    }
  }
  return std::nullopt;
}

/// What the script said: alone, or last in a transaction.
CommitAnswer script_answer(const RedisReply& reply) {
  return static_cast<CommitAnswer>(reply.size() > 0 ? reply.at(reply.size() - 1).integer() : reply.integer());
}

}  // namespace

RedisStore::RedisStore(RedisSession session, const RedisOptions& options)
    : options_(options), keys_(options.shard), session_(std::move(session)) {}

void RedisStore::begin(Commit commit) {
  if (lost_) {
    answer_ = {.number = commit.number, .outcome = std::unexpected(health_.reason), .refused = {}};
    return;
  }
  if (commit.number == last_number_ && commit.number != 0) {
    answer_ = {.number = commit.number, .outcome = {}, .refused = {}};
    return;
  }
  if (commit.number != last_number_ + 1) {
    auto outcome =
        fail(ErrorCode::store_unavailable, fmt::format("commit {} does not follow commit {}; load again", commit.number, last_number_));
    answer_ = {.number = commit.number, .outcome = std::move(outcome), .refused = {}};
    return;
  }
  commit_ = std::move(commit);
  encoded_when_full_ = full_ && commit_->draining;
  encoded_ = {};
  commit_generation_ = 0;
  taken_ = false;
  pump();
}

std::optional<CommitResult> RedisStore::finished() {
  if (!answer_) pump();
  return std::exchange(answer_, std::nullopt);
}

void RedisStore::pump() {
  const auto now = io::now();
  session_.pump(now);
  // Redis may answer before the sending is over: what has been read already makes the descriptor readable no more.
  do {
    take_answers(now);
    renew(now);
    if (commit_ && !lost_ && session_.is_up() && commit_generation_ != session_.generation() && (!trouble_ || now >= retry_at_)) {
      send_commit(now);
    }
    ask_for_payloads(now);
    look_at_settings(now);
  } while (session_.has_answers());
  session_.wake_at(next_wake());
  judge_health(now);
}

void RedisStore::take_answers(Instant now) {
  while (auto done = session_.next()) {
    if (done->tag == kRenewTag) {
      renewed(done->replies.front(), now);
    } else if (done->tag == kCommitTag && commit_) {
      committed(done->replies, now);
    } else if (done->tag == kWaitTag && commit_) {
      accepted_by(done->replies.front(), now);
    } else if (done->tag == kFetchTag) {
      take_payloads(done->replies);
    } else if (done->tag == kLookTag) {
      take_settings(done->replies);
    }
  }
}

Instant RedisStore::next_wake() const {
  // What waits for an answer, or for the connection, is woken by those.
  if (lost_ || !session_.is_up()) return Instant::max();
  auto next = renewing_ ? Instant::max() : renewal_sent_ + options_.renew_interval;
  next = std::min<Instant>(next, looked_at_ + options_.look_interval);
  if (commit_ && trouble_ && commit_generation_ == 0) next = std::min(next, retry_at_);
  if (!wanted_.empty()) next = std::min(next, ask_at_);
  return next;
}

void RedisStore::send_commit(Instant now) {
  if (encoded_.commands.replies == 0) {
    const CommitShape shape{.epoch = epoch_,
                            .number = commit_->number,
                            .script = session_.sha(encoded_when_full_ ? RedisScript::commit_when_full : RedisScript::commit),
                            .when_full = encoded_when_full_,
                            .compression = options_.compression};
    encoded_ = encode_commit(keys_, shape, commit_->writes, blobs_);
  }
  commit_generation_ = session_.generation();
  session_.send(kCommitTag, encoded_.commands);
  // Its replicas are asked in the same go.
  if (options_.demanded == Durability::replicated) ask_replicas();
  session_.pump(now);
}

void RedisStore::ask_replicas() {
  RespWriter writer;
  session_.send(kWaitTag, writer.command("WAIT", std::to_string(options_.replicas), kReplicaWaitMs).take());
}

void RedisStore::committed(const std::vector<RedisReply>& replies, Instant now) {
  if (const auto error = first_error(replies)) return refused(*error, now);
  switch (script_answer(replies.back())) {
    case CommitAnswer::taken:
    case CommitAnswer::again:
      trouble_.reset();
      backoff_ = 0ms;
      taken_ = true;
      if (options_.demanded != Durability::replicated) accepted();
      return;
    case CommitAnswer::incomplete:
      return retry({.code = ErrorCode::store_unavailable, .detail = fmt::format("{}: it took a commit in parts", session_.name())}, now);
    case CommitAnswer::stale:
      return lose("another broker has taken it over");
    case CommitAnswer::gap:
      break;
  }
  // A Redis that lost its last writes: what is in memory is ahead of what is stored.
  lose(fmt::format("Redis does not hold the commit before number {}", commit_->number));
}

void RedisStore::refused(std::string_view error, Instant now) {
  switch (fault_of(error)) {
    case RedisFault::full:
      full_ = true;
      if (!commit_->draining) return answer(std::unexpected(error_of(session_.name(), error)));
      encoded_when_full_ = true;
      encoded_ = {};
      commit_generation_ = 0;
      trouble_.reset();
      return;
    case RedisFault::no_script:
      session_.load_scripts();
      commit_generation_ = 0;
      return;
    case RedisFault::passing:
    case RedisFault::refused:
      return retry(error_of(session_.name(), error), now);
    case RedisFault::broken:
      break;
  }
  auto broken = error_of(session_.name(), error);
  broken.detail = fmt::format("{} (commit {} of {})", broken.detail, commit_->number, keys_.state);
  answer(std::unexpected(std::move(broken)));
}

void RedisStore::accepted_by(const RedisReply& reply, Instant now) {
  // The commit was not taken: what became of it has been dealt with.
  if (!taken_) return;
  if (reply.integer() >= std::int64_t{options_.replicas}) {
    trouble_.reset();
    return accepted();
  }
  const auto count = reply.is_error() ? std::string(reply.text()) : fmt::format("{} replicas confirmed it", reply.integer());
  retry({.code = ErrorCode::store_unavailable,
         .detail = fmt::format("{}: commit {} waits for {} replicas: {}; look after the replicas", session_.name(), commit_->number,
                               options_.replicas, count)},
        now);
}

void RedisStore::accepted() {
  for (auto& [field, name] : encoded_.blobs) {
    if (name.empty()) {
      blobs_.erase(field);
    } else {
      blobs_.insert_or_assign(std::move(field), std::move(name));
    }
  }
  last_number_ = commit_->number;
  answer({});
}

void RedisStore::answer(Result<void> outcome) {
  answer_ = {.number = commit_->number, .outcome = std::move(outcome), .refused = {}};
  if (!answer_->outcome && answer_->outcome.error().code == ErrorCode::resource_exhausted) answer_->refused = std::move(*commit_);
  commit_.reset();
  encoded_ = {};
}

void RedisStore::retry(Error why, Instant now) {
  backoff_ = std::clamp(2 * backoff_, kFirstBackoff, kMaxBackoff);
  retry_at_ = now + backoff_;
  trouble_ = std::move(why);
  // Sent again whole: Redis knows by its number whether it has it.
  commit_generation_ = 0;
}

}  // namespace sublet::broker
