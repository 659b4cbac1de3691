#include "broker/stores/redis_commit.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "broker/stores/record_codec.hpp"
#include "broker/stores/redis_scripts.hpp"

namespace sublet::broker {
namespace {

/// A field's new value: `text`, and behind it the bytes of `blob`.
struct FieldWrite {
  std::string field;
  std::string text;
  Blob blob;
};

/// What one call of the script does.
struct Part {
  std::vector<std::string> fresh;
  std::vector<std::string> doomed;
  std::vector<FieldWrite> fields;
  std::vector<std::string> erased;

  [[nodiscard]] std::size_t size() const { return fields.size() + erased.size(); }
  [[nodiscard]] std::size_t keys() const { return 1 + fresh.size() + doomed.size(); }
};

/// Of several writes to one record the last counts: within a call of the script nothing is written twice.
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
    std::vector<RespCommands> sets;
    if (sets_ > 0) sets.push_back(out_.take());
    const bool together = parts_.size() > 1 || sets_ > 0;
    if (together) out_.command("MULTI");
    auto commands = out_.take();
    for (auto& set : sets) append(commands, std::move(set));
    for (const auto& part : parts_) write_call(part, &part == &parts_.back());
    if (together) out_.command("EXEC");
    append(commands, out_.take());
    return {.commands = std::move(commands), .blobs = std::move(learned_)};
  }

 private:
  static void append(RespCommands& commands, RespCommands more) {
    commands.pieces.insert(commands.pieces.end(), more.pieces.begin(), more.pieces.end());
    commands.replies += more.replies;
  }

  void add(const Write& write) {
    if (!shape_.when_full && parts_.back().size() >= kWritesPerCall) parts_.emplace_back();
    auto& part = parts_.back();
    auto field = field_of(write.key);
    const bool large = is_blob(write.key.kind);
    if (large) forget(part, field);
    if (std::holds_alternative<Erase>(write.value)) {
      part.erased.push_back(std::move(field));
    } else if (large) {
      add_blob(part, std::move(field), std::get<Blob>(write.value));
    } else {
      std::vector<std::byte> bytes;
      encode_record(write.value, bytes);
      part.fields.push_back({.field = std::move(field), .text = std::string(as_text(bytes)), .blob = {}});
    }
  }

  /// The bytes that the record had before.
  void forget(Part& part, const std::string& field) {
    const auto before = known_.find(field);
    if (before == known_.end()) return;
    part.doomed.push_back(keys_.blob(before->second));
    learned_.emplace_back(field, "");
  }

  void add_blob(Part& part, std::string field, const Blob& blob) {
    if (shape_.when_full || blob.size() <= kInlineBytes) {
      part.fields.push_back({.field = std::move(field), .text = std::string(kInlineTag), .blob = blob});
      return;
    }
    auto name = fmt::format("{}:{}:{}", shape_.epoch, shape_.number, sets_++);
    auto key = keys_.blob(name);
    out_.begin(3).add("SET").add(key).add("", blob);
    part.fresh.push_back(std::move(key));
    part.fields.push_back({.field = field, .text = std::string(kNameTag) + name, .blob = {}});
    learned_.emplace_back(std::move(field), std::move(name));
  }

  void write_call(const Part& part, bool is_last) {
    const auto number = std::to_string(shape_.number);
    out_.begin(3 + part.keys() + 6 + 2 * part.fields.size() + part.erased.size());
    out_.add("EVALSHA").add(shape_.script).add(std::to_string(part.keys())).add(keys_.state);
    for (const auto& key : part.fresh) out_.add(key);
    for (const auto& key : part.doomed) out_.add(key);
    out_.add(shape_.epoch).add(number).add(std::to_string(shape_.number - 1)).add(is_last ? "1" : "0");
    out_.add(std::to_string(part.fresh.size())).add(std::to_string(part.fields.size()));
    for (const auto& write : part.fields) out_.add(write.field).add(write.text, write.blob);
    for (const auto& field : part.erased) out_.add(field);
  }

  const RedisKeys& keys_;
  const CommitShape& shape_;
  const RedisBlobs& known_;
  RespWriter out_;
  std::size_t sets_ = 0;
  std::vector<Part> parts_{1};
  std::vector<std::pair<std::string, std::string>> learned_;
};

}  // namespace

EncodedCommit encode_commit(const RedisKeys& keys, const CommitShape& shape, const std::vector<Write>& writes, const RedisBlobs& blobs) {
  return Encoder(keys, shape, blobs).encode(writes);
}

}  // namespace sublet::broker
