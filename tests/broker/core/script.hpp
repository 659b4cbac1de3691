#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/broker/core/world.hpp"

namespace sublet::broker::testing {

/// Drives a broker from text and writes down all that it decides: one line per input, and below it one `->` line per thing decided.
///
///     t=0s  p1 submit j1 0..1
///           -> write j1.1 2 ready
///           -> p1 accepted j1 fresh=2
///
/// Producers are p1, p2 …, workers w1, w2 … (their number is their instance), jobs j1 … and pipelines are named by the script; leases s1 …
/// and grants g1 … are numbered as they are given. The header of scripts/submit.txt explains every verb.
class Script {
 public:
  /// The script as it would read when every decision is as the broker takes it now. Lines with `#` are kept.
  std::string replay(const std::string& text);

 private:
  using Words = std::vector<std::string>;

  void perform(const Words& words);
  Input input_of(const std::string& actor, const std::string& verb, const Words& words);
  wire::Message open(const Words& words, Blob& payload);
  wire::Message submit(const Words& words, Blob& payload);
  wire::Message settle(const Words& words, Blob& payload);
  std::vector<wire::HeldLease> held(const Words& words);
  /// The verbs dead, replay, rm, teardown and peek.
  wire::Message dead_message(const std::string& verb, const Words& words, JobId job, Blob& payload);
  JobId job_named(const std::string& name) const;
  void set_option(const Words& words);
  void note(const Step& step);
  std::string text_of(const Write& write) const;
  std::string text_of(const Send& send);
  std::string text_of(const wire::DeadListed& listed) const;
  PeerId peer(const std::string& actor);
  LeaseId lease(const std::string& name) const;

  std::optional<World> world_;
  BrokerOptions options_;
  std::string decisions_;
  std::map<std::string, PeerId> peers_;
  std::uint64_t last_peer_ = 0;
  std::map<JobId, std::string> jobs_;
  std::string opening_;
  std::vector<wire::Lease> leases_;
  std::vector<wire::Run> runs_;
};

}  // namespace sublet::broker::testing
