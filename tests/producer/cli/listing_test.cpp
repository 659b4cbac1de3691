#include "producer/cli/listing.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "producer/cli/text.hpp"

namespace sublet::cli {
namespace {

JobStatus running_job() {
  JobStatus job;
  job.id = JobId{0x5f2c};
  job.name = "a burst with quite a long name\x1b[2J that goes on";
  job.queue = "default";
  job.accepted = 1'000'000;
  job.leased = 100;
  job.done = 450'000;
  job.dead = 12;
  job.retries = 1;
  job.age_ms = 61'000;
  return job;
}

std::size_t widest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t widest = 0;
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, display_width(line));
  return widest;
}

TEST(Listing, JobsFitEightyColumns) {
  const auto text = jobs_table({running_job()}, 80);
  EXPECT_LE(widest_line(text), 80U) << text;
  EXPECT_NE(text.find("0000000000005f2c"), std::string::npos);
  EXPECT_NE(text.find("running"), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(Listing, QueuesAndWorkersFitEightyColumns) {
  wire::QueueStatus queue;
  queue.name = std::string(64, 'q');
  queue.ready = queue.done = queue.waiting = queue.leased = 123'456'789;
  queue.bytes = queue.output_bytes = 1'000'000'000;
  wire::WorkerStatus worker;
  worker.name = std::string(100, 'w');
  worker.cards = 8;
  worker.total_bytes = worker.free_bytes = 987'654'321'987;
  worker.done = 123'456'789;
  EXPECT_LE(widest_line(queues_table({queue}, 80)), 80U) << queues_table({queue}, 80);
  EXPECT_LE(widest_line(workers_table({worker}, "ipc://x", 80)), 80U) << workers_table({worker}, "ipc://x", 80);
}

TEST(Listing, QueuesThatAreWatchedShowHowManyChunksASecondAreDone) {
  wire::QueueStatus before;
  before.name = "busy";
  before.done = 1'000;
  auto now = before;
  now.done = 4'000;
  wire::QueueStatus fresh;
  fresh.name = "fresh";
  const auto table = queues_table({now, fresh}, {before}, 2s, 120);
  EXPECT_THAT(table, testing::HasSubstr("DONE/S"));
  EXPECT_THAT(table, testing::ContainsRegex("busy.* 1,500 +0\n"));
  EXPECT_THAT(table, testing::ContainsRegex("fresh.* - +0\n"));
  before.done = 9'000;
  EXPECT_THAT(queues_table({now}, {before}, 2s, 120), testing::ContainsRegex("busy.* - +0\n")) << "a broker that was started anew";
}

TEST(Listing, AnEmptyListSaysWhatToDoNext) {
  EXPECT_NE(jobs_table({}, 80).find("sublet submit"), std::string::npos);
  EXPECT_NE(queues_table({}, 80).find("sublet submit"), std::string::npos);
  EXPECT_NE(workers_table({}, "ipc://x", 80).find("sublet-worker --broker ipc://x"), std::string::npos);
}

TEST(Listing, AJobsLineSaysHowFarItIs) {
  EXPECT_EQ(job_line(running_job()), "0000000000005f2c: running, 450,012 of 1,000,000 chunks (45%), 12 dead, 1 retry");
}

TEST(Listing, AFailedJobSaysWhy) {
  auto job = running_job();
  job.state = JobState::failed;
  job.error = ErrorCode::retries_exhausted;
  job.error_detail = "chunk 7";
  EXPECT_NE(job_text(job, 80).find("retries_exhausted: chunk 7"), std::string::npos);
  EXPECT_EQ(job_json(job)["error"]["name"], "retries_exhausted");
}

TEST(Listing, JsonNamesIdsAsPeopleTypeThem) {
  const auto json = job_json(running_job());
  EXPECT_EQ(json["id"], "0000000000005f2c");
  EXPECT_EQ(json["state"], "open");
  EXPECT_EQ(json["error"], nullptr);
  EXPECT_EQ(json_array(std::vector<JobStatus>{}, job_json).dump(), "[]");
}

}  // namespace
}  // namespace sublet::cli
