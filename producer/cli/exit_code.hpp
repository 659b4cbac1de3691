#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/error.hpp"
#include "common/job.hpp"

namespace sublet::cli {

/// What `sublet` tells the shell. The numbers are part of the interface: docs/cli.md.
enum class ExitCode : int {
  ok = 0,
  failed = 1,         ///< the job failed, or not every output was written
  usage = 2,          ///< the command line, a file it names, or the pipeline is wrong; nothing was started
  no_connection = 3,  ///< no broker answered
  not_found = 4,      ///< no such job, queue or pipeline
  timed_out = 5,
  interrupted = 130,
};

/// The exit code of a verb that ended with `code`.
ExitCode exit_code_of(ErrorCode code);

/// The exit code of a verb that waited for a job that is now in `state`: an open job is no failure.
ExitCode exit_code_of(JobState state);

/// An error as it goes to stderr: one line "sublet: <what> (<error name>)", and "hint: <remedy>" below it when there is one.
/// @param hint  wins over the remedy that may stand in the error's own detail after a semicolon
std::string error_lines(const Error& error, std::string_view hint = {});

}  // namespace sublet::cli
