#include "tests/chaos/round.hpp"

#include <algorithm>
#include <csignal>
#include <list>
#include <optional>

#include <fmt/format.h>

#include "common/io/clock.hpp"
#include "tests/chaos/faults.hpp"
#include "tests/chaos/leftovers.hpp"
#include "tests/chaos/producer_process.hpp"
#include "tests/chaos/stage.hpp"

namespace sublet::chaos {
namespace {

constexpr std::size_t kFirstBatch = 64;
/// When nothing has come for so long, nothing will.
constexpr Millis kPatience = 120s;
/// How often processes and faults without a descriptor are looked at.
constexpr Millis kLook = 20ms;

class Round {
 public:
  Round(const RoundOptions& options, const std::function<void(const std::string&)>& tell)
      : plan_(draw_plan(options.seed, options.size)),
        burst_{.chunks = options.size.chunks, .salt = options.seed},
        tell_(tell),
        hearing_(Judge(burst_, plan_.size())),
        stage_(Burst::kLayout, options.log),
        producer_(burst_, stage_.endpoints(), hearing_) {
    shortfalls_.resize(plan_.size());
  }

  RoundResult run() {
    began_ = moved_ = io::now();
    producer_.start(kFirstBatch);
    while (!all_ended() && !is_stuck()) {
      begin_faults();
      end_faults(false);
      stage_.tend();
      producer_.allow(allowed());
      hearing_.wait(io::now() + kLook, [&](const Judge& judge) {
        return judge.all_ended() || (active_.empty() && next_ < plan_.size() && judge.received() >= plan_[next_].after);
      });
      look_whether_moved();
    }
    end_faults(true);
    stop_producer();
    // What is stuck would not stop either: it is killed with the stage.
    if (!gave_up_) stage_.stop();
    return result();
  }

 private:
  struct Active {
    std::size_t number = 0;
    FaultUnderWay fault;
  };

  bool all_ended() {
    return hearing_.with([](const Judge& judge) { return judge.all_ended(); });
  }
  std::uint64_t received() {
    return hearing_.with([](const Judge& judge) { return judge.received(); });
  }

  /// Chunks that may be submitted: as many as the next fault finds under way.
  [[nodiscard]] std::uint64_t allowed() const {
    return next_ < plan_.size() ? std::min(burst_.chunks, plan_[next_].after + kUnderWay) : burst_.chunks;
  }

  [[nodiscard]] bool may_begin(const Fault& fault) const {
    const auto is_alone = [&](const Active& active) { return info_of(plan_[active.number].kind).alone; };
    return info_of(fault.kind).alone ? active_.empty() : std::ranges::none_of(active_, is_alone);
  }

  void begin_faults() {
    for (; next_ < plan_.size() && received() >= plan_[next_].after && may_begin(plan_[next_]); ++next_) {
      const auto now = io::now();
      hearing_.with([&](Judge& judge) { judge.begin_fault(next_, now); });
      say(describe(plan_[next_]));
      active_.push_back({.number = next_, .fault = FaultUnderWay(plan_[next_], stage_, producer_, now)});
      moved_ = now;
    }
  }

  /// @param all  also those that would last on
  void end_faults(bool all) {
    const auto end = [&](Active& active) {
      if (!all && !active.fault.over(io::now())) return false;
      active.fault.end();
      shortfalls_[active.number] = active.fault.shortfall();
      if (!active.fault.shortfall().empty()) {
        say(fmt::format("skipped: {}: {}", describe(plan_[active.number]), active.fault.shortfall()));
      }
      moved_ = io::now();
      return true;
    };
    active_.remove_if(end);
  }

  void look_whether_moved() {
    const auto count = received();
    if (count != counted_) moved_ = io::now();
    counted_ = count;
    if (const auto exit = producer_.ended(); exit && !exit->clean() && !all_ended()) {
      complaints_.push_back(fmt::format("the producer ended by itself with code {}, signal {}", exit->code, exit->signal));
      gave_up_ = true;
    }
  }

  bool is_stuck() {
    if (io::now() > moved_ + kPatience) {
      complaints_.push_back(fmt::format("nothing came for {} s", kPatience / 1s));
      say(complaints_.back());
      gave_up_ = true;
    }
    return gave_up_;
  }

  void stop_producer() {
    const auto deadline = io::now() + kPatience;
    while (!gave_up_ && !producer_.ended()) {
      if (io::now() > deadline) {
        complaints_.emplace_back("the producer did not end though all its jobs have");
        break;
      }
      stage_.tend();
      hearing_.wait(io::now() + kLook, [](const Judge&) { return false; });
    }
    producer_.kill();
  }

  RoundResult result() {
    for (auto number = next_; number < plan_.size(); ++number) shortfalls_[number] = "the burst did not come so far";
    RoundResult result{.plan = plan_, .shortfalls = shortfalls_, .complaints = complaints_, .lasted = io::now() - began_};
    hearing_.with([&](const Judge& judge) {
      result.verdicts = judge.verdicts();
      result.received = judge.received();
      result.again = judge.again();
      std::ranges::copy(judge.complaints(), std::back_inserter(result.complaints));
    });
    std::ranges::copy(stage_.complaints(), std::back_inserter(result.complaints));
    return result;
  }

  void say(const std::string& what) {
    tell_(fmt::format("{:7.1f} s {:8} outputs  {}", std::chrono::duration<double>(io::now() - began_).count(), received(), what));
  }

  std::vector<Fault> plan_;
  Burst burst_;
  const std::function<void(const std::string&)>& tell_;
  Hearing hearing_;
  Stage stage_;
  ProducerProcess producer_;
  std::list<Active> active_;
  std::vector<std::string> shortfalls_;
  std::vector<std::string> complaints_;
  std::size_t next_ = 0;
  std::uint64_t counted_ = 0;
  bool gave_up_ = false;
  Instant began_;
  Instant moved_;
};

}  // namespace

RoundResult run_round(const RoundOptions& options, const std::function<void(const std::string&)>& tell) {
  adopt_orphans();
  auto result = Round(options, tell).run();
  for (const auto& process : processes_left(kPatience)) result.complaints.push_back(fmt::format("{} was left", process));
  return result;
}

}  // namespace sublet::chaos
