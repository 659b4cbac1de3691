// sublet-worker: the agent of one host. Leases its cards to a broker and runs a session process for each lease.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "common/io/endpoint.hpp"
#include "common/io/random.hpp"
#include "common/io/signals.hpp"
#include "gpu-worker/agent/agent.hpp"
#include "gpu-worker/core/host_rule.hpp"
#include "gpu-worker/core/mps.hpp"
#include "gpu-worker/devices/cuda/nvml.hpp"

#ifndef SUBLET_VERSION
#define SUBLET_VERSION "unknown"
#endif

namespace {

using namespace sublet;

enum ExitCode : int { kOk = 0, kFailed = 1, kUsage = 2, kNoConnection = 3 };

struct CommandLine {
  agent::AgentOptions options;
  std::string device = "auto";
  std::uint32_t cards = 0;  ///< 0: as many as there are
  Bytes vram;               ///< 0: as much as there is
  std::string log_level = "info";
  std::uint32_t threads = 0;
};

int complain(const Error& error, int code) {
  fmt::print(stderr, "sublet-worker: {}\n", to_text(error));
  return code;
}

std::string default_name() {
  char host[256] = "host";
  ::gethostname(host, sizeof(host) - 1);
  return fmt::format("{}:{}", host, ::getpid());
}

void describe(CLI::App& app, CommandLine& line) {
  agent::AgentOptions& options = line.options;
  app.add_option("--broker", options.brokers, "control endpoint of a broker; of several: again, or with commas between")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->default_str(options.brokers.front());
  app.add_option("--device", line.device, "cpu, cuda or auto: whatever this host has")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--sessions", options.sessions, "most sessions at a time")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--cards", line.cards, "cards to use: by default all of this host, and one of the cpu device")->check(CLI::Range(1, 64));
  app.add_option("--vram", line.vram.count,
                 "memory of each card to use, for example 8GiB: by default what is free, and 8 GiB of the cpu device")
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--threads", line.threads, "host threads that run a session's kernels; by default the cores divided by --sessions")
      ->check(CLI::Range(1, 1024));
  app.add_option("--spares", options.spares, "warm session processes per card")->check(CLI::Range(0, 64))->capture_default_str();
  app.add_option("--host-stage", options.host_stages,
                 "name=command: lets pipelines name a command of this host as a stage; of several: again")
      ->allow_extra_args(false);
  app.add_option("--name", options.name, "how the broker lists this worker; by default host:pid");
  app.add_option("--ready-fd", options.ready_fd, "a file descriptor that gets one line once the cards are on offer")
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("--log", line.log_level, "debug, info, warn, error or off")->capture_default_str();
  app.add_flag("--exit-when-disconnected", options.exit_when_disconnected, "end with code 3 instead of trying again");
  app.add_flag("--insecure-network", options.insecure_network, "allow brokers that are not on this host, in clear text");
  app.set_version_flag("--version", "sublet-worker " SUBLET_VERSION);
  app.footer("Example: four sessions on one simulated card of 8 GiB\n  sublet-worker --device cpu --sessions 4 --vram 8GiB");
}

/// The cards of this host that are to be used. The agent looks at them through NVML alone: it has no context that a fault could break.
Result<void> find_cuda_cards(CommandLine& line) {
  const auto nvml = cuda::Nvml::load();
  if (!nvml) {
    return std::unexpected(nvml.error());
  }
  const auto cards = nvml->cards();
  if (!cards) {
    return std::unexpected(cards.error());
  }
  if (cards->empty() || line.cards > cards->size()) {
    return fail(ErrorCode::bad_argument,
                fmt::format("this host has {} CUDA cards: {}", cards->size(), cards->empty() ? "use --device cpu" : "use fewer --cards"));
  }
  agent::AgentOptions& options = line.options;
  options.device = "cuda";
  const char* const mps = std::getenv("CUDA_MPS_PIPE_DIRECTORY");
  options.mps_folder = mps_folder(mps == nullptr ? std::nullopt : std::optional<std::string_view>(mps));
  options.cards = line.cards != 0 ? line.cards : static_cast<std::uint32_t>(cards->size());
  // One figure for all cards, so it is the smallest one's.
  const auto free = [](const cuda::CardState& card) { return card.total - card.used; };
  options.vram = free(*std::ranges::min_element(cards->begin(), cards->begin() + options.cards, {}, free));
  if (line.vram.count != 0) {
    options.vram = std::min(options.vram, line.vram);
  }
  return {};
}

Result<void> find_cards(CommandLine& line) {
  if (line.device != "cpu") {
    auto found = find_cuda_cards(line);
    if (found || line.device == "cuda") {
      return found;
    }
  }
  line.options.device = "cpu";
  line.options.cards = line.cards != 0 ? line.cards : 1;
  line.options.vram = line.vram.count != 0 ? line.vram : 8_GiB;
  return {};
}

/// What cannot be, before anything is started.
Result<void> complete(CommandLine& line, std::uint32_t cores) {
  agent::AgentOptions& options = line.options;
  if (auto right = check_host_rules(options.host_stages); !right) {
    return right;
  }
  if (const auto found = find_cards(line); !found) {
    return found;
  }
  if (options.sessions < options.cards) {
    return fail(ErrorCode::bad_argument,
                fmt::format("--sessions {} on {} cards leaves cards without any: raise --sessions", options.sessions, options.cards));
  }
  if (options.vram < 1_MiB) {
    return fail(ErrorCode::bad_argument, "--vram is less than 1 MiB: write its unit, for example 8GiB");
  }
  for (const std::string& broker : options.brokers) {
    if (const auto endpoint = io::checked_endpoint(broker, options.insecure_network); !endpoint) {
      return std::unexpected(endpoint.error());
    }
  }
  options.threads = line.threads != 0 ? line.threads : std::max<std::uint32_t>(1, cores / options.sessions);
  options.name = options.name.empty() ? default_name() : options.name;
  return {};
}

int serve(const CommandLine& line, const io::StopSignals& signals) {
  auto log = io::make_log("sublet-worker", line.log_level);
  if (!log) {
    return complain(log.error(), kUsage);
  }
  io::Context context;
  io::SystemRandom random;
  agent::Agent agent(line.options, context, random, *log);
  const auto served = agent.run(signals.fd(), [&signals] { return signals.take() != 0; });
  if (!served) {
    return complain(served.error(), served.error().code == ErrorCode::disconnected ? kNoConnection : kFailed);
  }
  return kOk;
}

}  // namespace

int main(int argc, char** argv) {
  // Before any other thread: threads inherit that the signals are blocked.
  const auto signals = io::StopSignals::open();
  if (!signals) {
    return complain(signals.error(), kFailed);
  }
  CLI::App app("Runs Sublet's sessions on the cards of this host.");
  CommandLine line;
  const std::uint32_t cores = std::max(1U, std::thread::hardware_concurrency());
  line.options.sessions = cores;
  describe(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  if (const auto completed = complete(line, cores); !completed) {
    return complain(completed.error(), kUsage);
  }
  return serve(line, *signals);
}
