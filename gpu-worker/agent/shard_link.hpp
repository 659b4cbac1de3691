#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "common/ids.hpp"
#include "common/shard.hpp"
#include "common/wire/messages.hpp"
#include "gpu-worker/agent/broker_link.hpp"
#include "gpu-worker/core/agent_leases.hpp"
#include "gpu-worker/core/ledger.hpp"

namespace sublet::agent {

/// What an agent has to do with one shard: the connections to whichever broker serves it, and what was agreed over them. A lease belongs to
/// the shard that granted it, and goes on when another broker takes the shard over.
struct ShardLink {
  ShardLink(ShardNumber its_number, BrokerLink its_broker) : number(its_number), broker(std::move(its_broker)) {}

  /// In whose name the cards' ledgers set bytes aside.
  [[nodiscard]] BrokerId ledger_name() const { return {.value = std::uint64_t{number} + 1}; }
  /// Whether GET for that bundle is on its way.
  [[nodiscard]] bool has_asked(const ContentHash& bundle) const {
    return std::ranges::any_of(asked, [&](const auto& entry) { return entry.second == bundle; });
  }

  ShardNumber number;
  BrokerLink broker;
  AgentLeases leases;

  std::uint64_t hello_request = 0;
  std::optional<std::uint64_t> store;
  std::uint64_t seen_leases = 0;               ///< over the present connection
  std::optional<wire::Offer> told;             ///< the last over the present connection
  std::map<std::uint64_t, ContentHash> asked;  ///< bundles, by the request
};

}  // namespace sublet::agent
