// sublet_chaos: bursts through real processes while these, their network, Redis and its disk break. One seed decides what breaks, and when.

#include <csignal>
#include <cstdint>
#include <map>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/io/random.hpp"
#include "tests/chaos/round.hpp"
#include "tests/chaos/small_disk.hpp"

namespace sublet::chaos {
namespace {

/// What all rounds showed about one kind of fault.
struct Row {
  std::uint64_t times = 0;
  Verdict worst;
  std::string skipped;
};

using Table = std::map<FaultKind, Row>;

/// Of the fault of that number, until what was under way when it struck has come; others may strike meanwhile.
Nanos pause_after(const RoundResult& result, std::size_t number) {
  Nanos pause{0};
  for (auto last = number; last < result.plan.size() && result.plan[last].after < result.plan[number].after + kUnderWay; ++last) {
    pause = std::max(pause, result.verdicts[last + 1].longest_pause);
  }
  return pause;
}

void add(Table& table, const RoundResult& result) {
  for (std::size_t number = 0; number < result.plan.size(); ++number) {
    auto& row = table[result.plan[number].kind];
    if (!result.shortfalls[number].empty()) {
      row.skipped = result.shortfalls[number];
      continue;
    }
    const auto& verdict = result.verdicts[number + 1];
    ++row.times;
    row.worst.lost += verdict.lost;
    row.worst.doubled += verdict.doubled;
    row.worst.wrong += verdict.wrong;
    row.worst.longest_pause = std::max(row.worst.longest_pause, pause_after(result, number));
  }
}

double seconds(Nanos duration) { return std::chrono::duration<double>(duration).count(); }

void print(const Table& table) {
  fmt::print("\n{:<26} {:>6} {:>6} {:>8} {:>6} {:>22}\n", "fault", "times", "lost", "doubled", "wrong", "s until outputs went on");
  for (const auto& [kind, row] : table) {
    fmt::print("{:<26} {:>6} {:>6} {:>8} {:>6} {:>22.2f}  {}\n", info_of(kind).name, row.times, row.worst.lost, row.worst.doubled,
               row.worst.wrong, seconds(row.worst.longest_pause), row.skipped.empty() ? "" : "skipped: " + row.skipped);
  }
}

struct Arguments {
  std::optional<std::uint64_t> seed;
  std::uint64_t chunks = 200'000;
  std::uint32_t rounds = 1;
  std::optional<std::uint32_t> faults;
  std::string log = "off";
};

int run(const Arguments& arguments) {
  io::SystemRandom random;
  const auto first = arguments.seed.value_or(random.next());
  const auto kinds = static_cast<std::uint32_t>(fault_table().size());
  const PlanSize size{.chunks = arguments.chunks,
                      .faults = arguments.faults.value_or(std::max(kinds, static_cast<std::uint32_t>(arguments.chunks / 4'000)))};
  Table table;
  int failed = 0;
  for (std::uint32_t round = 0; round < arguments.rounds; ++round) {
    const auto seed = first + round;
    fmt::print("seed {}: {} chunks, {} faults\n", seed, size.chunks, size.faults);
    const auto result = run_round({.seed = seed, .size = size, .log = arguments.log}, [](const std::string& line) {
      fmt::print("{}\n", line);
      std::fflush(stdout);
    });
    add(table, result);
    fmt::print("seed {}: {} of {} outputs in {:.1f} s, {} of them once more to the next producer\n", seed, result.received, size.chunks,
               seconds(result.lasted), result.again);
    for (const auto& complaint : result.complaints) fmt::print("WRONG: {}\n", complaint);
    if (!result.complaints.empty()) {
      ++failed;
      fmt::print("again: ./dev chaos --seed {} --chunks {} --faults {}\n", seed, size.chunks, size.faults);
    }
  }
  print(table);
  fmt::print("{} of {} rounds failed\n", failed, arguments.rounds);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace sublet::chaos

int main(int argc, char** argv) {
  using namespace sublet::chaos;
  CLI::App app("Bursts through real processes while these, their network, Redis and its disk break");
  Arguments arguments;
  app.add_option("--seed", arguments.seed, "repeats the plan of that seed; the next rounds have the seeds that follow. Otherwise drawn");
  app.add_option("--chunks", arguments.chunks, "of each burst")->capture_default_str()->check(CLI::Range(1'000, 100'000'000));
  app.add_option("--rounds", arguments.rounds, "how many bursts")->capture_default_str();
  app.add_option("--faults", arguments.faults, "of each burst; otherwise one for 4,000 chunks, and at least one of each kind");
  app.add_option("--log", arguments.log, "what the programs say: debug, info, warn, error or off")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  // Of a producer that was killed.
  std::signal(SIGPIPE, SIG_IGN);
  // Where this cannot be had, the faults of a disk are skipped and say why.
  static_cast<void>(own_mounts());
  return run(arguments);
}
