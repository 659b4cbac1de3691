#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <poll.h>

#include "broker/http/http_server.hpp"

namespace sublet::broker {
namespace {

using testing::HasSubstr;

/// Answers inquiries as the loop does, with the readings it is given.
class Loop {
 public:
  explicit Loop(Readings readings) : readings_(std::move(readings)) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        pollfd wait{.fd = inquiries.fd(), .events = POLLIN, .revents = 0};
        if (::poll(&wait, 1, 10) == 1) inquiries.answer([&] { return readings_; });
      }
    });
  }

  Inquiries inquiries = Inquiries::open().value();

 private:
  Readings readings_;
  std::jthread thread_;
};

Readings readings(Millis commit_age) {
  Readings readings;
  readings.store = "memory:";
  readings.served = {true, false};
  readings.commit_age = commit_age;
  return readings;
}

httplib::Result get(const HttpServer& server, const std::string& path) {
  httplib::Client client(server.url());
  return client.Get(path);
}

TEST(HttpServer, ServesReadingsAsPrometheusReadsThem) {
  Loop loop(readings(0ms));
  const auto server = HttpServer::open({.address = "127.0.0.1:0"}, loop.inquiries).value();
  const auto response = get(server, "/metrics");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_THAT(response->get_header_value("Content-Type"), HasSubstr("version=0.0.4"));
  EXPECT_THAT(response->body, HasSubstr("# TYPE broker_commits_total counter\n"));
}

TEST(HttpServer, IsLiveAndReadyWhileTheLoopAnswersAndCommits) {
  Loop loop(readings(0ms));
  const auto server = HttpServer::open({.address = "127.0.0.1:0"}, loop.inquiries).value();
  EXPECT_EQ(get(server, "/livez")->status, 200);
  EXPECT_EQ(get(server, "/readyz")->status, 200);
}

TEST(HttpServer, IsLiveButNotReadyWhileTheStoreKeepsACommitWaiting) {
  Loop loop(readings(5'000ms));
  const auto server = HttpServer::open({.address = "127.0.0.1:0"}, loop.inquiries).value();
  EXPECT_EQ(get(server, "/livez")->status, 200);
  const auto ready = get(server, "/readyz");
  EXPECT_EQ(ready->status, 503);
  EXPECT_THAT(ready->body, HasSubstr("memory: has not answered the last commit for 5000 ms"));
}

TEST(HttpServer, SaysInTheStoresOwnWordsWhyItIsNotReady) {
  auto readonly = readings(0ms);
  readonly.store_trouble = "redis://db: READONLY You can't write against a read only replica.";
  Loop loop(readonly);
  const auto server = HttpServer::open({.address = "127.0.0.1:0"}, loop.inquiries).value();
  const auto ready = get(server, "/readyz");
  EXPECT_EQ(ready->status, 503);
  EXPECT_THAT(ready->body, HasSubstr(readonly.store_trouble));
}

TEST(HttpServer, SaysHowManyShardsItServes) {
  Loop loop(readings(0ms));
  const auto server = HttpServer::open({.address = "127.0.0.1:0"}, loop.inquiries).value();
  EXPECT_EQ(get(server, "/readyz")->body, "ok: 1 of 2 shards are served here\n");
}

TEST(HttpServer, IsReadyWithoutAShardWhileOthersServe) {
  auto standing_by = readings(0ms);
  standing_by.served = {false};
  Loop loop(standing_by);
  const auto server = HttpServer::open({.address = "127.0.0.1:0"}, loop.inquiries).value();
  EXPECT_EQ(get(server, "/readyz")->status, 200);
}

TEST(HttpServer, IsLiveButNotReadyBeforeItsStoreIsOpen) {
  Loop loop(Readings{});
  const auto server = HttpServer::open({.address = "127.0.0.1:0"}, loop.inquiries).value();
  EXPECT_EQ(get(server, "/livez")->status, 200);
  EXPECT_EQ(get(server, "/readyz")->status, 503);
}

TEST(HttpServer, AnswersUnknownPathsWithNotFound) {
  Loop loop(readings(0ms));
  const auto server = HttpServer::open({.address = "127.0.0.1:0"}, loop.inquiries).value();
  EXPECT_EQ(get(server, "/../../etc/passwd")->status, 404);
}

TEST(HttpServer, RefusesATakenPortAndNamesTheRemedy) {
  Loop loop(readings(0ms));
  const auto first = HttpServer::open({.address = "127.0.0.1:0"}, loop.inquiries).value();
  const auto address = first.url().substr(std::string("http://").size());
  const auto second = HttpServer::open({.address = address}, loop.inquiries);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::io_failed);
  EXPECT_THAT(second.error().detail, HasSubstr("--http off"));
}

TEST(HttpServer, RefusesToLeaveTheMachineUnlessToldSo) {
  Loop loop(readings(0ms));
  const auto server = HttpServer::open({.address = "0.0.0.0:0"}, loop.inquiries);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, ErrorCode::bad_argument);
  EXPECT_THAT(server.error().detail, HasSubstr("--insecure-network"));
}

TEST(Inquiries, FindALoopThatDoesNotAnswer) {
  auto inquiries = Inquiries::open().value();
  EXPECT_FALSE(inquiries.ask(1ms));
}

TEST(Inquiries, AnswerAllWhoAskAtOnceWithOneLook) {
  auto inquiries = Inquiries::open().value();
  std::atomic<int> answered = 0;
  int looks = 0;
  std::vector<std::jthread> askers;
  for (int i = 0; i < 4; ++i) {
    askers.emplace_back([&] { answered += inquiries.ask(60s).has_value() ? 1 : 0; });
  }
  while (answered < 4) {
    pollfd wait{.fd = inquiries.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, 10) != 1) continue;
    inquiries.answer([&] {
      ++looks;
      return Readings{};
    });
  }
  EXPECT_LE(looks, 4);
}

}  // namespace
}  // namespace sublet::broker
