#include "producer/cli/listing.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/job_text.hpp"
#include "producer/cli/summary.hpp"
#include "producer/cli/table.hpp"
#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string age_of(std::uint64_t millis) { return age_text(Millis(static_cast<std::int64_t>(millis))); }

std::uint64_t ended_chunks(const JobStatus& job) { return job.done + job.dead + job.dropped; }

int percent(const JobStatus& job) { return job.accepted == 0 ? 0 : static_cast<int>(ended_chunks(job) * 100 / job.accepted); }

/// What a job is doing, in a word that says more than its state while it has not ended.
std::string_view activity(const JobStatus& job) {
  if (has_ended(job.state)) return to_text(job.state);
  if (job.hold != JobHold::none) return to_text(job.hold);
  if (job.leased > 0) return "running";
  if (job.ready > 0) return "ready";
  if (job.waiting > 0) return "waiting";
  return to_text(job.state);
}

std::string ids_text(const std::vector<JobId>& jobs) {
  std::string text;
  for (const auto job : jobs) text += (text.empty() ? "" : ", ") + to_hex(job);
  return text;
}

Json ids_json(const std::vector<JobId>& jobs) {
  auto array = Json::array();
  for (const auto job : jobs) array.push_back(to_hex(job));
  return array;
}

std::string error_text(const JobStatus& job) {
  return job.error == ErrorCode::ok ? "" : printable(to_text({.code = job.error, .detail = job.error_detail}));
}

}  // namespace

std::string jobs_table(const std::vector<JobStatus>& jobs, std::size_t width) {
  if (jobs.empty()) return "No jobs. Submit one with: sublet submit video --in DIR\n";
  Table table{.columns = {{.title = "JOB"},
                          {.title = "NAME", .rank = 4, .shortest = 8},
                          {.title = "QUEUE", .rank = 3, .shortest = 8},
                          {.title = "STATE"},
                          {.title = "DONE", .right = true},
                          {.title = "OF", .right = true},
                          {.title = "DEAD", .right = true, .rank = 1},
                          {.title = "RETRIES", .right = true, .rank = 2},
                          {.title = "AGE", .right = true, .rank = 1}},
              .rows = {}};
  for (const auto& job : jobs) {
    table.rows.push_back({to_hex(job.id), job.name.empty() ? "-" : printable(job.name), printable(job.queue), std::string(activity(job)),
                          count_text(job.done), count_text(job.accepted), count_text(job.dead), count_text(job.retries),
                          age_of(job.age_ms)});
  }
  return render(table, width);
}

namespace {

/// @param rates  one for each queue, or none at all
std::string queues_table(const std::vector<wire::QueueStatus>& queues, const std::vector<std::string>& rates, std::size_t width) {
  if (queues.empty()) return "No queues yet. The first job makes its queue: sublet submit video --in DIR\n";
  Table table{.columns = {{.title = "QUEUE", .shortest = 8},
                          {.title = "STATE"},
                          {.title = "JOBS", .right = true},
                          {.title = "HELD", .right = true, .rank = 2},
                          {.title = "READY", .right = true},
                          {.title = "WAITING", .right = true, .rank = 2},
                          {.title = "LEASED", .right = true},
                          {.title = "BYTES", .right = true, .rank = 3},
                          {.title = "OUTPUTS", .right = true, .rank = 4},
                          {.title = "OLDEST", .right = true, .rank = 5},
                          {.title = "DONE", .right = true, .rank = 1},
                          {.title = "DEAD", .right = true, .rank = 1}},
              .rows = {}};
  if (!rates.empty()) table.columns.insert(table.columns.end() - 1, {.title = "DONE/S", .right = true});
  for (std::size_t index = 0; index < queues.size(); ++index) {
    const auto& queue = queues[index];
    auto& row = table.rows.emplace_back(std::vector<std::string>{
        printable(queue.name), queue.paused ? "paused" : "open", count_text(queue.jobs), count_text(queue.held), count_text(queue.ready),
        count_text(queue.waiting), count_text(queue.leased), size_text(queue.bytes), size_text(queue.output_bytes),
        queue.ready == 0 ? "-" : age_of(queue.oldest_ms), count_text(queue.done), count_text(queue.dead)});
    if (!rates.empty()) row.insert(row.end() - 1, rates[index]);
  }
  return render(table, width);
}

}  // namespace

std::string queues_table(const std::vector<wire::QueueStatus>& queues, std::size_t width) { return queues_table(queues, {}, width); }

std::string queues_table(const std::vector<wire::QueueStatus>& queues, const std::vector<wire::QueueStatus>& before, Nanos elapsed,
                         std::size_t width) {
  std::vector<std::string> rates;
  for (const auto& queue : queues) {
    const auto old = std::ranges::find(before, queue.name, &wire::QueueStatus::name);
    // A broker that was started anew counts from 0 again.
    const bool comparable = old != before.end() && old->done <= queue.done && elapsed > Nanos(0);
    const double seconds = std::chrono::duration<double>(elapsed).count();
    rates.push_back(comparable ? count_text(static_cast<std::uint64_t>(std::lround(static_cast<double>(queue.done - old->done) / seconds)))
                               : "-");
  }
  return queues_table(queues, rates, width);
}

