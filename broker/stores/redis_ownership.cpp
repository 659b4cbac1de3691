// Whose shard it is: taking it, keeping it, losing it, giving it back.

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "broker/stores/record_codec.hpp"
#include "broker/stores/redis_scripts.hpp"
#include "broker/stores/redis_store.hpp"
#include "broker/stores/redis_tags.hpp"
#include "common/io/clock.hpp"

namespace sublet::broker {
namespace {

/// What one owner's unfinished commit may have left is looked for in steps of so many keys.
constexpr std::size_t kSweepStep = 64;
/// When a broker that finds the shard held asks again.
constexpr std::uint32_t kAskAgainMs = 200;

std::uint64_t decimal_of(std::string_view digits) {
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

Result<std::unique_ptr<RedisStore>> RedisStore::open(const RedisAddress& address, const RedisOptions& options, Random& random) {
  auto session = RedisSession::open(address, to_text(address), options.demanded, options.timing);
  if (!session) return std::unexpected(session.error());
  std::unique_ptr<RedisStore> store(new RedisStore(std::move(*session), options));
  if (auto taken = store->take(random); !taken) return std::unexpected(taken.error());
  return store;
}

RedisStore::~RedisStore() {
  if (lost_ || epoch_.empty() || !session_.is_up()) return;
  RespWriter writer;
  static_cast<void>(
      session_.call(writer.command("EVALSHA", session_.sha(RedisScript::release), "2", keys_.state, keys_.owner, epoch_).take()));
}

Result<void> RedisStore::take(Random& random) {
  // Drawn apart: 0 is no id, and the epoch's random half must not be guessable from the store's id.
  const auto id = std::max<std::uint64_t>(1, random.next());
  const auto secret = to_hex(random.next());
  const auto sent = io::now();
  RespWriter writer;
  writer.command("TYPE", keys_.state).command("TYPE", keys_.owner);
  writer.command("EVALSHA", session_.sha(RedisScript::take), "2", keys_.state, keys_.owner, kRecordSchema, std::to_string(id), secret,
                 options_.holder, std::to_string(options_.hold.count()));
  const auto replies = session_.call(writer.take());
  if (!replies) return std::unexpected(replies.error());
  const auto check_type = [&](std::size_t index, std::string_view key, std::string_view wanted) -> Result<void> {
    const auto type = (*replies)[index].text();
    if (type == wanted || type == "none" || (*replies)[index].is_error()) return {};
    return unreadable(key, fmt::format("it is a {} of somebody else's", type));
  };
  if (auto state = check_type(0, keys_.state, "hash"); !state) return state;
  if (auto owner = check_type(1, keys_.owner, "string"); !owner) return owner;
  const auto& reply = replies->back();
  if (reply.is_error()) return std::unexpected(error_of(session_.name(), reply.text()));
  const auto word = reply.size() > 1 ? reply.at(0).text() : std::string_view();
  if (word == "held") {
    return std::unexpected(
        Error{.code = ErrorCode::not_owner,
              .detail = fmt::format("{}: shard {} is served under epoch {}", session_.name(), options_.shard, reply.at(1).text()),
              .retry_after_ms = kAskAgainMs});
  }
  if (word == "schema") {
    return fail(
        ErrorCode::store_unavailable,
        fmt::format("{}: {} holds records of schema \"{}\" and this broker keeps schema {}; run the broker that wrote them, or give "
                    "this one another database",
                    session_.name(), keys_.state, reply.at(1).text(), kRecordSchema));
  }
  if (word != "taken" || reply.size() != 4) return unreadable(keys_.state, "taking the shard was answered by nothing we know");
  epoch_ = reply.at(1).text();
  renewed_at_ = renewal_sent_ = sent;
  renewal_generation_ = session_.generation();
  const auto given = std::min(durability_of(session_.facts()), Durability::fsync);
  info_ = {.id = decimal_of(reply.at(2).text()),
           .durable = true,
           .name = session_.name(),
           .durability = options_.demanded == Durability::replicated ? Durability::replicated : given,
           .pages = true};
  return sweep(reply.at(3).text());
}

Result<void> RedisStore::sweep(std::string_view unswept) {
  // "EPOCH:NUMBER " of every owner that did not see its last commit through. The large bytes of a commit are numbered without gaps.
  const bool anything = !unswept.empty();
  while (!unswept.empty()) {
    const auto commit = unswept.substr(0, unswept.find(' '));
    unswept.remove_prefix(std::min(commit.size() + 1, unswept.size()));
    for (std::size_t first = 0;; first += kSweepStep) {
      RespWriter writer;
      writer.begin(1 + kSweepStep).add("DEL");
      for (std::size_t index = first; index < first + kSweepStep; ++index) writer.add(keys_.blob(fmt::format("{}:{}", commit, index)));
      const auto replies = session_.call(writer.take());
      if (!replies) return std::unexpected(replies.error());
      if (replies->front().is_error()) return std::unexpected(error_of(session_.name(), replies->front().text()));
      if (replies->front().integer() < static_cast<std::int64_t>(kSweepStep)) break;
    }
  }
  if (!anything) return {};
  RespWriter writer;
  const auto cleared = session_.call(writer.command("HDEL", keys_.state, "!unswept").take());
  return cleared ? Result<void>() : std::unexpected(cleared.error());
}

void RedisStore::renew(Instant now) {
  if (lost_ || !session_.is_up()) return;
  // An answer that was under way when the connection broke never comes.
  const bool same_connection = renewal_generation_ == session_.generation();
  if (renewing_ && same_connection) return;
  renewing_ = false;
  if (now < renewal_sent_ + options_.renew_interval && same_connection) return;
  send_renewal(now, false);
}

void RedisStore::send_renewal(Instant now, bool when_full) {
  const auto script = when_full ? RedisScript::renew_when_full : RedisScript::renew;
  RespWriter writer;
  writer.command("EVALSHA", session_.sha(script), "2", keys_.state, keys_.owner, epoch_, fmt::format("{} {}", epoch_, options_.holder),
                 std::to_string(options_.hold.count()));
  session_.send(kRenewTag, writer.take());
  session_.pump(now);
  renewing_ = true;
  renewing_when_full_ = when_full;
  renewal_sent_ = now;
  renewal_generation_ = session_.generation();
}

void RedisStore::renewed(const RedisReply& reply, Instant now) {
  renewing_ = false;
  if (!reply.is_error()) {
    if (reply.integer() == 0) return lose("another broker has taken it over");
    renewed_at_ = renewal_sent_;
    // Whoever asks as everybody else does and is let in shows that there is room again.
    if (!renewing_when_full_) full_ = false;
    if (!commit_) trouble_.reset();
    return;
  }
  switch (fault_of(reply.text())) {
    case RedisFault::full:
      full_ = true;
      return send_renewal(now, true);
    case RedisFault::no_script:
      session_.load_scripts();
      return send_renewal(now, renewing_when_full_);
    default:
      trouble_ = error_of(session_.name(), reply.text());
  }
}

void RedisStore::lose(std::string why) {
  if (std::exchange(lost_, true)) return;
  health_.reason = {.code = ErrorCode::not_owner,
                    .detail = fmt::format("{}: shard {} is no longer this broker's: {}", session_.name(), options_.shard, why)};
  if (commit_) answer(std::unexpected(health_.reason));
}

void RedisStore::judge_health(Instant now) {
  health_.full = full_;
  if (lost_) {
    health_.ready = false;
    return;
  }
  const bool held = now < renewed_at_ + options_.hold;
  health_.ready = session_.is_up() && held && !trouble_;
  if (health_.ready) return;
  if (trouble_) {
    health_.reason = *trouble_;
  } else if (!session_.is_up()) {
    health_.reason = session_.reason();
  } else {
    health_.reason = {.code = ErrorCode::store_unavailable,
                      .detail = fmt::format("{}: the hold on shard {} waits to be renewed", session_.name(), options_.shard)};
  }
}

}  // namespace sublet::broker
