// What the settings of Redis give: they may be changed while it serves.

#include <algorithm>

#include "broker/stores/redis_store.hpp"
#include "broker/stores/redis_tags.hpp"

namespace sublet::broker {

void RedisStore::look_at_settings(Instant now) {
  if (lost_ || !session_.is_up()) return;
  // Every connection begins with a look. An answer that was under way when the last one broke never comes.
  if (looked_generation_ != session_.generation()) {
    looked_generation_ = session_.generation();
    looked_at_ = now;
    return judge_settings(session_.facts());
  }
  if (now < looked_at_ + options_.look_interval) return;
  looked_at_ = now;
  RespWriter writer;
  writer.command("CONFIG", "GET", "appendfsync").command("INFO");
  session_.send(kLookTag, writer.take());
  session_.pump(now);
}

void RedisStore::take_settings(const std::vector<RedisReply>& replies) {
  const auto& config = replies.front();
  const auto& info = replies.back();
  if (info.is_error()) return;
  judge_settings(read_facts(info.text(), config.size() == 2 ? config.at(1).text() : std::string_view()));
}

void RedisStore::judge_settings(const RedisFacts& facts) {
  const auto given = durability_of(facts);
  const bool less = given < std::min(info_.durability, Durability::fsync);
  health_.weakened = less ? std::optional(given) : std::nullopt;
}

}  // namespace sublet::broker
