#include "producer/cli/verbs/drive.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>

#include "common/io/clock.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

constexpr Millis kBarInterval = 100ms;
constexpr Millis kSentenceInterval = 2s;

/// Waits until one of `fds` is readable or it is time to look again; answers which are.
std::vector<bool> wait_for(const std::vector<int>& fds) {
  std::vector<pollfd> waits;
  for (const int fd : fds) waits.push_back({fd, POLLIN, 0});
  ::poll(waits.data(), waits.size(), static_cast<int>(kBarInterval.count()));
  std::vector<bool> readable;
  for (const auto& wait : waits) readable.push_back(wait.revents != 0);
  return readable;
}

class ProgressDisplay {
 public:
  ProgressDisplay(Console& console, bool shown)
      : console_(console), shown_(shown), pace_(console.err_is_terminal() ? kBarInterval : kSentenceInterval) {}

  void show(const ProgressView& view) {
    if (!shown_ || !pace_.due(view.elapsed)) return;
    if (console_.err_is_terminal()) {
      // One column stays free: a full line would wrap on some terminals, and the next bar would stand below it.
      console_.bar(progress_line(view, console_.bar_width() - 1));
    } else {
      console_.say(progress_sentence(view));
    }
  }

 private:
  Console& console_;
  bool shown_;
  ProgressPace pace_;
};

/// What went wrong with a burst as a whole, in one error.
Error error_of(const BurstSummary& summary) {
  if (summary.stopped) return *summary.stopped;
  if (summary.state == JobState::cancelled)
    return {.code = ErrorCode::cancelled, .detail = fmt::format("job {} was cancelled", to_hex(summary.job))};
  const auto missing = summary.chunks - summary.done;
  auto detail = fmt::format("{} of {} no output", count_text(missing), plural(summary.chunks, "chunk") + (missing == 1 ? " has" : " have"));
  if (summary.failures.empty()) return {.code = ErrorCode::internal, .detail = detail};
  const auto& first = summary.failures.front();
  return {.code = first.error.code, .detail = fmt::format("{}, first {}: {}", detail, first.name, first.error.detail)};
}

}  // namespace

void say_skipped(Console& console, const InputFiles& inputs) {
  if (inputs.skipped.empty()) return;
  const auto& first = inputs.skipped.front();
  const auto others = inputs.skipped.size() - 1;
  console.say(
      fmt::format("Skipping {} ({}){}.", printable(first.path), first.reason, others == 0 ? "" : " and " + plural(others, "other path")));
}

BurstSummary drive(Environment& environment, Burst& burst, Cluster* cluster, Showing showing) {
  auto& console = environment.console;
  ProgressDisplay display(console, showing.progress());
  bool stopping = false;
  const auto stop = [&](Error reason) {
    burst.stop(std::move(reason));
    stopping = true;
  };
  while (true) {
    std::vector<int> fds{burst.finished_fd()};
    // What has been heard stays readable, and must not keep the loop spinning.
    if (!stopping) {
      fds.push_back(environment.interrupts.fd());
      if (cluster != nullptr) std::ranges::copy(cluster->fds(), std::back_inserter(fds));
    }
    if (wait_for(fds).front()) break;
    if (!stopping && environment.interrupts.asked()) {
      if (showing.progress()) console.say("Stopping; Ctrl-C again ends at once.");
      stop({.code = ErrorCode::interrupted, .detail = "stopped by Ctrl-C"});
    }
    if (!stopping && cluster != nullptr) {
      if (auto ended = cluster->ended()) stop(std::move(*ended));
    }
    if (!stopping) display.show(burst.view());
  }
  console.bar("");
  return burst.finish();
}

ExitCode report(Environment& environment, const BurstSummary& summary, Showing showing) {
  auto& console = environment.console;
  if (showing.json) {
    console.print(summary_json(summary).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
  } else if (!showing.quiet) {
    console.print(summary_text(summary, console.width()));
  }
  if (summary.complete()) return ExitCode::ok;
  const auto code = console.complain(error_of(summary));
  // A missing output is a failed job, whichever error was the first to cause one.
  return summary.stopped ? code : ExitCode::failed;
}

}  // namespace sublet::cli
