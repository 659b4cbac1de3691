#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "producer/core/connection.hpp"
#include "tests/sim/checker.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/network.hpp"
#include "tests/sim/script_job.hpp"

namespace sublet::sim {

/// A program that opens jobs, submits their chunks, reads their outputs and waits for their ends, over the production connection. When it
/// is killed it starts over with the same idempotency keys, and knows what it has handled.
class ProducerParty final : public ClientEnd {
 public:
  ProducerParty(std::string name, Simulation& simulation, Network& network, const Disk& disk, const Checker& checker, Notes& notes);

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] bool running() const { return process_ != nullptr; }
  [[nodiscard]] bool paused() const { return simulation_.time.now() < paused_until_; }

  /// @param reads  takes the outputs as well; exactly one producer of a job does
  void add(const ScriptJob& job, bool reads);
  void start();
  void crash();
  void pause(Nanos duration);
  void resume();
  void pause_queue(bool paused);
  void arrived(LinkId link, Packet packet) override;

  /// Everything it was to do is done.
  [[nodiscard]] bool done() const;
  /// What it still waits for, in words.
  [[nodiscard]] std::string waits_for() const;

 private:
  enum class Stage : std::uint8_t { to_open, opening, submitting, flushing, closing, waiting, done };
  /// What the program remembers of a job when it is killed.
  struct Task {
    const ScriptJob* script = nullptr;
    bool reads = false;
    Handled handled;
  };
  /// What it forgets.
  struct Work {
    Task* task = nullptr;
    Stage stage = Stage::to_open;
    std::shared_ptr<producer::KnownJob> job;
    std::uint64_t request = 0;
    std::uint64_t cancel_request = 0;
    std::size_t next_chunk = 0;
    Instant not_before;
    std::uint64_t store = 0;
  };
  struct Process {
    Process(Simulation& simulation, const std::string& name);
    SeededRandom random;
    BrokerList brokers{{"sim"}};
    producer::Connection connection;
    std::optional<LinkId> control;
    std::optional<LinkId> bulk;
    std::deque<std::pair<LinkId, Packet>> inbox;
    std::vector<Work> works;
  };

  void soon();
  void turn();
  bool apply(producer::Effects effects);
  void close_all();
  void act(Work& work, Instant now);
  void open(Work& work, Instant now);
  std::optional<std::vector<JobId>> find_before(Work& work);
  void replay(Work& work, Instant now);
  void not_opened(Work& work, const Result<wire::Message>& answer, Instant now);
  void give_up(Work& work, std::string_view why);
  void opened(Work& work, const wire::Opened& opened, Instant now);
  void submit(Work& work, Instant now);
  void flush(Work& work);
  void close(Work& work);
  void wait(Work& work);
  void read(Work& work);
  void handle(Work& work, const producer::OutputEntry& entry);
  void lost(Work& work, Instant now);
  void check_end(const Work& work) const;
  [[nodiscard]] Instant local() const { return clock_.local(simulation_.time.now()); }

  std::string name_;
  Simulation& simulation_;
  Network& network_;
  const Disk& disk_;
  const Checker& checker_;
  Notes& notes_;
  PartyClock clock_;
  Alarm alarm_;
  std::vector<std::unique_ptr<Task>> tasks_;
  std::unique_ptr<Process> process_;
  Instant paused_until_;
};

}  // namespace sublet::sim
