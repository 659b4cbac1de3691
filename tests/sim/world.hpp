#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/agent_party.hpp"
#include "tests/sim/broker_party.hpp"
#include "tests/sim/checker.hpp"
#include "tests/sim/producer_party.hpp"

namespace sublet::sim {

/// What became of one seed.
struct Outcome {
  std::uint64_t seed = 0;
  std::optional<std::string> violation;
  std::string plan;
  std::deque<std::string> last_lines;
  std::uint64_t events = 0;
  /// Of simulated time.
  Nanos lasted{0};
  /// Equal for equal histories.
  std::uint64_t digest = 0;
};

/// All parties of one simulation and everything that goes wrong with them: a time of faults, then a time in which everything has to end.
class World {
 public:
  World(std::uint64_t seed, Trace::Mode mode);

  Outcome run();

 private:
  void play();
  void begin();
  /// Lets `fault` happen again and again while faults last.
  void haunt(Millis mean, std::function<void()> fault);
  void begin_faults();
  void haunt_network();
  void haunt_brokers();
  void haunt_workers();
  void haunt_producers();
  void heal();
  [[nodiscard]] bool done() const;
  void ensure_broker();
  void take_over();
  [[nodiscard]] BrokerParty* serving() const;
  template <class Party>
  Party& any(const std::vector<std::unique_ptr<Party>>& parties) {
    return *parties[simulation_.dice.between(0, parties.size() - 1)];
  }

  Simulation simulation_;
  std::uint64_t seed_;
  Checker checker_;
  Disk disk_;
  Network network_;
  Chunks chunks_;
  Notes notes_;
  std::vector<std::unique_ptr<ScriptJob>> jobs_;
  std::vector<std::unique_ptr<BrokerParty>> brokers_;
  std::vector<std::unique_ptr<AgentParty>> agents_;
  std::vector<std::unique_ptr<ProducerParty>> producers_;
};

}  // namespace sublet::sim
