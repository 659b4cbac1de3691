#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/io/process.hpp"
#include "common/job.hpp"
#include "common/time.hpp"
#include "gpu-worker/agent/options.hpp"
#include "gpu-worker/ring/link.hpp"

namespace sublet::agent {

/// A running `sublet-session`, and whose it is. A spare is nobody's; once it has served a tenant it never serves another. Destroying it
/// kills the process.
class SessionProcess {
 public:
  /// @param through_mps  a client of the operator's MPS daemon; no other process ever becomes one
  static Result<std::shared_ptr<SessionProcess>> start(const AgentOptions& options, std::uint32_t card, bool through_mps);

  [[nodiscard]] pid_t pid() const { return child_.pid(); }
  [[nodiscard]] std::uint32_t card() const { return card_; }
  /// Readable when the process has said something.
  [[nodiscard]] int link_fd() const { return link_.fd(); }
  /// Readable when the process has ended.
  [[nodiscard]] int exit_fd() const { return child_.fd(); }

  [[nodiscard]] Result<std::optional<ring::Greeting>> hear() const { return link_.hear(); }
  /// Whether it has said that its device is open.
  bool greeted = false;

  /// @param isolation  `process`: no other lease may be opened beside the next one
  void give_to(const std::string& tenant, Isolation isolation);
  [[nodiscard]] const std::optional<std::string>& tenant() const { return tenant_; }
  [[nodiscard]] Isolation isolation() const { return isolation_; }
  [[nodiscard]] bool through_mps() const { return through_mps_; }
  /// Whether a lease of that tenant may be opened beside those that are there.
  [[nodiscard]] bool takes(const std::string& tenant, Isolation isolation) const;

  /// A ring for the lease, with that much arena, handed to the process.
  Result<ring::AgentEnd> open(LeaseId lease, Bytes arena, Instant deadline);
  /// Nothing of the lease is left in the process.
  void closed(LeaseId lease) { leases_.erase(lease); }
  [[nodiscard]] const std::set<LeaseId>& leases() const { return leases_; }

  /// VRAM of its context, as the ledger counts it.
  Bytes context;
  /// Empty, and kept until then for its tenant's next lease.
  std::optional<Instant> kept_until;

  void kill();
  /// It is killed, or has closed its link; nothing it says counts any more.
  [[nodiscard]] bool ending() const { return ending_; }
  /// Whether it has ended; never blocks.
  bool gone() { return child_.poll().has_value(); }
  /// "ended with code 4", "was ended by signal 9"
  std::string how_it_ended();

 private:
  SessionProcess(std::uint32_t card, bool through_mps, ring::AgentLink link, io::Child child)
      : card_(card), through_mps_(through_mps), link_(std::move(link)), child_(std::move(child)) {}

  std::uint32_t card_;
  bool through_mps_;
  ring::AgentLink link_;
  io::Child child_;
  std::optional<std::string> tenant_;
  Isolation isolation_ = Isolation::tenant;
  std::set<LeaseId> leases_;
  bool ending_ = false;
};

}  // namespace sublet::agent
