#include "gpu-worker/devices/image/compile_apart.hpp"

#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/io/filter.hpp"

namespace sublet::image {
namespace {

/// 1 and 2 are what a program ends with for reasons of its own.
enum ExitCode : int { kCompiled = 0, kRefused = 3, kBroken = 4 };

/// More than any device takes.
constexpr Bytes kLargestPtx = 64_MiB;

constexpr std::string_view kSmallerRemedy = "make the module smaller, or compile it with nvcc --ptx and name the .ptx";

/// The sanitizers map terabytes.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMayBeLimited = false;
#else
constexpr bool kMayBeLimited = true;
#endif

void limit_memory(Bytes most) {
  const rlimit limit{.rlim_cur = most.count, .rlim_max = most.count};
  if (kMayBeLimited) {
    ::setrlimit(RLIMIT_AS, &limit);
  }
}

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 65'536> part{};
  for (;;) {
    const auto got = ::read(fd, part.data(), part.size());
    if (got > 0) {
      text.append(part.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || errno != EINTR) {
      return text;
    }
  }
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) {
      return false;
    }
    text.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
  return true;
}

std::unexpected<Error> stopped(std::string_view how) {
  return fail(ErrorCode::load_failed, fmt::format("the module's compiler {}; {}", how, kSmallerRemedy));
}

}  // namespace

Result<std::string> compile_apart(const SourceOptions& options, std::string_view source, int architecture) {
  io::SpawnOptions program{.program = options.program,
                           .args = {fmt::format("--compile={}", architecture), fmt::format("--memory={}", options.memory.count)}};
  for (const std::string& library : options.libraries) {
    program.args.push_back("--nvrtc=" + library);
  }
  for (const std::string& folder : options.includes) {
    program.args.push_back("--include=" + folder);
  }
  const auto made =
      io::run_filter({.program = std::move(program), .data = as_view(source), .room = kLargestPtx.count, .time_limit = options.time_limit});
  if (!made) {
    return std::unexpected(made.error());
  }
  if (made->how == io::FilterEnd::ran_too_long) {
    return stopped(fmt::format("was stopped after {} s", std::chrono::duration<double>(options.time_limit).count()));
  }
  if (made->how == io::FilterEnd::wrote_too_much) {
    return stopped(fmt::format("made more than {} MiB of PTX", kLargestPtx.count >> 20U));
  }
  const std::string text(as_text(made->output));
  if (made->exit.clean()) {
    return text;
  }
  if (made->exit.signal == 0 && made->exit.code == kRefused) {
    return fail(ErrorCode::load_failed, text);
  }
  return stopped(fmt::format("ended with {} {}, most likely at its limit of {} MiB of memory", made->exit.signal != 0 ? "signal" : "code",
                             made->exit.signal != 0 ? made->exit.signal : made->exit.code, options.memory.count >> 20U));
}

int serve_compile(const CompileRequest& request) {
  limit_memory(request.memory);
  const std::string source = read_to_end(io::kFilterIn);
  const auto nvrtc = Nvrtc::load(request.libraries);
  const auto ptx =
      nvrtc ? nvrtc->compile(source, {.architecture = request.architecture, .includes = request.includes}) : std::unexpected(nvrtc.error());
  if (!write_all(io::kFilterOut, ptx ? *ptx : ptx.error().detail)) {
    return kBroken;
  }
  return ptx ? kCompiled : kRefused;
}

}  // namespace sublet::image
