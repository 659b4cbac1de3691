#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/bytes.hpp"

namespace sublet::agent {

struct AgentOptions {
  std::vector<std::string> brokers = {"tcp://127.0.0.1:7450"};  ///< control endpoints, of one or more of the cluster's
  std::uint32_t sessions = 1;                                   ///< most at a time, over all cards
  std::string device = "cpu";                                   ///< kind of the cards
  std::uint32_t cards = 1;
  Bytes vram = 8_GiB;         ///< of each card that sessions and their contexts may use together
  std::uint32_t threads = 1;  ///< of the cpu device, per session
  std::uint32_t spares = 1;   ///< warm processes per card
  /// Where an MPS daemon of the operator has its pipes, or would have them; empty: this kind of device knows none.
  std::string mps_folder = {};
  std::string name = {};
  /// Shared memory of a spare. A lease that needs more gets a process of its own size.
  Bytes arena = 64_MiB;
  std::vector<std::string> host_stages = {};  ///< `name=command`: what stages of the host may name beside what is built in
  std::string session_program = "sublet-session";
  bool insecure_network = false;
  bool exit_when_disconnected = false;
  int ready_fd = -1;
};

}  // namespace sublet::agent