std::string workers_table(const std::vector<wire::WorkerStatus>& workers, std::string_view broker, std::size_t width) {
  if (workers.empty()) return fmt::format("No workers. Start one with: sublet-worker --broker {} --device cpu\n", broker);
  Table table{.columns = {{.title = "WORKER", .shortest = 10},
                          {.title = "CARDS", .right = true},
                          {.title = "VRAM", .right = true},
                          {.title = "FREE", .right = true},
                          {.title = "LEASES", .right = true},
                          {.title = "CHUNKS", .right = true},
                          {.title = "DONE", .right = true, .rank = 1},
                          {.title = "AGE", .right = true, .rank = 2}},
              .rows = {}};
  for (const auto& worker : workers) {
    table.rows.push_back({printable(worker.name), count_text(worker.cards), size_text(worker.total_bytes), size_text(worker.free_bytes),
                          count_text(worker.leases), count_text(worker.leased_chunks), count_text(worker.done), age_of(worker.age_ms)});
  }
  return render(table, width);
}

std::string job_text(const JobStatus& job, std::size_t width) {
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.emplace_back("job", to_hex(job.id));
  if (!job.name.empty()) pairs.emplace_back("name", printable(job.name));
  pairs.emplace_back("queue", printable(job.queue));
  pairs.emplace_back("state", activity(job) == to_text(job.state) ? std::string(to_text(job.state))
                                                                  : fmt::format("{} ({})", to_text(job.state), activity(job)));
  if (const auto error = error_text(job); !error.empty()) pairs.emplace_back("error", error);
  pairs.emplace_back("chunks", fmt::format("{} accepted: {} done, {} dead, {} dropped", count_text(job.accepted), count_text(job.done),
                                           count_text(job.dead), count_text(job.dropped)));
  if (!has_ended(job.state)) {
    pairs.emplace_back("", fmt::format("{} ready, {} leased, {} waiting to be retried", count_text(job.ready), count_text(job.leased),
                                       count_text(job.waiting)));
  }
  pairs.emplace_back("bytes", fmt::format("{} in, {} out", size_text(job.bytes_in), size_text(job.bytes_out)));
  pairs.emplace_back("retries", count_text(job.retries));
  pairs.emplace_back("sessions", count_text(job.sessions));
  pairs.emplace_back("age", age_of(job.age_ms));
  if (job.hold_ms > 0) pairs.emplace_back("begins", "in " + duration_text(Millis(job.hold_ms)));
  if (!job.after.empty()) pairs.emplace_back("after", ids_text(job.after));
  if (job.deadline_ms > 0) pairs.emplace_back("deadline", "in " + duration_text(Millis(job.deadline_ms)));
  if (job.forgotten_ms > 0) pairs.emplace_back("kept", "for another " + duration_text(Millis(job.forgotten_ms)));
  if (job.origin != JobId{}) pairs.emplace_back("replays", to_hex(job.origin));
  if (job.by_reference) pairs.emplace_back("payloads", "by reference, in the process that submits them");
  return render_pairs(pairs, width);
}

std::string job_line(const JobStatus& job) {
  auto line = fmt::format("{}: {}, {} of {} ({}%)", to_hex(job.id), activity(job), count_text(ended_chunks(job)),
                          plural(job.accepted, "chunk"), percent(job));
  if (job.dead > 0) line += fmt::format(", {} dead", count_text(job.dead));
  if (job.retries > 0) line += job.retries == 1 ? ", 1 retry" : fmt::format(", {} retries", count_text(job.retries));
  return line;
}

Json job_json(const JobStatus& job) {
  return {{"id", to_hex(job.id)},
          {"name", job.name},
          {"queue", job.queue},
          {"state", to_text(job.state)},
          {"accepted", job.accepted},
          {"ready", job.ready},
          {"waiting", job.waiting},
          {"leased", job.leased},
          {"done", job.done},
          {"dead", job.dead},
          {"dropped", job.dropped},
          {"retries", job.retries},
          {"bytes_in", job.bytes_in},
          {"bytes_out", job.bytes_out},
          {"sessions", job.sessions},
          {"age_ms", job.age_ms},
          {"integer_value", job.integer_value},
          {"float_value", job.float_value},
          {"error", job.error == ErrorCode::ok ? Json(nullptr) : Json{{"name", error_info(job.error).name}, {"detail", job.error_detail}}},
          {"hold", job.hold == JobHold::none ? Json(nullptr) : Json(to_text(job.hold))},
          {"hold_ms", job.hold_ms},
          {"after", ids_json(job.after)},
          {"deadline_ms", job.deadline_ms},
          {"forgotten_ms", job.forgotten_ms},
          {"origin", job.origin == JobId{} ? Json(nullptr) : Json(to_hex(job.origin))},
          {"by_reference", job.by_reference}};
}

Json queue_json(const wire::QueueStatus& queue) {
  return {{"name", queue.name},
          {"paused", queue.paused},
          {"jobs", queue.jobs},
          {"held", queue.held},
          {"ready", queue.ready},
          {"waiting", queue.waiting},
          {"leased", queue.leased},
          {"bytes", queue.bytes},
          {"output_bytes", queue.output_bytes},
          {"dead_bytes", queue.dead_bytes},
          {"oldest_ms", queue.oldest_ms},
          {"done", queue.done},
          {"dead", queue.dead},
          {"retries", queue.retries}};
}

Json worker_json(const wire::WorkerStatus& worker) {
  return {{"name", worker.name},
          {"cards", worker.cards},
          {"total_bytes", worker.total_bytes},
          {"free_bytes", worker.free_bytes},
          {"leases", worker.leases},
          {"process_leases", worker.process_leases},
          {"mps_leases", worker.mps_leases},
          {"mps", worker.mps},
          {"leased_chunks", worker.leased_chunks},
          {"done", worker.done},
          {"age_ms", worker.age_ms}};
}

std::string json_line(const nlohmann::ordered_json& json, int indent) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace sublet::cli
