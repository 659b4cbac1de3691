#pragma once

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/chaos/burst.hpp"
#include "tests/chaos/hearing.hpp"
#include "tests/support/cluster.hpp"

namespace sublet::chaos {

/// The producer of a burst, one process after another, and a thread that hears what it says.
class ProducerProcess {
 public:
  /// @param brokers  control endpoints
  ProducerProcess(Burst burst, const std::vector<std::string>& brokers, Hearing& hearing);
  ~ProducerProcess();
  ProducerProcess(const ProducerProcess&) = delete;
  ProducerProcess& operator=(const ProducerProcess&) = delete;

  /// Does not wait until it is ready. Nothing happens while one runs.
  /// @param batch  chunks that it submits together
  void start(std::size_t batch);
  void signal(int number) const;
  /// `kill -9`; everything that it said is heard when this returns.
  void kill();
  /// It may submit the first so many chunks of the burst.
  void allow(std::uint64_t chunks);
  /// How it ended, unless it runs, or was killed here.
  std::optional<io::Exit> ended();

 private:
  void tell_allowance() const;

  Burst burst_;
  std::string brokers_;
  Hearing& hearing_;
  std::uint64_t allowed_ = 0;
  std::optional<test::Starting> process_;
  io::FileDescriptor allowances_;
  std::jthread listener_;
};

}  // namespace sublet::chaos
