#include "tests/broker/core/world.hpp"

#include <gtest/gtest.h>

#include "common/pipeline/pipeline.hpp"
#include "common/wire/bundle.hpp"

namespace sublet::broker::testing {

TestBundle test_bundle(const std::string& name) {
  Bundle bundle;
  bundle.pipeline.name = name;
  bundle.pipeline.buffers = {{.name = "data", .bytes = "n"}};
  bundle.pipeline.inputs = {"data"};
  bundle.pipeline.outputs = {{.buffer = "data"}};
  bundle.pipeline.lanes = name.starts_with("auto") ? 0 : 2;
  const auto bytes = wire::encode_bundle(bundle);
  return {.hash = wire::content_hash(bytes), .bytes = Blob::copy_of(bytes)};
}

World::World(BrokerOptions asked, bool asked_to_page)
    : options(asked), pages(asked_to_page), broker_(std::make_unique<Broker>(options, store(), random_)) {}

Step World::step(std::vector<Input> inputs) {
  auto step = broker_->step(now, inputs);
  for (const auto& write : step.writes) {
    if (std::holds_alternative<Erase>(write.value)) {
      records.erase(write.key);
    } else {
      records.insert_or_assign(write.key, write.value);
    }
  }
  want(std::move(step.fetches));
  if (!step.writes.empty()) want(broker_->stored(now));
  return step;
}

std::vector<Send> World::deliver() {
  std::vector<Input> inputs;
  for (const auto& key : std::exchange(wanted, {})) {
    const auto found = records.find(key);
    inputs.emplace_back(Fetched{
        .key = key,
        .bytes = found == records.end() ? fail(ErrorCode::payload_lost, "it is gone") : Result<Blob>(std::get<Blob>(found->second))});
  }
  return step(std::move(inputs)).sends;
}

std::vector<Send> World::say(PeerId peer, wire::Message message, Blob payload, std::uint64_t request) {
  std::vector<Input> inputs;
  inputs.emplace_back(Received{.peer = peer, .request = request, .message = std::move(message), .payload = std::move(payload)});
  return step(std::move(inputs)).sends;
}

std::vector<Send> World::pass(Millis time) {
  std::vector<Send> sends;
  const auto end = now + time;
  const auto gather = [&] {
    for (auto& send : step().sends) sends.push_back(std::move(send));
  };
  for (auto due = broker_->next_deadline(); due && *due <= end; due = broker_->next_deadline()) {
    now = std::max(now, *due);
    gather();
  }
  now = end;
  gather();
  return sends;
}

void World::restart() {
  broker_ = std::make_unique<Broker>(options, store(), random_);
  wanted.clear();
  auto loaded = records;
  std::erase_if(loaded, [&](const auto& record) {
    const auto& key = record.first;
    return pages && key.kind == RecordKind::payload && !records.contains({.kind = RecordKind::runs, .owner = key.owner, .item = key.item});
  });
  const auto restored = broker_->restore(std::move(loaded), now);
  ASSERT_TRUE(restored) << to_text(restored.error());
}

PeerId World::producer() {
  const PeerId peer{.value = ++last_peer_};
  say(peer, wire::Hello{.role = wire::Role::producer, .instance = 1000 + peer.value});
  return peer;
}

PeerId World::worker(std::uint64_t instance, std::vector<wire::HeldLease> leases, Token host) {
  const PeerId peer{.value = ++last_peer_};
  say(peer, wire::Hello{.role = wire::Role::worker, .instance = instance, .name = "w", .host = host, .leases = std::move(leases)});
  return peer;
}

void World::offer(PeerId worker, std::uint32_t sessions, std::uint64_t bytes, std::uint64_t seen) {
  say(worker, wire::Offer{.seen = seen, .cards = {{.kind = "cpu", .total_bytes = bytes, .free_bytes = bytes, .free_sessions = sessions}}});
}

JobId World::open(PeerId producer, JobSpec spec, const std::string& pipeline) {
  const auto bundle = test_bundle(pipeline);
  spec.pipeline = bundle.hash;
  if (spec.max_chunk_bytes == 0) spec.max_chunk_bytes = 1024;
  const auto opened = all_of<wire::Opened>(say(producer, wire::Open{.spec = spec}, bundle.bytes));
  EXPECT_EQ(opened.size(), 1U);
  return opened.empty() ? JobId{} : opened.front().job;
}

std::vector<Send> World::submit(PeerId producer, JobId job, ChunkRange chunks, std::uint32_t size) {
  wire::Submit submit{.job = job, .chunks = {chunks}};
  submit.lengths.values.assign(chunks.count, size);
  return say(producer, std::move(submit), zeros(chunks.count * size));
}

JobStatus World::status(PeerId producer, JobId job) {
  const auto events = all_of<wire::Event>(say(producer, wire::Watch{.job = job}));
  return events.empty() ? JobStatus{} : events.front().job;
}

wire::Settle settle_of(const wire::Run& run, ErrorCode code, std::uint32_t size) {
  wire::Settle settle{.lease = run.lease, .grant = run.grant, .token = run.token};
  const auto count = run.lengths.values.size();
  if (code != ErrorCode::ok) settle.codes.values.assign(count, static_cast<std::uint16_t>(code));
  settle.lengths.values.assign(count, code == ErrorCode::ok ? size : 0);
  settle.micros.values.assign(count, 10);
  return settle;
}

Blob zeros(std::size_t size) { return Blob::copy_of(std::vector<std::byte>(size)); }

std::uint64_t chunk_count(const std::vector<ChunkRange>& ranges) {
  std::uint64_t count = 0;
  for (const auto& range : ranges) count += range.count;
  return count;
}

}  // namespace sublet::broker::testing
