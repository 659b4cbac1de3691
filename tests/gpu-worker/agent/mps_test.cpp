// Class mps: who becomes a client of the operator's MPS daemon, and who never does. The daemon is a socket under the name of its control
// pipe: what a process makes of it is the driver's affair.

#include <csignal>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "paths.hpp"
#include "tests/gpu-worker/agent/agent_fixture.hpp"
#include "tests/support/folder.hpp"

namespace sublet::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class MpsClass : public AgentTest {
 protected:
  void start_worker() { start({.spares = 1, .mps_folder = folder_.path().string()}); }

  void start_daemon() {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    const std::string path = folder_.path() / "control";
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    daemon_ = io::FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(daemon_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  void end_daemon() { std::filesystem::remove(folder_.path() / "control"); }

  void wait_for_offer(bool mps) {
    while (broker_.expect<wire::Offer>().mps != mps) {
    }
  }

  /// The class of the lease's first window.
  Isolation up(LeaseId lease) {
    while (true) {
      const auto window = broker_.expect_of<wire::Window>(lease);
      if (window.chunks > 0) return window.isolation;
    }
  }

  /// Where the process looks for an MPS daemon.
  static std::string pipes_of(pid_t pid) {
    const std::string environment = read_text("/proc/" + std::to_string(pid) + "/environ");
    const std::string name = "CUDA_MPS_PIPE_DIRECTORY=";
    const auto at = environment.find(name);
    return at == std::string::npos ? "" : std::string(environment.c_str() + at + name.size());
  }
  /// Of the session processes, how many are clients of the daemon.
  [[nodiscard]] std::ptrdiff_t clients() const {
    return std::ranges::count_if(session_pids(), [&](pid_t pid) { return pipes_of(pid) == folder_.path(); });
  }

  Folder folder_;
  io::FileDescriptor daemon_;
};

TEST_F(MpsClass, IsOnOfferWhileTheOperatorsDaemonIsThere) {
  start_worker();
  start_daemon();
  wait_for_offer(true);
  end_daemon();
  wait_for_offer(false);
}

TEST_F(MpsClass, IsRefusedWithTheRemedyWithoutADaemon) {
  start_worker();
  other_lease(shipped("echo/echo.yaml"), "tenant", Isolation::mps);
  const auto release = broker_.expect_of<wire::Release>(kOther);
  EXPECT_EQ(release.code, ErrorCode::no_capacity);
  EXPECT_THAT(release.detail, HasSubstr("start nvidia-cuda-mps-control"));
  EXPECT_THAT(release.detail, HasSubstr(folder_.path().string()));
}

TEST_F(MpsClass, ALeaseOfItRunsInAClientOfTheDaemonAndTheGrantSaysSo) {
  start_daemon();
  start_worker();
  other_lease(shipped("echo/echo.yaml"), "tenant", Isolation::mps);
  EXPECT_EQ(up(kOther), Isolation::mps);
  EXPECT_EQ(clients(), 1);
  run({"it works"}, 1, kOther);
  Blob outputs;
  broker_.expect_of<wire::Settle>(kOther, &outputs);
  EXPECT_EQ(as_text(outputs.view()), "it works");
}

TEST_F(MpsClass, TheOtherClassesNeverGoThroughTheDaemon) {
  start_daemon();
  start_worker();
  lease(shipped("echo/echo.yaml"));
  EXPECT_EQ(up(kLease), Isolation::tenant);
  other_lease(shipped("echo/echo.yaml"), "tenant", Isolation::process);
  EXPECT_EQ(up(kOther), Isolation::process);
  EXPECT_EQ(clients(), 0);
  for (const pid_t pid : session_pids()) {
    EXPECT_EQ(pipes_of(pid), "/proc/self/ns");
  }
}

TEST_F(MpsClass, NobodyOfAnotherClassJoinsAClient) {
  start_daemon();
  start_worker();
  other_lease(shipped("echo/echo.yaml"), "tenant", Isolation::mps);
  up(kOther);
  lease(shipped("echo/echo.yaml"));
  EXPECT_EQ(up(kLease), Isolation::tenant);
  EXPECT_EQ(clients(), 1);
  // Both have one of their own, beside a spare.
  EXPECT_GE(session_pids().size(), 2U);
}

TEST_F(MpsClass, LeasesOfOneTenantShareAClient) {
  start_daemon();
  start_worker();
  const auto of_class_mps = [](wire::Lease& lease) { lease.isolation = Isolation::mps; };
  lease(shipped("echo/echo.yaml"), of_class_mps);
  up(kLease);
  other_lease(shipped("echo/echo.yaml"), "tenant", Isolation::mps);
  up(kOther);
  EXPECT_EQ(clients(), 1);
}

TEST_F(MpsClass, TwoTenantsShareNoClient) {
  start_daemon();
  start_worker();
  lease(shipped("echo/echo.yaml"), [](wire::Lease& lease) { lease.isolation = Isolation::mps; });
  up(kLease);
  other_lease(shipped("echo/echo.yaml"), "somebody", Isolation::mps);
  up(kOther);
  EXPECT_EQ(clients(), 2);
}

TEST_F(MpsClass, AWorkerWhoseDevicesKnowNoMpsLeavesTheEnvironmentAlone) {
  start({.spares = 1});
  ASSERT_THAT(session_pids(), SizeIs(1));
  EXPECT_EQ(pipes_of(*session_pids().begin()), "");
}

}  // namespace
}  // namespace sublet::test
