// Payloads that the broker had no room for, given back.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "broker/stores/record_codec.hpp"
#include "broker/stores/redis_store.hpp"
#include "broker/stores/redis_tags.hpp"
#include "common/io/clock.hpp"

namespace sublet::broker {
namespace {

/// After a Redis that is busy, say, has refused.
constexpr Millis kAskAgain = 50ms;

/// A copy, apart from the other answers, which came in one piece of memory.
/// @param is_apart  under a key of its own, rather than in its record's field
Result<Blob> payload_in(const RedisReply& reply, bool is_apart) {
  if (!is_apart) return Blob::copy_of(as_view(reply.text().substr(std::min(kInlineTag.size(), reply.text().size()))));
  const auto stored = reply.blob();
  auto bytes = unpack(stored);
  return bytes && bytes->owner() == stored.owner() ? Result<Blob>(Blob::copy_of(bytes->view())) : std::move(bytes);
}

}  // namespace

void RedisStore::want(std::vector<RecordKey> payloads) {
  if (payloads.empty()) return;
  wanted_.insert(wanted_.end(), payloads.begin(), payloads.end());
  // They are asked for by the next `finished`, which also takes what is answered at once.
  session_.wake_at(io::now());
}

void RedisStore::ask_for_payloads(Instant now) {
  if (lost_ || !session_.is_up()) return;
  if (asked_generation_ != session_.generation()) {
    // What was asked over a connection that broke is not answered any more.
    for (auto& payloads : asked_) wanted_.insert(wanted_.end(), payloads.begin(), payloads.end());
    asked_.clear();
    asked_generation_ = session_.generation();
  }
  if (wanted_.empty() || now < ask_at_) return;
  RespWriter writer;
  for (const auto& key : wanted_) {
    const auto field = field_of(key);
    const auto name = blobs_.find(field);
    if (name == blobs_.end()) {
      writer.command("HGET", keys_.state, field);
    } else {
      writer.command("GET", keys_.blob(name->second));
    }
  }
  asked_.push_back(std::exchange(wanted_, {}));
  session_.send(kFetchTag, writer.take());
  session_.pump(now);
}

void RedisStore::take_payloads(const std::vector<RedisReply>& replies) {
  if (asked_.empty() || asked_.front().size() != replies.size()) return;
  const auto payloads = std::move(asked_.front());
  asked_.pop_front();
  for (std::size_t index = 0; index < payloads.size(); ++index) {
    const auto& reply = replies[index];
    if (reply.is_error() && fault_of(reply.text()) == RedisFault::passing) {
      wanted_.push_back(payloads[index]);
      ask_at_ = io::now() + kAskAgain;
      continue;
    }
    if (reply.is_error() || reply.kind() != RedisReply::Kind::text) {
      const auto what = reply.is_error() ? std::string(reply.text()) : std::string("it is gone");
      fetched_.push_back({.key = payloads[index],
                          .bytes = fail(ErrorCode::payload_lost, fmt::format("{}: payload \"{}\": {}; look who deletes keys there",
                                                                             session_.name(), field_of(payloads[index]), what))});
      continue;
    }
    fetched_.push_back({.key = payloads[index], .bytes = payload_in(reply, blobs_.contains(field_of(payloads[index])))});
  }
}

}  // namespace sublet::broker
