#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <poll.h>

#include "common/io/clock.hpp"
#include "common/pipeline/bundle_file.hpp"
#include "common/pipeline/lanes.hpp"
#include "common/wire/bundle.hpp"
#include "gpu-worker/agent/leased_session.hpp"
#include "paths.hpp"

namespace sublet::test {

inline constexpr int kPatienceMs = 60'000;

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline Bundle shipped(const std::string& pipeline) {
  auto bundle = load_bundle(std::string(SUBLET_SOURCE_DIR) + "/kernels/" + pipeline);
  if (!bundle) {
    throw std::runtime_error(to_text(bundle.error()));
  }
  return *bundle;
}

inline Bundle with_module(Pipeline pipeline, const std::string& ptx) {
  const ByteView bytes = as_view(ptx);
  pipeline.modules = {{.name = "module", .file = {}}};
  return {.pipeline = std::move(pipeline), .modules = {{.name = "module", .image = {bytes.begin(), bytes.end()}}}};
}

inline std::string faults() { return read_text(std::string(SUBLET_SOURCE_DIR) + "/tests/e2e/kernels/faults.ptx"); }

/// Never ends for a chunk whose first byte is 1; hands the others back.
inline Bundle endless(std::uint32_t time_limit_ms) {
  Pipeline pipeline;
  pipeline.name = "endless";
  pipeline.buffers = {{.name = "data", .bytes = "n"}, {.name = "flag", .bytes = "4"}};
  pipeline.stages = {{.kernel = "endless",
                      .module = {},
                      .over = "1",
                      .grid = {},
                      .block = {1, 1, 1},
                      .shared_bytes = 0,
                      .args = {{.type = ArgumentType::buffer, .value = "data"},
                               {.type = ArgumentType::buffer, .value = "flag"},
                               {.type = ArgumentType::s32, .value = "n"}}}};
  pipeline.inputs = {"data"};
  pipeline.outputs = {{.buffer = "data"}};
  pipeline.time_limit_ms = time_limit_ms;
  return with_module(std::move(pipeline), faults());
}

/// Writes far outside for a chunk whose first byte is 1; hands the others back.
inline Bundle wild(const std::string& kernel = "wild") {
  Bundle bundle = endless(60'000);
  bundle.pipeline.name = "wild";
  bundle.pipeline.buffers.pop_back();
  bundle.pipeline.stages[0].kernel = kernel;
  bundle.pipeline.stages[0].args = {{.type = ArgumentType::buffer, .value = "data"}, {.type = ArgumentType::s32, .value = "n"}};
  return bundle;
}

inline wire::Lease lease_for(const Bundle& bundle, std::uint64_t max_chunk_bytes) {
  return {.lease = LeaseId{77},
          .token = {.high = 1, .low = 2},
          .tenant = "tenant",
          .card = 0,
          .bytes = most_of(*lease_need(bundle, max_chunk_bytes), 2).count,
          .max_chunk_bytes = max_chunk_bytes,
          .ttl_ms = 60'000,
          .pipeline = wire::content_hash(wire::encode_bundle(bundle))};
}

inline wire::Run run_of(const std::vector<std::string>& chunks, std::uint64_t grant) {
  wire::Run run;
  run.lease = LeaseId{77};
  run.grant = GrantId{grant};
  run.token = {.high = 3, .low = 4};
  run.job = JobId{5};
  run.chunks = {{.first = 0, .count = chunks.size()}};
  for (const std::string& chunk : chunks) {
    run.lengths.values.push_back(static_cast<std::uint32_t>(chunk.size()));
  }
  return run;
}

inline std::string joined(const std::vector<std::string>& chunks) {
  std::string text;
  for (const std::string& chunk : chunks) {
    text += chunk;
  }
  return text;
}

inline wire::Lease by_reference(wire::Lease lease) {
  lease.by_reference = true;
  return lease;
}

/// A real `sublet-session`, driven through its ring as the agent does, without any broker.
class DrivenSession {
 public:
  explicit DrivenSession(const Bundle& bundle, std::uint64_t max_chunk_bytes = 4096, Millis lives = 10min, Bytes vram = 8_GiB)
      : DrivenSession(bundle, lease_for(bundle, max_chunk_bytes), lives, vram) {}

  /// In a process of its own.
  DrivenSession(const Bundle& bundle, wire::Lease lease, Millis lives = 10min, Bytes vram = 8_GiB,
                std::vector<std::string> host_stages = {})
      : session_(0, std::move(lease)) {
    agent::AgentOptions options;
    options.host_stages = std::move(host_stages);
    options.vram = vram;
    options.session_program = std::string(SUBLET_BIN_DIR) + "/sublet-session";
    auto process = agent::SessionProcess::start(options, 0, false);
    if (!process) {
      throw std::runtime_error(to_text(process.error()));
    }
    process_ = *process;
    start(bundle, lives);
  }

  /// Beside another one, in its process.
  DrivenSession(DrivenSession& neighbour, const Bundle& bundle, LeaseId lease, Millis lives = 10min)
      : process_(neighbour.process_), session_(0, with_id(lease_for(bundle, 4096), lease)) {
    start(bundle, lives);
  }

  agent::LeasedSession& operator*() { return session_; }
  agent::LeasedSession* operator->() { return &session_; }

  /// Until the session is up, or the error that it answers with.
  Result<void> wait_until_up() {
    while (session_.state() != agent::LeasedSession::State::up) {
      if (auto heard = hear(); !heard) {
        return heard;
      }
    }
    return {};
  }

  /// Waits for the session to say something, and takes it.
  Result<void> hear() {
    pollfd bell{.fd = session_.channel()->fd(), .events = POLLIN, .revents = 0};
    if (::poll(&bell, 1, kPatienceMs) != 1) {
      return fail(ErrorCode::timeout, "the session says nothing");
    }
    auto taken = session_.take_replies(io::now());
    if (!taken) {
      return std::unexpected(taken.error());
    }
    return session_.hung_up() ? fail(ErrorCode::session_lost, "the session process has ended") : Result<void>();
  }

  Result<void> hand_over(const std::vector<std::string>& chunks, bool alone = false) {
    wire::Run run = run_of(chunks, ++grants_);
    run.lease = session_.id();
    run.alone = alone;
    return session_.run(std::move(run), Blob::copy_of(as_view(joined(chunks))), io::now());
  }

  /// The next settle, whatever it takes.
  agent::LeasedSession::Unsettled settle() {
    while (true) {
      auto fresh = session_.fresh_settles();
      if (!fresh.empty()) {
        agent::LeasedSession::Unsettled settle = *fresh.front();
        session_.settled(settle.message.grant);
        return settle;
      }
      if (auto heard = hear(); !heard) {
        throw std::runtime_error(to_text(heard.error()));
      }
    }
  }

  [[nodiscard]] agent::SessionProcess& process() { return *process_; }

  /// Closes the session and waits until nothing of it is left.
  Result<void> close() {
    session_.drop();
    if (!session_.close(io::now())) {
      return fail(ErrorCode::protocol_error, "the session does not take the command");
    }
    while (!session_.left()) {
      if (auto heard = hear(); !heard) {
        return heard;
      }
    }
    return {};
  }

  int exit_code() {
    pollfd gone{.fd = process_->exit_fd(), .events = POLLIN, .revents = 0};
    if (::poll(&gone, 1, kPatienceMs) != 1) {
      return -1;
    }
    const std::string how = process_->how_it_ended();
    const std::string prefix = "ended with code ";
    return how.starts_with(prefix) ? std::stoi(how.substr(prefix.size())) : -2;
  }

 private:
  static wire::Lease with_id(wire::Lease lease, LeaseId id) {
    lease.lease = id;
    return lease;
  }

  void start(const Bundle& bundle, Millis lives) {
    agent::BundleCache cache;
    const auto bytes = wire::encode_bundle(bundle);
    auto loaded = cache.put(wire::content_hash(bytes), Blob::copy_of(bytes));
    if (!loaded) {
      throw std::runtime_error(to_text(loaded.error()));
    }
    const auto lanes = agent::lanes_of(**loaded, session_.lease()).value();
    auto started = session_.start({.process = process_, .arena = 16_MiB, .lanes = lanes}, *loaded, io::now() + lives);
    if (!started) {
      throw std::runtime_error(to_text(started.error()));
    }
  }

  std::shared_ptr<agent::SessionProcess> process_;
  agent::LeasedSession session_;
  std::uint64_t grants_ = 0;
};

}  // namespace sublet::test
