#pragma once

#include <cstddef>
#include <vector>

#include "common/wire/messages.hpp"

namespace sublet::producer {

/// What several shards list, as one list.

/// The newest first, at most `limit`.
std::vector<JobStatus> merge_jobs(const std::vector<wire::Listed>& listed, std::size_t limit);
/// A queue's counts are those of all its shards together; it is paused when it is in every one of them. By name.
std::vector<wire::QueueStatus> merge_queues(const std::vector<wire::Listed>& listed);
/// A worker has its cards once, whichever shards it offers them to; the rest is summed. By name.
std::vector<wire::WorkerStatus> merge_workers(const std::vector<wire::Listed>& listed);

}  // namespace sublet::producer
