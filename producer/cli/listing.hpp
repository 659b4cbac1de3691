#pragma once

// Jobs, queues and workers as tables, as JSON, and one of them in full.

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/job.hpp"
#include "common/wire/messages.hpp"

namespace sublet::cli {

/// Tables with what to do next in place of an empty one.
std::string jobs_table(const std::vector<JobStatus>& jobs, std::size_t width);
std::string queues_table(const std::vector<wire::QueueStatus>& queues, std::size_t width);
/// The same with how many chunks a second were done since `before`, which was `elapsed` ago.
std::string queues_table(const std::vector<wire::QueueStatus>& queues, const std::vector<wire::QueueStatus>& before, Nanos elapsed,
                         std::size_t width);
/// @param broker  where a first worker would connect to
std::string workers_table(const std::vector<wire::WorkerStatus>& workers, std::string_view broker, std::size_t width);

/// Everything about one job, a line each.
std::string job_text(const JobStatus& job, std::size_t width);

/// "5f2c…: 45 of 100 chunks (45%), 2 failed, running": one line of `sublet job --watch`.
std::string job_line(const JobStatus& job);

nlohmann::ordered_json job_json(const JobStatus& job);
nlohmann::ordered_json queue_json(const wire::QueueStatus& queue);
nlohmann::ordered_json worker_json(const wire::WorkerStatus& worker);

/// With a line's end. @param indent  -1: all in one line
std::string json_line(const nlohmann::ordered_json& json, int indent = 2);

template <class Item, class ToJson>
auto json_array(const std::vector<Item>& items, ToJson to_json) {
  auto array = decltype(to_json(items.front()))::array();
  for (const auto& item : items) array.push_back(to_json(item));
  return array;
}

}  // namespace sublet::cli
