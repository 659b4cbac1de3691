#include "producer/cli/verbs/job_times.hpp"

#include <algorithm>

#include "producer/cli/moment.hpp"
#include "producer/cli/text.hpp"
#include "producer/cli/verbs/verb.hpp"

namespace sublet::cli {
namespace {

Result<void> read_duration(const std::string& text, std::string_view option, Millis& out) {
  if (text.empty()) return {};
  const auto duration = parse_duration(text, option);
  if (!duration) return std::unexpected(duration.error());
  if (*duration == 0ms) return fail(ErrorCode::bad_argument, std::string(option) + " is 0; leave it out, or give at least 1ms");
  out = *duration;
  return {};
}

}  // namespace

void add_job_times(CLI::App& verb, JobTimes& times) {
  verb.add_option("--delay", times.delay, "Run nothing of the job before so long from now")->type_name("DURATION");
  verb.add_option("--at", times.at, "Run nothing of the job before that time, as 2026-12-01T10:00Z")->type_name("TIME");
  verb.add_option("--after", times.after, "Run the job when that one is done; may be given again")
      ->type_name("JOB")
      ->take_all()
      ->allow_extra_args(false);
  verb.add_flag("--after-any", times.after_any, "With --after: however that one ends");
  verb.add_option("--deadline", times.deadline, "Fail the job when it has not ended so long from now")->type_name("DURATION");
  verb.add_option("--ttl", times.ttl, "How long the job and its outputs are kept after its end")->type_name("DURATION");
}

Result<void> apply(const JobTimes& times, std::chrono::system_clock::time_point now, JobSpec& spec) {
  if (!times.delay.empty() && !times.at.empty()) return fail(ErrorCode::bad_argument, "--delay and --at say the same; give one of them");
  if (times.after_any && times.after.empty()) return fail(ErrorCode::bad_argument, "--after-any without --after JOB says nothing");
  if (auto read = read_duration(times.delay, "--delay", spec.delay); !read) return read;
  if (auto read = read_duration(times.deadline, "--deadline", spec.deadline); !read) return read;
  if (auto read = read_duration(times.ttl, "--ttl", spec.ttl); !read) return read;
  if (!times.at.empty()) {
    const auto moment = parse_moment(times.at, "--at");
    if (!moment) return std::unexpected(moment.error());
    spec.delay = std::max(0ms, std::chrono::ceil<Millis>(*moment - now));
  }
  for (const auto& job : times.after) {
    if (const auto prefix = parse_job_prefix(job); !prefix) return std::unexpected(prefix.error());
  }
  spec.after_any = times.after_any;
  return {};
}

Result<std::vector<JobId>> find_after(Client& client, const JobTimes& times) {
  std::vector<JobId> jobs;
  for (const auto& text : times.after) {
    const auto job = find_job(client, text);
    if (!job) return std::unexpected(job.error());
    jobs.push_back(*job);
  }
  return jobs;
}

}  // namespace sublet::cli
