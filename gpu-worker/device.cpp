#include "gpu-worker/device.hpp"

#include <optional>

#include <fmt/format.h>

namespace sublet {

Result<void> check_buffer_arguments(const Launch& launch) {
  std::optional<std::uint32_t> last;
  for (const BufferArgument& each : launch.buffers) {
    const auto refused = [&](std::string_view why) {
      return fail(ErrorCode::launch_failed, fmt::format("kernel \"{}\": buffer argument {} {}", launch.kernel, each.argument, why));
    };
    if (each.argument >= launch.arg_sizes.size()) return refused(fmt::format("of a launch with {}", launch.arg_sizes.size()));
    if (launch.arg_sizes[each.argument] != sizeof(each.buffer)) {
      return refused(fmt::format("has {} bytes; an address has {}", launch.arg_sizes[each.argument], sizeof(each.buffer)));
    }
    if (last && each.argument <= *last) return refused(fmt::format("comes behind argument {}; give each once, in order", *last));
    last = each.argument;
  }
  return {};
}

Result<void> Session::pass(StreamId stream, const Passage& passage) {
  if (!passage.from.empty()) {
    if (auto written = mem_write(stream, passage.input, 0, passage.from); !written) {
      return written;
    }
  }
  for (const Launch& each : passage.launches) {
    if (auto launched = launch(stream, each); !launched) {
      return launched;
    }
  }
  return passage.into.empty() ? Result<void>() : mem_read(stream, passage.output, 0, passage.into);
}

}  // namespace sublet
