// sublet-session: works on a card for the leases of one tenant. Started by sublet-worker, with nothing but a socket pair, over which each
// lease brings its shared memory; has no network. `sublet kernel check` asks it what its device makes of a module, and it starts itself to
// compile CUDA C++.

#include <csignal>
#include <cstdlib>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "gpu-worker/devices/image/compile_apart.hpp"
#include "gpu-worker/session/describe.hpp"
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

int complain(const Error& error, int code) {
  fmt::print(stderr, "sublet-session: {}\n", to_text(error));
  return code;
}

int serve(const session::DeviceChoice& choice, const std::vector<std::string>& commands) {
  session::HostFunctions functions;
  for (const std::string& rule : commands) {
    if (auto added = functions.add_command(rule); !added) {
      return complain(added.error(), session::kUsage);
    }
  }
  struct stat status = {};
  if (::fstat(ring::kInheritedLink, &status) != 0 || !S_ISSOCK(status.st_mode)) {
    return complain({.code = ErrorCode::protocol_error, .detail = "start session processes through sublet-worker only"}, session::kUsage);
  }
  ::fcntl(ring::kInheritedLink, F_SETFD, FD_CLOEXEC);
  const ring::SessionLink link{io::FileDescriptor(ring::kInheritedLink)};
  auto guard = session::Guard::start(link.fd());
  if (!guard) {
    return complain(guard.error(), session::kProtocol);
  }
  auto device = session::open_device(choice);
  if (!device) {
    [[maybe_unused]] const auto told = link.greet({.code = device.error().code, .text = device.error().detail});
    return session::kCannotStart;
  }
  return session::live(link, **device, functions, **guard);
}

int describe(const std::string& file) {
  const auto written = session::write_all(ring::kInheritedLink, session::describe_module(file));
  return written ? 0 : complain(written.error(), session::kUsage);
}

}  // namespace

int main(int argc, char** argv) {
  confine();
  CLI::App app("Works on a card for the leases of one tenant. Started by sublet-worker.");
  session::DeviceChoice choice;
  app.add_option("--device", choice.kind, "cpu or cuda");
  app.add_option("--card", choice.card, "index of the card");
  app.add_option("--vram", choice.vram.count, "bytes of memory that the cpu device has");
  app.add_option("--threads", choice.threads, "host threads that run kernels");
  app.add_flag("--mps", choice.through_mps, "the card is to be used through an MPS daemon");
  std::vector<std::string> commands;
  app.add_option("--host-stage", commands, "name=command: a command that stages of the host may name")->allow_extra_args(false);
  std::string described;
  app.add_option("--describe", described, "write what the cpu device makes of a file of PTX or CUDA C++ to descriptor 3, as JSON, and end");
  image::CompileRequest compiled;
  app.add_option("--compile", compiled.architecture, "make PTX for that architecture of the CUDA C++ on descriptor 3, and write it to 4");
  app.add_option("--memory", compiled.memory.count, "bytes that --compile may map");
  app.add_option("--nvrtc", compiled.libraries, "where --compile looks for NVRTC")->allow_extra_args(false);
  app.add_option("--include", compiled.includes, "a folder of CUDA's headers for --compile")->allow_extra_args(false);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : session::kUsage;
  }
  if (compiled.architecture != 0) {
    // Whatever the compiler would do at the end, the PTX is written.
    std::_Exit(image::serve_compile(compiled));
  }
  return described.empty() ? serve(choice, commands) : describe(described);
}
