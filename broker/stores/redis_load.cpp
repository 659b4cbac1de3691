// Reading what a shard holds.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "broker/stores/record_codec.hpp"
#include "broker/stores/redis_store.hpp"

namespace sublet::broker {
namespace {

/// Fields asked for at a time: Redis serves nobody else meanwhile.
constexpr std::string_view kPage = "2048";
/// Large bytes asked for at a time, so that what is under way stays bounded.
constexpr std::size_t kBlobsAtATime = 256;

}  // namespace

std::unexpected<Error> RedisStore::unreadable(std::string_view key, std::string_view what) const {
  return fail(ErrorCode::store_unavailable,
              fmt::format("{}: {}: {}; use another database, or look who writes there", session_.name(), key, what));
}

Result<RedisStore::Records> RedisStore::load() {
  Records records;
  Pending pending;
  std::string cursor = "0";
  blobs_.clear();
  do {
    // Loading may take longer than the hold lasts without a renewal.
    pump();
    RespWriter writer;
    const auto replies = session_.call(writer.command("HSCAN", keys_.state, cursor, "COUNT", kPage).take());
    if (!replies) return std::unexpected(replies.error());
    const auto& reply = replies->front();
    if (reply.is_error()) return unreadable(keys_.state, reply.text());
    if (reply.size() != 2) return unreadable(keys_.state, "HSCAN was answered by nothing we know");
    if (auto read = read_page(reply.at(1), records, pending); !read) return std::unexpected(read.error());
    cursor = reply.at(0).text();
  } while (cursor != "0");
  // What was never handed out is read when its turn comes.
  std::erase_if(pending, [&](const auto& entry) {
    const RecordKey& key = entry.first;
    return key.kind == RecordKind::payload && !records.contains({.kind = RecordKind::runs, .owner = key.owner, .item = key.item});
  });
  if (auto read = read_blobs(pending, records); !read) return std::unexpected(read.error());
  return records;
}

Result<void> RedisStore::read_page(const RedisReply& page, Records& records, Pending& pending) {
  for (std::size_t index = 0; index + 1 < page.size(); index += 2) {
    const auto field = page.at(index).text();
    if (field.starts_with('!')) continue;
    const auto key = key_of(field);
    if (!key) return unreadable(keys_.state, fmt::format("field \"{}\" is no record's", field));
    const auto value = page.at(index + 1);
    if (!is_blob(key->kind)) {
      auto record = decode_record(key->kind, as_view(value.text()));
      if (!record) return unreadable(keys_.state, fmt::format("record \"{}\" cannot be read: {}", field, record.error().detail));
      records.insert_or_assign(*key, std::move(*record));
      continue;
    }
    const auto text = value.text();
    if (text.starts_with(kInlineTag)) {
      // A copy of its own, since the page's memory is much larger.
      records.insert_or_assign(*key, Blob::copy_of(as_view(text.substr(kInlineTag.size()))));
    } else if (text.starts_with(kNameTag)) {
      // A field may stand on two pages when the hash grows or shrinks meanwhile.
      auto name = std::string(text.substr(kNameTag.size()));
      if (blobs_.insert_or_assign(std::string(field), name).second) pending.emplace_back(*key, std::move(name));
    } else {
      return unreadable(keys_.state, fmt::format("record \"{}\" holds neither bytes nor the name of a key", field));
    }
  }
  return {};
}

Result<void> RedisStore::read_blobs(const Pending& pending, Records& records) {
  for (std::size_t first = 0; first < pending.size(); first += kBlobsAtATime) {
    const auto count = std::min(kBlobsAtATime, pending.size() - first);
    pump();
    RespWriter writer;
    for (std::size_t index = first; index < first + count; ++index) writer.command("GET", keys_.blob(pending[index].second));
    const auto replies = session_.call(writer.take());
    if (!replies) return std::unexpected(replies.error());
    for (std::size_t index = 0; index < count; ++index) {
      const auto& [key, name] = pending[first + index];
      const auto& reply = (*replies)[index];
      if (reply.is_error()) return unreadable(keys_.blob(name), reply.text());
      if (reply.kind() != RedisReply::Kind::text)
        return unreadable(keys_.blob(name), fmt::format("it is gone, and {} names it", field_of(key)));
      auto bytes = unpack(reply.blob());
      if (!bytes) return unreadable(keys_.blob(name), bytes.error().detail);
      records.insert_or_assign(key, std::move(*bytes));
    }
  }
  return {};
}

Result<RecordValue> RedisStore::fetch(const RecordKey& key) {
  const auto field = field_of(key);
  RespWriter writer;
  const auto replies = session_.call(writer.command("HGET", keys_.state, field).take());
  if (!replies) return std::unexpected(replies.error());
  const auto& reply = replies->front();
  if (reply.is_error()) return unreadable(keys_.state, reply.text());
  if (reply.kind() != RedisReply::Kind::text) return fail(ErrorCode::not_found, fmt::format("{}: no record \"{}\"", keys_.state, field));
  if (!is_blob(key.kind)) {
    auto record = decode_record(key.kind, as_view(reply.text()));
    if (!record) return unreadable(keys_.state, fmt::format("record \"{}\" cannot be read: {}", field, record.error().detail));
    return record;
  }
  if (reply.text().starts_with(kInlineTag))
    return RecordValue(reply.blob().slice(kInlineTag.size(), reply.text().size() - kInlineTag.size()));
  Records records;
  if (auto read = read_blobs({{key, std::string(reply.text().substr(kNameTag.size()))}}, records); !read)
    return std::unexpected(read.error());
  return std::move(records.begin()->second);
}

}  // namespace sublet::broker
