#include "common/error.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sublet {
namespace {

using enum RetryClass;

constexpr auto kErrorTable = std::to_array<ErrorInfo>({
    {ErrorCode::ok, "ok", never, "no error"},
    {ErrorCode::lease_expired, "lease_expired", free, "the lease passed its deadline; its session and everything in it is gone"},
    {ErrorCode::disconnected, "disconnected", free, "no connection to the broker"},
    {ErrorCode::session_lost, "session_lost", free, "the session process ended while the chunk was with it"},
    {ErrorCode::draining, "draining", free, "the worker is shutting down"},
    {ErrorCode::not_owner, "not_owner", free, "another broker owns this shard"},
    {ErrorCode::store_unavailable, "store_unavailable", free, "the store does not answer"},
    {ErrorCode::jobs_lost, "jobs_lost", never, "the broker restarted with an embedded store; its jobs are gone"},
    {ErrorCode::hello_required, "hello_required", free, "the broker does not know this connection; it has to say HELLO first"},
    {ErrorCode::returned, "returned", free, "the worker handed the chunk back without running it"},
    {ErrorCode::resource_exhausted, "resource_exhausted", free, "a budget is full; wait and repeat"},
    {ErrorCode::no_capacity, "no_capacity", free, "no card has a free slice of this size"},
    {ErrorCode::alloc_failed_quota, "alloc_failed_quota", never, "the lease is too small for its buffers; ask for more VRAM"},
    {ErrorCode::alloc_failed_device, "alloc_failed_device", backoff, "the card has no memory left; free some or ask for less"},
    {ErrorCode::sync_failed, "sync_failed", once, "a kernel failed while it ran; the session is lost"},
    {ErrorCode::kernel_timeout, "kernel_timeout", once, "a kernel ran past its time limit; the session is lost"},
    {ErrorCode::transient, "transient", backoff, "a failure that may pass"},
    {ErrorCode::poison, "poison", never, "the chunk ended its session process too often"},
    {ErrorCode::payload_lost, "payload_lost", never, "the chunk's payload is gone with the host that kept it"},
    {ErrorCode::retries_exhausted, "retries_exhausted", never, "the last allowed attempt failed"},
    {ErrorCode::load_failed, "load_failed", never, "a module could not be loaded"},
    {ErrorCode::launch_failed, "launch_failed", never, "a launch was refused before anything ran"},
    {ErrorCode::output_too_large, "output_too_large", never, "an output is larger than its buffer or the limit"},
    {ErrorCode::invalid_handle, "invalid_handle", never, "a handle that this session does not hold"},
    {ErrorCode::out_of_range, "out_of_range", never, "an offset and length outside of a buffer"},
    {ErrorCode::bad_size, "bad_size", never, "a size that cannot be"},
    {ErrorCode::not_converged, "not_converged", never, "the condition that a repeat waits for never held"},
    {ErrorCode::bad_parameter, "bad_parameter", never, "what the chunk's header says does not suit its pipeline"},
    {ErrorCode::host_stage_failed, "host_stage_failed", never, "a function of the worker's host refused the chunk"},
    {ErrorCode::bad_message, "bad_message", never, "bytes that are no message of this protocol"},
    {ErrorCode::bad_type, "bad_type", never, "a value of the wrong type"},
    {ErrorCode::bad_name, "bad_name", never, "a name with characters or a length that names may not have"},
    {ErrorCode::too_deep, "too_deep", never, "a message nested deeper than the limit"},
    {ErrorCode::too_many_objects, "too_many_objects", never, "a message with more values than the limit"},
    {ErrorCode::unknown_field, "unknown_field", never, "a field that this version of the protocol does not have"},
    {ErrorCode::message_too_large, "message_too_large", never, "a message over the size limit"},
    {ErrorCode::protocol_error, "protocol_error", never, "a message that may not come here or now"},
    {ErrorCode::version_mismatch, "version_mismatch", never, "no protocol version that both sides speak"},
    {ErrorCode::not_found, "not_found", never, "no such job, queue, lease or pipeline"},
    {ErrorCode::stale, "stale", never, "a result under a fence that is no longer current"},
    {ErrorCode::duplicate, "duplicate", never, "a chunk id twice in one batch"},
    {ErrorCode::chunk_too_large, "chunk_too_large", never, "a chunk over its job's largest size"},
    {ErrorCode::bad_pipeline, "bad_pipeline", never, "a pipeline that cannot run"},
    {ErrorCode::job_closed, "job_closed", never, "the job takes no more chunks"},
    {ErrorCode::job_conflict, "job_conflict", never, "the idempotency key belongs to a job with another specification"},
    {ErrorCode::cancelled, "cancelled", never, "the job was cancelled"},
    {ErrorCode::bad_argument, "bad_argument", never, "an argument that cannot be"},
    {ErrorCode::deadline_exceeded, "deadline_exceeded", never, "the job was not done within its deadline"},
    {ErrorCode::dependency_failed, "dependency_failed", never, "a job that this one runs after did not end done"},
    {ErrorCode::io_failed, "io_failed", never, "a file or socket operation failed"},
    {ErrorCode::timeout, "timeout", never, "the time given has passed"},
    {ErrorCode::interrupted, "interrupted", never, "stopped by the user"},
    {ErrorCode::verification_failed, "verification_failed", never, "an output differs from its reference"},
    {ErrorCode::internal, "internal", never, "an error in Sublet itself"},
});

static_assert(std::ranges::is_sorted(kErrorTable, {}, &ErrorInfo::code));

/// Row of each number, so that a batch's error numbers are checked without a search; `kNoRow` for a number that is no error.
constexpr std::uint8_t kNoRow = 0xff;
static_assert(kErrorTable.size() < kNoRow);
constexpr auto kRowOf = [] {
  std::array<std::uint8_t, static_cast<std::size_t>(kErrorTable.back().code) + 1> rows{};
  rows.fill(kNoRow);
  for (std::size_t row = 0; row < kErrorTable.size(); ++row)
    rows[static_cast<std::size_t>(kErrorTable[row].code)] = static_cast<std::uint8_t>(row);
  return rows;
}();

const ErrorInfo* find(ErrorCode code) {
  const auto number = static_cast<std::size_t>(code);
  const auto row = number < kRowOf.size() ? kRowOf[number] : kNoRow;
  return row == kNoRow ? nullptr : &kErrorTable[row];
}

}  // namespace

std::span<const ErrorInfo> error_table() { return kErrorTable; }

const ErrorInfo& error_info(ErrorCode code) {
  const auto* row = find(code);
  return row != nullptr ? *row : kErrorTable.back();
}

bool is_error_number(std::uint16_t number) { return find(static_cast<ErrorCode>(number)) != nullptr; }

std::string to_text(const Error& error) {
  const auto name = error_info(error.code).name;
  return error.detail.empty() ? std::string(name) : fmt::format("{}: {}", name, error.detail);
}

}  // namespace sublet
