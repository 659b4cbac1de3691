#include "producer/cli/exit_code.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

/// What to do about an error whose detail names no remedy.
std::string_view remedy_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::disconnected:
      return "is a broker running? Start one with: sublet up";
    case ErrorCode::jobs_lost:
      return "an embedded store keeps jobs in memory only; submit again";
    case ErrorCode::not_found:
      return "list what there is with: sublet jobs, sublet queues";
    case ErrorCode::timeout:
      return "give it longer with --timeout, for example --timeout 60s";
    case ErrorCode::version_mismatch:
      return "use the same release of sublet on both sides: sublet version";
    case ErrorCode::bad_pipeline:
      return "explain the pipeline with: sublet pipeline check FILE";
    case ErrorCode::resource_exhausted:
      return "wait for running jobs to end, or cancel one: sublet jobs";
    default:
      return {};
  }
}

/// A detail as one printable line.
std::string one_line(std::string_view detail) {
  std::string text(detail);
  std::ranges::replace(text, '\n', ' ');
  std::ranges::replace(text, '\t', ' ');
  while (text.ends_with(' ')) text.pop_back();
  return printable(text);
}

}  // namespace

ExitCode exit_code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::ok:
      return ExitCode::ok;
    case ErrorCode::disconnected:
    case ErrorCode::hello_required:
    case ErrorCode::not_owner:
    case ErrorCode::store_unavailable:
      return ExitCode::no_connection;
    case ErrorCode::not_found:
    case ErrorCode::jobs_lost:
      return ExitCode::not_found;
    case ErrorCode::timeout:
      return ExitCode::timed_out;
    case ErrorCode::interrupted:
      return ExitCode::interrupted;
    case ErrorCode::bad_argument:
    case ErrorCode::bad_pipeline:
    case ErrorCode::bad_name:
    case ErrorCode::chunk_too_large:
    case ErrorCode::job_conflict:
      return ExitCode::usage;
    default:
      return ExitCode::failed;
  }
}

ExitCode exit_code_of(JobState state) {
  return state == JobState::failed || state == JobState::cancelled ? ExitCode::failed : ExitCode::ok;
}

std::string error_lines(const Error& error, std::string_view hint) {
  const auto& info = error_info(error.code);
  auto what = one_line(error.detail.empty() ? info.meaning : std::string_view(error.detail));
  std::string remedy(hint);
  if (const auto semicolon = what.find("; "); semicolon != std::string::npos) {
    if (remedy.empty()) remedy = what.substr(semicolon + 2);
    what.resize(semicolon);
  }
  if (remedy.empty()) remedy = remedy_of(error.code);
  auto text = fmt::format("sublet: {} ({})\n", what, info.name);
  if (!remedy.empty()) text += fmt::format("hint: {}\n", one_line(remedy));
  return text;
}

}  // namespace sublet::cli
