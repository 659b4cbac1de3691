#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/core/broker.hpp"
#include "common/random.hpp"

namespace sublet::broker::testing {

/// Small ascending numbers: ids that can be read, and a jitter of almost nothing.
class CountingRandom final : public Random {
 public:
  std::uint64_t next() override { return ++last_; }

 private:
  std::uint64_t last_ = 0;
};

/// A pipeline without stages, as it travels. Different names have different hashes.
struct TestBundle {
  ContentHash hash;
  Blob bytes;
};
TestBundle test_bundle(const std::string& name);

/// A broker with the store's side of it: keeps what was committed, and can start again from that.
class World {
 public:
  /// @param pages  the store gives payloads back that it was asked for: when `deliver` is called
  explicit World(BrokerOptions options = {}, bool pages = false);

  Step step(std::vector<Input> inputs = {});
  /// One message, answered by the sends of its step.
  std::vector<Send> say(PeerId peer, wire::Message message, Blob payload = {}, std::uint64_t request = 1);
  std::vector<Send> tick() { return step().sends; }
  /// What the store was asked for and has not given.
  std::vector<RecordKey> wanted;
  /// Gives all of it.
  std::vector<Send> deliver();
  /// Moves time on, with a step at every deadline on the way, and gathers the sends.
  std::vector<Send> pass(Millis time);
  /// The broker ends here and another one starts from the store.
  void restart();

  PeerId producer();
  PeerId worker(std::uint64_t instance, std::vector<wire::HeldLease> leases = {}, Token host = {});
  void offer(PeerId worker, std::uint32_t sessions, std::uint64_t bytes = 1U << 30U, std::uint64_t seen = 0);
  JobId open(PeerId producer, JobSpec spec = {}, const std::string& pipeline = "echo");
  std::vector<Send> submit(PeerId producer, JobId job, ChunkRange chunks, std::uint32_t size = 4);
  JobStatus status(PeerId producer, JobId job);
  /// The store gives something else from now on.
  void set_durability(Durability given) { broker_->set_durability(given); }
  [[nodiscard]] Statistics statistics() const { return broker_->statistics(now); }

  BrokerOptions options;
  bool pages = false;
  Durability durability = Durability::none;
  Instant now{1s};
  std::map<RecordKey, RecordValue> records;

 private:
  [[nodiscard]] StoreInfo store() const { return {.id = 7, .durable = false, .name = "test", .durability = durability, .pages = pages}; }
  void want(std::vector<RecordKey> payloads) { wanted.insert(wanted.end(), payloads.begin(), payloads.end()); }

  CountingRandom random_;
  std::unique_ptr<Broker> broker_;
  std::uint64_t last_peer_ = 0;
};

/// All messages of one type among `sends`.
template <class Message>
std::vector<Message> all_of(const std::vector<Send>& sends) {
  std::vector<Message> result;
  for (const auto& send : sends) {
    if (const auto* message = std::get_if<Message>(&send.message)) result.push_back(*message);
  }
  return result;
}

/// A settle of `run` in which every chunk has `code`, and `size` bytes of output when it is ok.
wire::Settle settle_of(const wire::Run& run, ErrorCode code = ErrorCode::ok, std::uint32_t size = 0);
Blob zeros(std::size_t size);
std::uint64_t chunk_count(const std::vector<ChunkRange>& ranges);

}  // namespace sublet::broker::testing
