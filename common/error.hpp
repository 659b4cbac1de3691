#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace sublet {

/// Every error Sublet reports. The number is the wire number and never changes its meaning.
enum class ErrorCode : std::uint16_t {
  ok = 0,
  // Infrastructure: nobody's fault that a chunk could be charged with.
  lease_expired = 100,
  disconnected = 101,
  session_lost = 102,
  draining = 103,
  not_owner = 104,
  store_unavailable = 105,
  jobs_lost = 106,
  hello_required = 107,
  returned = 108,
  // Pressure: wait and repeat.
  resource_exhausted = 200,
  no_capacity = 201,
  // Resources of a lease or a card.
  alloc_failed_quota = 300,
  alloc_failed_device = 301,
  // What a chunk did while it ran.
  sync_failed = 400,
  kernel_timeout = 401,
  transient = 402,
  poison = 403,
  payload_lost = 404,
  retries_exhausted = 405,
  // Final: the same chunk on the same pipeline fails again.
  load_failed = 500,
  launch_failed = 501,
  output_too_large = 502,
  invalid_handle = 503,
  out_of_range = 504,
  bad_size = 505,
  not_converged = 506,
  bad_parameter = 507,
  host_stage_failed = 508,
  // The caller's message or arguments.
  bad_message = 600,
  bad_type = 601,
  bad_name = 602,
  too_deep = 603,
  too_many_objects = 604,
  unknown_field = 605,
  message_too_large = 606,
  protocol_error = 607,
  version_mismatch = 608,
  not_found = 609,
  stale = 610,
  duplicate = 611,
  chunk_too_large = 612,
  bad_pipeline = 613,
  job_closed = 614,
  job_conflict = 615,
  cancelled = 616,
  bad_argument = 617,
  deadline_exceeded = 618,
  dependency_failed = 619,
  // On this host only; never sent.
  io_failed = 700,
  timeout = 701,
  interrupted = 702,
  verification_failed = 703,
  internal = 999,
};

/// What a failed attempt with this error means for the chunk.
enum class RetryClass : std::uint8_t {
  never,    ///< the chunk is dead at once
  once,     ///< one more attempt, then dead
  backoff,  ///< as the job's RetryPolicy says
  free,     ///< runs again, not charged as an attempt
};

struct ErrorInfo {
  ErrorCode code;
  std::string_view name;
  RetryClass retry;
  std::string_view meaning;
};

/// The whole table, ascending by number.
std::span<const ErrorInfo> error_table();

/// The row of `code`; that of `internal` for a number that is not in the table.
const ErrorInfo& error_info(ErrorCode code);

/// Whether `number` is in the table.
bool is_error_number(std::uint16_t number);

struct Error {
  ErrorCode code = ErrorCode::internal;
  /// What it was about and what to do: names the thing and the remedy.
  std::string detail;
  /// When repeating may help, with pressure errors; 0 otherwise.
  std::uint32_t retry_after_ms = 0;

  bool operator==(const Error&) const = default;
};

/// "load_failed: opcode … is not supported …"
std::string to_text(const Error& error);

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string detail) {
  return std::unexpected(Error{.code = code, .detail = std::move(detail)});
}

}  // namespace sublet
