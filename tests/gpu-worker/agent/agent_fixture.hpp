#pragma once

#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/gpu-worker/agent/fake_broker.hpp"
#include "tests/gpu-worker/session/driven_session.hpp"

namespace sublet::test {

constexpr auto number(ErrorCode code) { return static_cast<std::uint16_t>(code); }
inline constexpr LeaseId kLease{77};
inline constexpr LeaseId kOther{79};

class AgentTest : public testing::Test {
 protected:
  /// An agent that has made its offer, for two sessions.
  RunningAgent& start(agent::AgentOptions options = {}) {
    options.sessions = 2;
    agent_.emplace(std::vector{broker_.endpoint()}, options);
    broker_.expect_card([](const wire::Card& card) { return card.free_sessions == 2; });
    broker_.forget();
    return *agent_;
  }

  /// @param change  what is to be different about the lease
  template <class Change>
  wire::Lease lease(const Bundle& bundle, Change change) {
    wire::Lease lease = lease_for(bundle, 4096);
    broker_.add(bundle);
    lease.ttl_ms = broker_.ttl_ms;
    change(lease);
    broker_.send_control(lease);
    return lease;
  }
  wire::Lease lease(const Bundle& bundle) {
    return lease(bundle, [](wire::Lease&) {});
  }
  wire::Lease other_lease(const Bundle& bundle, const std::string& tenant = "tenant", Isolation isolation = Isolation::tenant) {
    return lease(bundle, [&](wire::Lease& lease) {
      lease.lease = kOther;
      lease.tenant = tenant;
      lease.isolation = isolation;
    });
  }

  void run(const std::vector<std::string>& chunks, std::uint64_t grant, LeaseId lease = kLease) {
    const Blob payload = Blob::copy_of(as_view(joined(chunks)));
    wire::Run run = run_of(chunks, grant);
    run.lease = lease;
    broker_.send_bulk(run, &payload);
  }

  /// Until the agent has taken the runs so far: one of a lease that it does not hold is refused after them.
  void wait_until_taken() {
    run({"nobody's"}, 1'000'000, LeaseId{999});
    broker_.expect_of<wire::Settle>(LeaseId{999});
  }

  io::Context context_;
  FakeBroker broker_{context_};
  std::optional<RunningAgent> agent_;
};

}  // namespace sublet::test
