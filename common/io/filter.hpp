#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/io/process.hpp"
#include "common/time.hpp"

namespace sublet::io {

/// Under which numbers a filter finds the pipe that it reads and the one that it writes.
inline constexpr int kFilterIn = 3;
inline constexpr int kFilterOut = 4;

/// A program that makes bytes of bytes.
struct FilterCall {
  SpawnOptions program;  ///< nothing to be inherited: the pipes are added
  ByteView data;
  std::size_t room = 0;  ///< the most bytes that it may write
  Nanos time_limit{};
};

enum class FilterEnd : std::uint8_t { ended, ran_too_long, wrote_too_much };

struct Filtered {
  FilterEnd how = FilterEnd::ended;
  Exit exit;                      ///< where it has ended
  std::vector<std::byte> output;  ///< all that it wrote until then
};

/// Runs it to its end, or past a limit: then it is killed, with all that it started. `io_failed` where it cannot be started. The caller
/// ignores SIGPIPE: a program need not read all of its data.
Result<Filtered> run_filter(FilterCall call);

}  // namespace sublet::io
