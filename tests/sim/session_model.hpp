#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/error.hpp"
#include "common/wire/messages.hpp"
#include "gpu-worker/core/agent_watch.hpp"
#include "gpu-worker/core/agent_window.hpp"
#include "tests/sim/chunks.hpp"
#include "tests/sim/simulation.hpp"

namespace sublet::sim {

/// A lease's session as its agent sees it, with a process that runs chunks: the states and rules of `agent::LeasedSession` and
/// `agent::GrantBook` without rings and arenas.
class SessionModel {
 public:
  enum class State : std::uint8_t { waiting_for_bundle, starting, up, ended };

  struct Unsettled {
    wire::Settle message;
    Blob outputs;
    std::uint64_t request = 0;
    std::optional<Instant> tried;
  };

  SessionModel(Simulation& simulation, Chunks& chunks, wire::Lease lease)
      : simulation_(simulation), chunks_(chunks), lease_(std::move(lease)) {}

  [[nodiscard]] const wire::Lease& lease() const { return lease_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] wire::HeldLease held() const;
  [[nodiscard]] wire::Window window() const;
  bool window_changed() { return std::exchange(window_changed_, false); }

  /// Its process begins to open the device.
  void begin_start() { state_ = State::starting, process_ = true; }
  void came_up();

  /// @return whether there is a session that can take it
  bool run(wire::Run run, Blob payload, Instant now);
  /// Lets the process go on for as long as it has run since the last call; takes what it has finished by now.
  void progress(Instant now);
  /// When `progress` has something new; nothing while it has nothing to do.
  [[nodiscard]] std::optional<Instant> next_event() const;

  /// The process is killed by somebody else.
  void die() { dead_ = true; }
  /// SIGSTOP until then.
  void stop_until(Instant until) { stopped_until_ = std::max(stopped_until_, until); }
  void resume(Instant now) { stopped_until_ = std::min(stopped_until_, now); }
  [[nodiscard]] bool dead() const { return dead_; }
  [[nodiscard]] bool device_broken() const { return device_broken_; }

  std::vector<Unsettled*> fresh_settles();
  [[nodiscard]] std::map<GrantId, Unsettled>& unsettled() { return unsettled_; }

  void drain();
  [[nodiscard]] bool idle() const { return grants_.empty(); }
  bool stuck(Instant now);
  [[nodiscard]] std::optional<Instant> look_at() const { return state_ == State::up ? watchdog_.look_at() : std::nullopt; }

  /// Kills the process: what ran ends with `error`, everything else goes back.
  void end(const Error& error, Instant now);
  /// Kills the process and forgets every grant.
  void drop();
  [[nodiscard]] bool has_process() const { return process_; }
  void reaped() { process_ = false, grants_.clear(), parts_.clear(), handed_over_.clear(); }
  [[nodiscard]] bool finished() const { return state_ == State::ended && !process_ && unsettled_.empty(); }

  void set_farewell(ErrorCode code);
  [[nodiscard]] const std::optional<wire::Release>& farewell() const { return farewell_; }
  Bytes context;
  bool freed = false;

 private:
  struct Grant {
    wire::Run run;
    Blob payload;
    std::uint32_t begun = 0;
    std::size_t begun_bytes = 0;
    std::vector<std::uint16_t> codes;
    std::vector<std::int64_t> outputs;
  };
  /// Chunks of one grant under way together.
  struct Part {
    Grant* grant = nullptr;
    std::vector<Blob> chunks;
    Nanos each{0};
  };

  void feed(Instant now);
  void begin_part(Instant now);
  void finish_part(Instant now);
  void return_rest(Grant& grant);
  void collect();
  [[nodiscard]] ClaimedRunning claim(Instant now) const;

  Simulation& simulation_;
  Chunks& chunks_;
  wire::Lease lease_;
  State state_ = State::waiting_for_bundle;
  bool process_ = false;
  bool dead_ = false;
  bool device_broken_ = false;
  bool hangs_ = false;
  bool stopped_ = false;
  bool draining_ = false;
  bool window_changed_ = false;
  Instant stopped_until_;
  std::optional<WindowPolicy> window_;
  Watchdog watchdog_{700ms};
  std::deque<Grant> grants_;
  std::deque<Part> parts_;
  std::vector<HandedOver> handed_over_;
  std::uint64_t last_number_ = 0;
  /// When the first part began and when it is through.
  Instant begun_at_;
  Instant through_at_;
  /// The chunk of the first part that ended or hangs the process.
  std::optional<std::uint32_t> caught_at_;
  std::map<GrantId, Unsettled> unsettled_;
  std::optional<wire::Release> farewell_;
};

}  // namespace sublet::sim
