#pragma once

#include <cstddef>
#include <memory>
#include <ranges>
#include <utility>
#include <vector>

#include "broker/shard.hpp"
#include "common/shard.hpp"

namespace sublet::broker {

/// The shards that are served, by number.
class Shards {
 public:
  explicit Shards(std::size_t of_cluster) : by_number_(of_cluster) {}

  /// Of the cluster, served here or not.
  [[nodiscard]] std::size_t of_cluster() const { return by_number_.size(); }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// nullptr when it is not served here.
  [[nodiscard]] Shard* find(ShardNumber number) const { return number < by_number_.size() ? by_number_[number].get() : nullptr; }

  void add(std::unique_ptr<Shard> shard) {
    ++size_;
    auto& place = by_number_.at(shard->number());
    place = std::move(shard);
  }

  /// Takes one that is served out.
  std::unique_ptr<Shard> remove(ShardNumber number) {
    --size_;
    return std::move(by_number_.at(number));
  }

  /// All that are served. One of them may be removed while they are walked.
  [[nodiscard]] auto all() const {
    return by_number_ | std::views::filter([](const auto& shard) { return shard != nullptr; }) |
           std::views::transform([](const auto& shard) -> Shard& { return *shard; });
  }

 private:
  std::vector<std::unique_ptr<Shard>> by_number_;
  std::size_t size_ = 0;
};

}  // namespace sublet::broker
