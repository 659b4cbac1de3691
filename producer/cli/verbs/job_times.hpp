#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "common/error.hpp"
#include "common/job.hpp"
#include "producer/client.hpp"

namespace sublet::cli {

/// When a submitted job may begin, and by when it has to have ended.
struct JobTimes {
  std::string delay;
  std::string at;
  std::vector<std::string> after;
  bool after_any = false;
  std::string deadline;
  std::string ttl;
};

void add_job_times(CLI::App& verb, JobTimes& times);

/// Fills in all but the jobs to run after. A time of day that has passed is no delay.
/// @param now  the host's wall clock: only durations travel
Result<void> apply(const JobTimes& times, std::chrono::system_clock::time_point now, JobSpec& spec);

/// The jobs to run after, by their ids or beginnings of them.
Result<std::vector<JobId>> find_after(Client& client, const JobTimes& times);

}  // namespace sublet::cli
