// sublet-session: works on a card for one lease. Started by sublet-worker, with nothing but shared memory and two pipes; has no network.

#include <csignal>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "gpu-worker/session/open_device.hpp"
#include "gpu-worker/session/process.hpp"

namespace {

using namespace sublet;

/// The agent decides when a session ends, also when a terminal's Ctrl-C reaches the whole process group. No core files: they would hold a
/// tenant's data.
void confine() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
    std::signal(number, SIG_IGN);
  }
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

io::FileDescriptor inherited(int number) {
  return ::fcntl(number, F_SETFD, FD_CLOEXEC) == 0 ? io::FileDescriptor(number) : io::FileDescriptor();
}

int complain(const Error& error, int code) {
  fmt::print(stderr, "sublet-session: {}\n", to_text(error));
  return code;
}

int serve(const session::DeviceChoice& choice) {
  using ring::InheritedFds;
  auto end = ring::SessionEnd::attach(inherited(InheritedFds::kArea), inherited(InheritedFds::kListener), inherited(InheritedFds::kRinger));
  if (!end) {
    return complain(end.error(), session::kUsage);
  }
  auto guard = session::Guard::start(*end);
  if (!guard) {
    return complain(guard.error(), session::kProtocol);
  }
  auto device = session::open_device(choice);
  if (!device) {
    const ring::Reply failed{.kind = ring::ReplyKind::failed, .code = static_cast<std::uint16_t>(device.error().code)};
    [[maybe_unused]] const auto told = end->reply(failed, device.error().detail);
    return session::kCannotStart;
  }
  return session::live(*end, **device, *guard);
}

}  // namespace

int main(int argc, char** argv) {
  confine();
  CLI::App app("Works on a card for one lease. Started by sublet-worker.");
  session::DeviceChoice choice;
  app.add_option("--device", choice.kind, "cpu");
  app.add_option("--card", choice.card, "index of the card");
  app.add_option("--vram", choice.vram.count, "bytes of memory that the card has");
  app.add_option("--threads", choice.threads, "host threads that run kernels");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : session::kUsage;
  }
  return serve(choice);
}
