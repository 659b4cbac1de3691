#include "broker/stores/redis_commit.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "broker/stores/record_codec.hpp"

namespace sublet::broker {
namespace {

/// A field's new value: `text`, and behind it the bytes of `blob`.
struct FieldWrite {
  std::string field;
  std::string text;
  Blob blob;
};

/// Of several writes to one record the last counts: the script writes nothing twice.
std::vector<const Write*> last_writes(const std::vector<Write>& writes) {
  std::vector<const Write*> last;
  last.reserve(writes.size());
  for (const auto& write : writes) last.push_back(&write);
  const auto by_key = [](const Write* write) -> const RecordKey& { return write->key; };
  std::ranges::stable_sort(last, {}, by_key);
  std::size_t kept = 0;
  for (std::size_t index = 0; index < last.size(); ++index) {
    if (index + 1 < last.size() && last[index + 1]->key == last[index]->key) continue;
    last[kept++] = last[index];
  }
  last.resize(kept);
  return last;
}

class Encoder {
 public:
  Encoder(const RedisKeys& keys, const CommitShape& shape, const RedisBlobs& known) : keys_(keys), shape_(shape), known_(known) {}

  EncodedCommit encode(const std::vector<Write>& writes) {
    for (const auto* write : last_writes(writes)) add(*write);
    const bool has_sets = !fresh_.empty();
    RespWriter call;
    if (has_sets) call.command("MULTI");
    auto commands = call.take();
    append(commands, sets_.take());
    write_call(call);
    if (has_sets) call.command("EXEC");
    append(commands, call.take());
    return {.commands = std::move(commands), .blobs = std::move(learned_)};
  }

 private:
  static void append(RespCommands& commands, RespCommands more) {
    commands.pieces.insert(commands.pieces.end(), more.pieces.begin(), more.pieces.end());
    commands.replies += more.replies;
  }

  void add(const Write& write) {
    auto field = field_of(write.key);
    const bool large = is_blob(write.key.kind);
    if (large) forget(field);
    if (std::holds_alternative<Erase>(write.value)) {
      erased_.push_back(std::move(field));
    } else if (large) {
      add_blob(std::move(field), std::get<Blob>(write.value));
    } else {
      std::vector<std::byte> bytes;
      encode_record(write.value, bytes);
      fields_.push_back({.field = std::move(field), .text = std::string(as_text(bytes)), .blob = {}});
    }
  }

  /// The bytes that the record had before.
  void forget(const std::string& field) {
    const auto before = known_.find(field);
    if (before == known_.end()) return;
    doomed_.push_back(keys_.blob(before->second));
    learned_.emplace_back(field, "");
  }

  void add_blob(std::string field, const Blob& blob) {
    if (shape_.when_full || blob.size() <= kInlineBytes) {
      fields_.push_back({.field = std::move(field), .text = std::string(kInlineTag), .blob = blob});
      return;
    }
    auto name = fmt::format("{}:{}:{}", shape_.epoch, shape_.number, fresh_.size());
    auto key = keys_.blob(name);
    const auto packed = pack(blob, shape_.compression);
    sets_.begin(3).add("SET").add(key).add(packed.tag, packed.bytes);
    fresh_.push_back(std::move(key));
    fields_.push_back({.field = field, .text = std::string(kNameTag) + name, .blob = {}});
    learned_.emplace_back(std::move(field), std::move(name));
  }

  void write_call(RespWriter& out) const {
    const auto keys = 1 + fresh_.size() + doomed_.size();
    out.begin(3 + keys + 5 + 2 * fields_.size() + erased_.size());
    out.add("EVALSHA").add(shape_.script).add(std::to_string(keys)).add(keys_.state);
    for (const auto& key : fresh_) out.add(key);
    for (const auto& key : doomed_) out.add(key);
    out.add(shape_.epoch).add(std::to_string(shape_.number)).add(std::to_string(shape_.number - 1));
    out.add(std::to_string(fresh_.size())).add(std::to_string(fields_.size()));
    for (const auto& write : fields_) out.add(write.field).add(write.text, write.blob);
    for (const auto& field : erased_) out.add(field);
  }

  const RedisKeys& keys_;
  const CommitShape& shape_;
  const RedisBlobs& known_;
  RespWriter sets_;
  std::vector<std::string> fresh_;
  std::vector<std::string> doomed_;
  std::vector<FieldWrite> fields_;
  std::vector<std::string> erased_;
  std::vector<std::pair<std::string, std::string>> learned_;
};

}  // namespace

EncodedCommit encode_commit(const RedisKeys& keys, const CommitShape& shape, const std::vector<Write>& writes, const RedisBlobs& blobs) {
  return Encoder(keys, shape, blobs).encode(writes);
}

}  // namespace sublet::broker
