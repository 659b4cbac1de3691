#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "common/error.hpp"
#include "common/shard.hpp"
#include "common/wire/messages.hpp"
#include "gpu-worker/agent/bundle_cache.hpp"
#include "gpu-worker/agent/grant_book.hpp"
#include "gpu-worker/agent/session_process.hpp"
#include "gpu-worker/core/agent_watch.hpp"
#include "gpu-worker/core/agent_window.hpp"

namespace sublet::agent {

/// What a lease's session holds and where it stands. Decides nothing about messages: the agent asks it what there is to say.
class LeasedSession {
 public:
  enum class State : std::uint8_t {
    waiting,   ///< for its bundle, or for another process since its own has to end
    starting,  ///< the process has the bundle
    up,
    ended,  ///< it is kept until its settles are taken and nothing of it is left in its process
  };

  /// A settle that the broker has not confirmed.
  struct Unsettled {
    wire::Settle message;
    Blob outputs;
    std::uint64_t request = 0;  ///< under which it was sent last; 0 when it could not be sent
    std::optional<Instant> tried;
  };

  /// @param shard  that granted the lease
  LeasedSession(ShardNumber shard, wire::Lease lease) : shard_(shard), lease_(std::move(lease)), isolation_(lease_.isolation) {}

  [[nodiscard]] ShardNumber shard() const { return shard_; }
  [[nodiscard]] const wire::Lease& lease() const { return lease_; }
  [[nodiscard]] LeaseId id() const { return lease_.lease; }
  [[nodiscard]] State state() const { return state_; }
  /// Where it is, or where what is left of it is; null otherwise.
  [[nodiscard]] const std::shared_ptr<SessionProcess>& process() const { return process_; }
  /// There as long as the process is.
  [[nodiscard]] const ring::AgentEnd* channel() const { return channel_ ? &*channel_ : nullptr; }
  /// Null until it was started for the first time.
  [[nodiscard]] const std::shared_ptr<const LoadedBundle>& bundle() const { return bundle_; }
  /// With every grant that is not settled.
  [[nodiscard]] wire::HeldLease held() const;

  struct Place {
    std::shared_ptr<SessionProcess> process;
    Bytes arena;
    std::uint32_t lanes = 1;
  };
  /// Opens the session in a process and hands the bundle over.
  Result<void> start(Place place, std::shared_ptr<const LoadedBundle> bundle, Instant deadline);
  /// Answers whether this made the session ready for its first WINDOW. `protocol_error` for what a process must not say; another error when
  /// the session cannot be.
  Result<bool> take_replies(Instant now);
  /// Takes what the process said before it ended; what of it cannot be is no worse than silence.
  void take_last_words(Instant now);
  /// The process closed the session's ring: it has ended, or should.
  [[nodiscard]] bool hung_up() const { return hung_up_; }
  /// The process said that nothing of the session is left in it.
  [[nodiscard]] bool left() const { return left_; }
  /// Whether the process said that its device is unusable.
  [[nodiscard]] bool device_broken() const { return device_broken_; }
  /// What its process has come to take of the card beside the slices, by the process's own account since this was last asked; 0: nothing
  /// new.
  Bytes take_overhead() { return std::exchange(overhead_, Bytes{}); }
  /// Bytes copied to and from the device since the session started, by the process's own account.
  struct Traffic {
    std::uint64_t to_device = 0;
    std::uint64_t from_device = 0;
  };
  [[nodiscard]] const Traffic& traffic() const { return traffic_; }

  [[nodiscard]] wire::Window window() const;
  /// Whether the window became another one since it was last asked.
  bool window_changed() { return std::exchange(window_changed_, false); }

  Result<void> run(wire::Run run, Blob payload, Instant now);
  /// The settles that no one has tried to send yet.
  std::vector<Unsettled*> fresh_settles();
  void settled(GrantId grant) { unsettled_.erase(grant); }
  [[nodiscard]] std::map<GrantId, Unsettled>& unsettled() { return unsettled_; }

  /// Begin nothing more and hand back what has not begun.
  void drain();
  [[nodiscard]] bool waits_for_bundle() const { return state_ == State::waiting && !bundle_; }
  [[nodiscard]] bool idle() const { return !book_ || book_->empty(); }

  /// Whether a chunk runs too long.
  bool stuck(Instant now);
  [[nodiscard]] std::optional<Instant> look_at() const { return state_ == State::up && watchdog_ ? watchdog_->look_at() : std::nullopt; }
  void set_deadline(Instant deadline);

  /// The chunks that it was running end with `error`, all others go back; with `kernel_timeout` only the oldest of them.
  void end(const Error& error);
  /// Forgets every grant: nobody wants them any more.
  void drop();
  /// Asks the process to finish what it runs and to free everything; false when it does not take that.
  bool close(Instant now);
  /// By when it must have: otherwise the process is to be killed.
  [[nodiscard]] std::optional<Instant> close_by() const { return close_by_; }
  /// Its process has to end through no fault of this session: everything goes back, and it waits for another process.
  void displace();
  /// Nothing of it is left in the process.
  void leave();
  [[nodiscard]] bool finished() const { return state_ == State::ended && !process_ && unsettled_.empty(); }

  /// Says farewell with this once it is finished.
  void set_farewell(ErrorCode code, std::string detail);
  [[nodiscard]] const std::optional<wire::Release>& farewell() const { return farewell_; }
  /// Whether the card's ledger has the slice back.
  bool freed = false;

 private:
  void collect();
  Result<bool> take_reply(const ring::Reply& reply, Instant now);
  [[nodiscard]] ClaimedRunning claim() const;

  ShardNumber shard_;
  wire::Lease lease_;
  State state_ = State::waiting;
  Isolation isolation_;  ///< that it got
  std::shared_ptr<SessionProcess> process_;
  std::optional<ring::AgentEnd> channel_;
  std::shared_ptr<const LoadedBundle> bundle_;
  std::uint32_t lanes_ = 1;
  std::optional<GrantBook> book_;
  std::optional<WindowPolicy> window_;
  std::optional<Watchdog> watchdog_;
  std::map<GrantId, Unsettled> unsettled_;
  std::optional<wire::Release> farewell_;
  Instant last_reply_;
  std::uint64_t peak_bytes_ = 0;
  Bytes overhead_;
  Traffic traffic_;
  std::uint32_t empty_wakes_ = 0;
  bool device_broken_ = false;
  bool window_changed_ = false;
  bool draining_ = false;
  bool hung_up_ = false;
  bool left_ = false;
  std::optional<Instant> close_by_;
};

}  // namespace sublet::agent
