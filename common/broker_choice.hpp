#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/time.hpp"

namespace sublet {

/// Control endpoints of a cluster's brokers: those that somebody named, and those that were met since.
class BrokerList {
 public:
  /// @param named  at least one
  explicit BrokerList(std::vector<std::string> named) : endpoints_(std::move(named)) {}

  [[nodiscard]] const std::vector<std::string>& endpoints() const { return endpoints_; }
  /// A broker that serves there. A bounded number is kept.
  void learn(const std::string& endpoint);

 private:
  std::vector<std::string> endpoints_;
};

/// Whom to ask for one shard: a broker that another named as its owner, otherwise the known ones in turn.
class BrokerChoice {
 public:
  /// @param brokers  lasts longer; shared by all shards
  explicit BrokerChoice(BrokerList& brokers) : brokers_(&brokers), current_(brokers.endpoints().front()) {}

  /// Whom to connect to.
  [[nodiscard]] const std::string& current() const { return current_; }
  /// Attempts since the last welcome have not met every known broker yet.
  [[nodiscard]] bool untried() const { return failures_ < brokers_->endpoints().size(); }

  /// It serves the shard.
  void welcomed();
  /// It does not answer, or is of no use: the next one. For a while nobody's word leads back to it.
  void gone(Instant now);
  /// It does not serve the shard, and names who does; empty: nobody, or it does not know.
  /// @return whether to connect at once: an owner was named, and not again and again
  bool refused(const std::string& owner, Instant now);

 private:
  [[nodiscard]] bool avoids(const std::string& endpoint, Instant now) const { return endpoint == silent_ && now < silent_until_; }
  void next(Instant now);

  BrokerList* brokers_;
  std::string current_;
  std::size_t position_ = 0;  ///< among the known ones, of the last that was chosen in turn
  std::size_t failures_ = 0;  ///< since the last welcome
  std::size_t hops_ = 0;      ///< of these, to an owner that was named
  std::string silent_;
  Instant silent_until_;
};

}  // namespace sublet
