// Runs simulations by the thousand, or one of them with everything that happens in it.

#include "tests/sim/command.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "tests/sim/world.hpp"

namespace sublet::sim {
namespace {

using Clock = std::chrono::steady_clock;

void report(const Outcome& outcome) {
  fmt::print("\nseed {} fails: {}\n", outcome.seed, *outcome.violation);
  fmt::print("{}\nthe last lines before it:\n", outcome.plan);
  for (const auto& line : outcome.last_lines) fmt::print("{}\n", line);
  fmt::print("everything of it: sublet_sim --seed {}\n", outcome.seed);
}

int run_one(std::uint64_t seed, bool quiet) {
  const auto outcome = World(seed, quiet ? Trace::Mode::keep_last : Trace::Mode::print).run();
  fmt::print("seed {}: {} events in {} ms of simulated time, digest {:016x}\n", seed, outcome.events, outcome.lasted / 1ms, outcome.digest);
  if (!outcome.violation) return 0;
  report(outcome);
  return 1;
}

struct Range {
  std::uint64_t from = 1;
  std::uint64_t count = 0;
  /// The seed that is to fail, at the latest the last one; nothing: none may.
  bool expect_failure = false;
  std::uint64_t show = 0;
};

int run_many(const Range& range) {
  const auto begin = Clock::now();
  std::uint64_t events = 0;
  std::uint64_t failures = 0;
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  auto next_line = begin + 5s;
  std::uint64_t done = 0;
  for (; done < range.count; ++done) {
    const auto seed = range.from + done;
    const auto outcome = World(seed, Trace::Mode::off).run();
    events += outcome.events;
    if (outcome.violation) {
      if (range.expect_failure) {
        fmt::print("caught by seed {}, after {} seeds: {}\n", seed, done + 1, *outcome.violation);
        return 0;
      }
      ++failures;
      if (failures > range.show) {
        // Once more for its last lines.
        report(World(seed, Trace::Mode::keep_last).run());
        break;
      }
      fmt::print("\nseed {} fails: {} ({})\n", seed, *outcome.violation, outcome.plan);
    }
    if (Clock::now() > next_line) {
      next_line += 5s;
      fmt::print("\r{} of {} seeds, {:.0f} seeds/s", done + 1, range.count, static_cast<double>(done + 1) / seconds());
      std::fflush(stdout);
    }
  }
  fmt::print("\n{} seeds from {} on, {} of them failed; {:.0f} seeds/s, {:.2f} M events/s\n", done, range.from, failures,
             static_cast<double>(done) / seconds(), static_cast<double>(events) / seconds() / 1e6);
  if (range.expect_failure) fmt::print("no seed caught it\n");
  return failures > 0 || range.expect_failure ? 1 : 0;
}

}  // namespace

int run(int argc, char** argv) {
  CLI::App app("Simulates brokers, workers and producers with everything that can go wrong, from a seed");
  Range range;
  std::optional<std::uint64_t> seed;
  bool quiet = false;
  app.add_option("--seeds", range.count, "how many seeds to run");
  app.add_option("--from", range.from, "the first of them");
  app.add_option("--seed", seed, "replay this one, with everything that happens");
  app.add_flag("--quiet", quiet, "with --seed: only how it ends");
  app.add_flag("--expect-failure", range.expect_failure, "succeed with the first seed that fails");
  app.add_option("--show", range.show, "go on after so many failures, one line each");
  CLI11_PARSE(app, argc, argv);
  return seed ? run_one(*seed, quiet) : run_many(range);
}

}  // namespace sublet::sim
