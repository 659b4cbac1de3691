#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/io/file_descriptor.hpp"
#include "tests/chaos/plan.hpp"
#include "tests/chaos/producer_process.hpp"
#include "tests/chaos/stage.hpp"

namespace sublet::chaos {

/// A fault that is under way. It is ended with `end`, never by its destruction.
class FaultUnderWay {
 public:
  FaultUnderWay(const Fault& fault, Stage& stage, ProducerProcess& producer, Instant now);

  /// Whether it has lasted long enough; one that has to have had its effect looks for that.
  bool over(Instant now);
  /// Lets go on what was stopped, starts what was killed, mends what was broken.
  void end();
  /// Why nothing, or not all of it, could be done on this machine or at this moment; empty otherwise.
  [[nodiscard]] const std::string& shortfall() const { return shortfall_; }

 private:
  void begin();
  void set_network(void (test::Proxy::*how)());
  [[nodiscard]] std::vector<test::Proxy*> proxies() const;
  void signal_session(int number);
  void signal_broker(std::uint32_t number, int signal) const;
  void replace_an_owner();
  [[nodiscard]] bool taken_over() const;
  void fill_disk();

  Fault fault_;
  Stage& stage_;
  ProducerProcess& producer_;
  Instant began_;
  io::FileDescriptor session_;          ///< that was stopped
  std::optional<std::uint32_t> owner_;  ///< the broker that sleeps, or does not reach Redis, although it owns a shard
  std::string shortfall_;
};

}  // namespace sublet::chaos
