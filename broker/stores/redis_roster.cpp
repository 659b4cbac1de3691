#include "broker/stores/redis_roster.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "broker/stores/redis_keys.hpp"
#include "broker/stores/redis_scripts.hpp"
#include "common/io/clock.hpp"

namespace sublet::broker {
namespace {

constexpr RedisSession::Tag kLook = 1;
constexpr std::string_view kSettings = "sublet:{cluster}:settings";
constexpr std::string_view kBrokers = "sublet:{cluster}:brokers";

template <class Number>
std::optional<Number> number_of(std::string_view digits) {
  Number value{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// A hold is "EPOCH ENDPOINT".
std::string holder_of(std::string_view hold) {
  const auto space = hold.find(' ');
  return std::string(space == std::string_view::npos ? hold : hold.substr(space + 1));
}

std::optional<ClusterRecord> record_of(const RedisReply& reply) {
  if (reply.size() != 5) return std::nullopt;
  const auto id = number_of<std::uint64_t>(reply.at(0).text());
  const auto shards = number_of<std::uint16_t>(reply.at(1).text());
  const auto spread = number_of<std::uint16_t>(reply.at(2).text());
  const auto stores = number_of<std::uint32_t>(reply.at(3).text());
  const auto place = number_of<std::uint32_t>(reply.at(4).text());
  if (!id || !shards || !spread || !stores || !place) return std::nullopt;
  if (*shards < 1 || *shards > kMaxShards || *spread < 1 || *spread > *shards) return std::nullopt;
  return ClusterRecord{.id = *id, .layout = {.shards = *shards, .spread = *spread}, .stores = *stores, .place = *place};
}

}  // namespace

Result<RedisRoster> RedisRoster::open(const RedisAddress& address, const ClusterWishes& wishes, std::uint32_t place,
                                      std::optional<ClusterRecord> first, const RosterOptions& options, Random& random) {
  auto session = RedisSession::open(address, to_text(address), options.demanded, options.timing);
  if (!session) return std::unexpected(session.error());
  RedisRoster roster(std::move(*session), options);
  if (auto taken = roster.take_part(wishes, place, first, random); !taken) return std::unexpected(taken.error());
  return roster;
}

Result<void> RedisRoster::take_part(const ClusterWishes& wishes, std::uint32_t place, std::optional<ClusterRecord> first, Random& random) {
  const auto layout = first ? first->layout : wishes.layout();
  const auto id = first ? first->id : std::max<std::uint64_t>(1, random.next());
  RespWriter writer;
  writer.command("EVALSHA", session_.sha(RedisScript::found_cluster), "1", kSettings, std::to_string(id), std::to_string(layout.shards),
                 std::to_string(layout.spread), std::to_string(wishes.stores), std::to_string(place));
  const auto replies = session_.call(writer.take());
  if (!replies) return std::unexpected(replies.error());
  const auto& reply = replies->front();
  if (reply.is_error()) return std::unexpected(error_of(session_.name(), reply.text()));
  const auto record = record_of(reply);
  if (!record) {
    return fail(
        ErrorCode::store_unavailable,
        fmt::format("{}: {} is no record of a cluster; use another database, or look who writes there", session_.name(), kSettings));
  }
  record_ = *record;
  for (std::uint32_t shard = place; shard < record_.layout.shards; shard += wishes.stores) {
    shards_.push_back(static_cast<ShardNumber>(shard));
  }
  return check_cluster(session_.name(), record_, wishes, place, first ? first->id : record_.id);
}

void RedisRoster::join(std::string endpoint) {
  endpoint_ = std::move(endpoint);
  joined_ = true;
  pump(io::now());
}

void RedisRoster::leave() {
  if (!std::exchange(joined_, false) || !session_.is_up()) return;
  RespWriter writer;
  session_.send(kLook, writer.command("ZREM", kBrokers, endpoint_).take());
  session_.pump(io::now());
}

void RedisRoster::pump(Instant now) {
  session_.pump(now);
  take_answers(now);
  if (!joined_ || !session_.is_up()) return;
  // An answer that was under way when the connection broke never comes.
  const bool waits = looking_ == session_.generation();
  if (!waits && now >= looked_ + options_.interval) {
    look(now);
    // Redis may have answered before the sending was over: what has been read already makes the descriptor readable no more.
    take_answers(now);
  }
  session_.wake_at(looking_ == session_.generation() ? Instant::max() : looked_ + options_.interval);
}

void RedisRoster::take_answers(Instant now) {
  while (auto answer = session_.next()) {
    looking_ = 0;
    read(answer->replies, now);
  }
}

void RedisRoster::look(Instant now) {
  looked_ = now;
  looking_ = session_.generation();
  RespWriter writer;
  writer.command("EVALSHA", session_.sha(RedisScript::show_life), "1", kBrokers, endpoint_, std::to_string(options_.expiry.count()));
  // One by one, since they lie in different slots of a Redis Cluster.
  for (const auto shard : shards_) writer.command("GET", RedisKeys(shard).owner);
  session_.send(kLook, writer.take());
  session_.pump(now);
}

void RedisRoster::read(const std::vector<RedisReply>& replies, Instant now) {
  if (replies.size() != 1 + shards_.size()) return;
  const auto refused = std::ranges::find_if(replies, [](const RedisReply& reply) { return reply.is_error(); });
  if (refused != replies.end()) {
    if (fault_of(refused->text()) == RedisFault::no_script) return session_.load_scripts();
    const auto place = static_cast<std::size_t>(refused - replies.begin());
    const auto key = place == 0 ? std::string(kBrokers) : RedisKeys(shards_[place - 1]).owner;
    refusal_ = error_of(fmt::format("{}: {}", session_.name(), key), refused->text());
    return;
  }
  const auto& alive = replies.front();
  RedisSighting sighting;
  for (std::size_t index = 0; index < alive.size(); ++index) sighting.brokers.emplace_back(alive.at(index).text());
  for (std::size_t index = 0; index < shards_.size(); ++index) {
    sighting.owners[shards_[index]] = holder_of(replies[1 + index].text());
  }
  seen_ = now;
  refusal_.reset();
  sighting_ = std::move(sighting);
}

std::optional<Error> RedisRoster::trouble(Instant now) const {
  if (now < seen_ + options_.expiry) return std::nullopt;
  if (!session_.is_up()) return session_.reason();
  if (refusal_) return refusal_;
  return Error{.code = ErrorCode::store_unavailable, .detail = fmt::format("{}: no answer yet", session_.name()), .retry_after_ms = 200};
}

}  // namespace sublet::broker
