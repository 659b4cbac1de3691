#include "gpu-worker/core/ledger.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sublet {

Bytes CardLedger::offer(BrokerId broker, Bytes bytes) {
  withdraw(broker);
  const Bytes given = std::min(bytes, free());
  offers_[broker] = given;
  offered_ += given;
  return given;
}

Bytes CardLedger::withdraw(BrokerId broker) {
  const auto found = offers_.find(broker);
  if (found == offers_.end()) return {};
  const Bytes freed = found->second;
  offered_ -= freed;
  offers_.erase(found);
  return freed;
}

Result<void> CardLedger::grant(LeaseId lease, BrokerId broker, Bytes bytes) {
  if (leases_.contains(lease)) return fail(ErrorCode::duplicate, fmt::format("lease {} is granted already", to_hex(lease)));
  const auto found = offers_.find(broker);
  if (found == offers_.end() || found->second < bytes) {
    return fail(ErrorCode::no_capacity, fmt::format("lease {} asks for {} bytes of an offer of {}; take the newest offer", to_hex(lease),
                                                    bytes.count, offered(broker).count));
  }
  found->second -= bytes;
  offered_ -= bytes;
  granted_ += bytes;
  leases_.emplace(lease, bytes);
  return {};
}

Result<Bytes> CardLedger::release(LeaseId lease) {
  const auto found = leases_.find(lease);
  if (found == leases_.end())
    return fail(ErrorCode::not_found, fmt::format("lease {} is not on this card; it may have ended", to_hex(lease)));
  const Bytes freed = found->second;
  granted_ -= freed;
  leases_.erase(found);
  return freed;
}

Result<void> CardLedger::set_spares(Bytes bytes) { return replace(spares_, bytes, "warm spares"); }

Result<void> CardLedger::context_changed(Bytes before, Bytes now) {
  if (before > contexts_) {
    return fail(ErrorCode::bad_argument,
                fmt::format("a session process took {} bytes; all together take {}", before.count, contexts_.count));
  }
  const Bytes others = contexts_ - before;
  if (now > card_ - others) {
    return fail(ErrorCode::no_capacity,
                fmt::format("a session process takes {} bytes beside the others' {}, and the card has {}; run fewer of them", now.count,
                            others.count, card_.count));
  }
  return replace(contexts_, others + now, "session processes");
}

Result<void> CardLedger::spare_taken(Bytes bytes) {
  if (bytes > spares_) {
    return fail(ErrorCode::bad_argument, fmt::format("{} bytes of warm spares; there are {}", bytes.count, spares_.count));
  }
  spares_ -= bytes;
  contexts_ += bytes;
  return {};
}

Bytes CardLedger::offered(BrokerId broker) const {
  const auto found = offers_.find(broker);
  return found == offers_.end() ? Bytes{} : found->second;
}

Result<void> CardLedger::replace(Bytes& account, Bytes bytes, std::string_view what) {
  // Each term is at most the card, and so is what they sum up to, so nothing here wraps.
  const Bytes possible = free() + offered_ + account;
  if (bytes > possible) {
    return fail(ErrorCode::no_capacity, fmt::format("{} take {} bytes, but only {} of the card's {} are not granted; run fewer of them",
                                                    what, bytes.count, possible.count, card_.count));
  }
  const Bytes available = free() + account;
  if (bytes > available) cut_offers(bytes - available);
  account = bytes;
  return {};
}

void CardLedger::cut_offers(Bytes bytes) {
  while (bytes > Bytes{}) {
    const auto largest = std::ranges::max_element(offers_, {}, [](const auto& each) { return each.second; });
    const Bytes cut = std::min(bytes, largest->second);
    largest->second -= cut;
    offered_ -= cut;
    bytes -= cut;
  }
}

}  // namespace sublet
