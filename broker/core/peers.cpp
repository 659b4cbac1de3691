#include <algorithm>
#include <ranges>

#include "broker/core/core.hpp"

namespace sublet::broker {

void Core::hello(Received& received, wire::Hello& message) {
  // A peer that says HELLO again starts anew.
  gone(received.peer);
  if (message.role == wire::Role::worker) {
    greet_worker(received, message);
    return;
  }
  peers_[received.peer] = {.role = wire::Role::producer, .worker = nullptr, .jobs = {}};
  welcome(received, {});
}

void Core::welcome(Request request, std::vector<wire::LeaseTtl> leases) {
  reply(request, wire::Welcome{.shards = options_.layout.shards,
                               .spread = options_.layout.spread,
                               .store = store_.id,
                               .durable = store_.durable,
                               .credit_chunks = options_.credit_chunks,
                               .credit_bytes = options_.credit_bytes,
                               .max_chunk_bytes = options_.max_chunk_bytes,
                               .max_batch_bytes = options_.max_batch_bytes,
                               .max_batch_chunks = options_.max_batch_chunks,
                               .leases = std::move(leases)});
}

void Core::greet_worker(Request request, const wire::Hello& message) {
  auto& worker_slot = workers_[message.instance];
  if (!worker_slot) worker_slot = std::make_unique<Worker>(Worker{.instance = message.instance});
  auto& worker = *worker_slot;
  if (worker.peer != PeerId{}) peers_.erase(worker.peer);
  // Cards are offered, and LEASEs counted, anew on each connection.
  cards_.forget(worker.instance);
  worker.name = message.name;
  worker.host = message.host;
  worker.peer = request.peer;
  worker.connected = now_;
  peers_[request.peer] = {.role = wire::Role::worker, .worker = &worker, .jobs = {}};

  std::vector<wire::LeaseTtl> live;
  const auto leases = worker.leases;
  for (auto* lease : leases) {
    const auto held = std::ranges::find(message.leases, lease->id, &wire::HeldLease::lease);
    if (held == message.leases.end() || held->token != lease->token) {
      end_lease(*lease, Loss::clean);
      continue;
    }
    renew(*lease, *held, Millis{0});
    live.push_back({.lease = lease->id, .ttl_ms = static_cast<std::uint32_t>(options_.lease_ttl.count())});
  }
  welcome(request, std::move(live));
  if (need_.sessions > 0) send(request.peer, 0, need_);
}

void Core::goodbye(PeerId peer) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  auto* worker = found->second.worker;
  detach(peer);
  if (worker == nullptr) return;
  const auto leases = worker->leases;
  for (auto* lease : leases) end_lease(*lease, Loss::clean);
  drop_worker_if_unused(*worker);
}

void Core::gone(PeerId peer) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  auto* worker = found->second.worker;
  detach(peer);
  // Its leases live on until their deadlines: it may come back.
  if (worker != nullptr) drop_worker_if_unused(*worker);
}

void Core::detach(PeerId peer) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  for (const auto id : found->second.jobs) {
    const auto job = jobs_.find(id);
    if (job == jobs_.end()) continue;
    job->second->watchers.remove(peer);
    count_events(*job->second);
    job->second->log.forget_reader(peer);
    job->second->readable = true;
    mark(*job->second);
  }
  auto* worker = found->second.worker;
  peers_.erase(found);
  if (worker == nullptr) return;
  worker->peer = {};
  cards_.forget(worker->instance);
  for (auto* lease : worker->leases) refresh(*lease);
}

void Core::drop_worker_if_unused(Worker& worker) {
  if (worker.peer == PeerId{} && worker.leases.empty()) workers_.erase(worker.instance);
}

}  // namespace sublet::broker
