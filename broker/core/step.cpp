#include "broker/core/step.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace sublet::broker {

std::vector<Send> take_early(std::vector<Send>& sends) {
  if (std::ranges::none_of(sends, &Send::early)) return {};
  std::unordered_set<std::uint64_t> told;
  std::vector<Send> early;
  std::vector<Send> others;
  for (auto& send : sends) {
    const bool leaves = send.early && !told.contains(send.peer.value);
    if (!leaves && !std::holds_alternative<wire::Settled>(send.message)) told.insert(send.peer.value);
    (leaves ? early : others).push_back(std::move(send));
  }
  sends = std::move(others);
  return early;
}

}  // namespace sublet::broker
