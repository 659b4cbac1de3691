#include "producer/core/connection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sublet::producer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::Plane;

/// A connection with a broker played by hand and a clock that the test moves.
struct Fixture {
  explicit Fixture(wire::Welcome its_welcome = welcome_of(1)) : welcome(std::move(its_welcome)) {
    connection.start(now);
    greet();
  }

  static wire::Welcome welcome_of(std::uint64_t store) {
    wire::Welcome welcome;
    welcome.store = store;
    welcome.token = {.high = 1, .low = 2};
    welcome.bulk = "ipc:///bulk";
    welcome.heartbeat_ms = 1'000;
    welcome.credit_chunks = 100'000;
    welcome.credit_bytes = 64U << 20U;
    welcome.max_chunk_bytes = 1U << 20U;
    welcome.max_batch_bytes = 1U << 20U;
    welcome.max_batch_chunks = 10'000;
    return welcome;
  }

  /// Answers the HELLOs of an attempt that has begun. Returns what the connection sends once it is up.
  std::vector<Outgoing> greet() {
    Effects effects = connection.step(now);
    EXPECT_TRUE(effects.connect);
    connection.receive(Plane::control, 0, welcome, {}, now);
    effects = connection.step(now);
    EXPECT_EQ(effects.connect_bulk, welcome.bulk);
    EXPECT_EQ(std::get<wire::Hello>(effects.sends.back().message).token, welcome.token);
    connection.receive(Plane::bulk, 0, welcome, {}, now);
    return connection.step(now).sends;
  }

  /// The connection breaks, and comes up again.
  std::vector<Outgoing> reconnect() {
    connection.receive(Plane::bulk, 0, wire::ErrorReply{.code = ErrorCode::hello_required, .detail = "say HELLO"}, {}, now);
    EXPECT_TRUE(connection.step(now).close);
    now += 10s;
    return greet();
  }

  template <class Message>
  std::vector<Message> sent(const std::vector<Outgoing>& sends) {
    std::vector<Message> found;
    for (const Outgoing& send : sends) {
      if (const auto* message = std::get_if<Message>(&send.message)) {
        found.push_back(*message);
        last_request = send.request;
      }
    }
    return found;
  }
  template <class Message>
  std::vector<Message> sent() {
    return sent<Message>(connection.step(now).sends);
  }

  std::shared_ptr<KnownJob> job(std::uint64_t id = 7) { return connection.adopt({id}); }
  void submit(const std::shared_ptr<KnownJob>& job, std::uint64_t chunk) { connection.submit(job, {chunk}, as_view("payload")); }
  void output(std::uint64_t cursor, std::uint64_t chunk) {
    wire::Output output{.job = {7}, .cursor = {cursor}, .chunks = {{chunk, 1}}, .codes = {}, .details = {}, .lengths = {{1}}, .micros = {}};
    const auto& reader = connection.adopt({7})->reader;
    connection.receive(Plane::bulk, reader ? reader->request : 0, output, Blob::copy_of(as_view("o")), now);
  }
  void status(JobState state, std::uint64_t last_output) {
    JobStatus status{.id = {7}, .name = {}, .queue = {}, .last_output = {last_output}, .error_detail = {}};
    status.state = state;
    connection.receive(Plane::control, 0, wire::Event{status}, {}, now);
  }

  Instant now{1'000s};
  wire::Welcome welcome;
  SeededRandom random{1};
  BrokerList brokers{{"tcp://127.0.0.1:7450"}};
  Connection connection{{.name = "test"}, brokers, random};
  std::uint64_t last_request = 0;
};

TEST(Connection, NamesTheControlsTokenOnBulk) {
  Fixture fixture;
  EXPECT_TRUE(fixture.connection.link().up());
}

TEST(Connection, TriesAgainWithNewSocketsWhenNobodyAnswers) {
  SeededRandom random(1);
  BrokerList brokers({"tcp://127.0.0.1:7450"});
  Connection connection({.name = "test"}, brokers, random);
  Instant now{1s};
  connection.start(now);
  (void)connection.step(now);
  now = connection.next_deadline();
  EXPECT_TRUE(connection.step(now).close);
  EXPECT_THAT(connection.link().last_error()->detail, HasSubstr("tcp://127.0.0.1:7450"));
  now = connection.next_deadline();
  const Effects again = connection.step(now);
  EXPECT_EQ(again.connect, "tcp://127.0.0.1:7450");
  EXPECT_EQ(again.sends.size(), 1U);
}

TEST(Connection, WaitsLongerAfterEachFailureUpToItsMaximum) {
  SeededRandom random(3);
  BrokerList brokers({"b"});
  Link link({.name = "n", .reconnect_first = 100ms, .reconnect_max = 1s}, brokers, random);
  Effects effects;
  Instant now{1s};
  for (const Millis full : {100ms, 200ms, 400ms, 800ms, 1'000ms, 1'000ms}) {
    link.lose({.code = ErrorCode::disconnected, .detail = "gone"}, now, effects);
    EXPECT_GE(link.next_deadline() - now, full / 2);
    EXPECT_LE(link.next_deadline() - now, full);
  }
}

TEST(Connection, PingsEachHeartbeatAndIsLostAfterThreeSilentOnes) {
  Fixture fixture;
  for (int beat = 0; beat < 2; ++beat) {
    fixture.now += 1s;
    EXPECT_EQ(fixture.sent<wire::Ping>().size(), 2U);
  }
  fixture.now += 1s;
  EXPECT_TRUE(fixture.connection.step(fixture.now).close);
  EXPECT_FALSE(fixture.connection.link().up());
}

TEST(Connection, TriesAgainAtOnceWhenASocketHasLostItsConnection) {
  Fixture fixture;
  fixture.connection.disconnected(fixture.now);
  EXPECT_TRUE(fixture.connection.step(fixture.now).close);
  EXPECT_FALSE(fixture.connection.link().up());
  EXPECT_LE(fixture.connection.next_deadline(), fixture.now + 100ms);
  // Those of an attempt are left to it: its broker may just be starting.
  fixture.now = fixture.connection.next_deadline();
  EXPECT_TRUE(fixture.connection.step(fixture.now).connect);
  fixture.connection.disconnected(fixture.now);
  EXPECT_FALSE(fixture.connection.step(fixture.now).close);
}

TEST(Connection, StaysUpWhileTheBrokerAnswers) {
  Fixture fixture;
  for (int beat = 0; beat < 10; ++beat) {
    fixture.now += 1s;
    EXPECT_EQ(fixture.sent<wire::Ping>().size(), 2U);
    fixture.connection.receive(Plane::control, 0, wire::Pong{}, {}, fixture.now);
  }
  EXPECT_TRUE(fixture.connection.link().up());
}

TEST(Connection, PingsOnBothPlanesSoThatABulkConnectionWhichBrokeAloneIsNoticed) {
  Fixture fixture;
  fixture.now += 1s;
  const Effects effects = fixture.connection.step(fixture.now);
  ASSERT_EQ(effects.sends.size(), 2U);
  EXPECT_EQ(effects.sends[0].plane, Plane::control);
  EXPECT_EQ(effects.sends[1].plane, Plane::bulk);
  fixture.connection.receive(Plane::bulk, 0, wire::ErrorReply{.code = ErrorCode::hello_required}, {}, fixture.now);
  EXPECT_TRUE(fixture.connection.step(fixture.now).close);
}

TEST(Connection, AnswersPingWithItsRequestId) {
  Fixture fixture;
  fixture.connection.receive(Plane::control, 42, wire::Ping{}, {}, fixture.now);
  EXPECT_EQ(fixture.sent<wire::Pong>().size(), 1U);
  EXPECT_EQ(fixture.last_request, 42U);
}

TEST(Connection, MergesChunksUntilTheLastSubmitIsAccepted) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.submit(job, 0);
  EXPECT_EQ(fixture.sent<wire::Submit>().size(), 1U);
  const auto first = fixture.last_request;
  fixture.submit(job, 1);
  fixture.submit(job, 2);
  EXPECT_EQ(fixture.sent<wire::Submit>().size(), 0U);
  fixture.connection.receive(Plane::bulk, first, wire::Accepted{.job = {7}, .fresh = 1}, {}, fixture.now);
  const auto merged = fixture.sent<wire::Submit>();
  ASSERT_EQ(merged.size(), 1U);
  EXPECT_THAT(merged[0].chunks, ElementsAre(ChunkRange{1, 2}));
  EXPECT_THAT(merged[0].lengths.values, ElementsAre(7, 7));
}

TEST(Connection, HasNoRoomBeyondItsCreditUntilAccepted) {
  auto welcome = Fixture::welcome_of(1);
  welcome.credit_chunks = 2;
  Fixture fixture(welcome);
  const auto job = fixture.job();
  fixture.submit(job, 0);
  fixture.submit(job, 1);
  EXPECT_FALSE(fixture.connection.has_room(*job, {.chunks = 1, .bytes = 1}));
  ASSERT_EQ(fixture.sent<wire::Submit>().size(), 1U);
  fixture.connection.receive(Plane::bulk, fixture.last_request, wire::Accepted{.job = {7}, .fresh = 2}, {}, fixture.now);
  EXPECT_TRUE(fixture.connection.has_room(*job, {.chunks = 2, .bytes = 2}));
  EXPECT_TRUE(fixture.connection.take_changes().credit);
}

TEST(Connection, HasRoomForOneLoadOfAJobWhoseTurnOthersMayWaitFor) {
  auto welcome = Fixture::welcome_of(1);
  welcome.credit_chunks = 2;
  Fixture fixture(welcome);
  const auto waits = fixture.job();
  const auto awaited = fixture.connection.adopt({.value = 8});
  fixture.submit(waits, 0);
  fixture.submit(waits, 1);
  EXPECT_FALSE(fixture.connection.has_room(*waits, {.chunks = 1, .bytes = 1}));
  EXPECT_TRUE(fixture.connection.has_room(*awaited, {.chunks = 1, .bytes = 1}));
  fixture.submit(awaited, 0);
  EXPECT_FALSE(fixture.connection.has_room(*awaited, {.chunks = 1, .bytes = 1}));
}

TEST(Connection, CountsCreditInBytesToo) {
  auto welcome = Fixture::welcome_of(1);
  welcome.credit_bytes = 10;
  Fixture fixture(welcome);
  const auto job = fixture.job();
  fixture.submit(job, 0);
  EXPECT_FALSE(fixture.connection.has_room(*job, {.chunks = 1, .bytes = 4}));
  EXPECT_TRUE(fixture.connection.has_room(*job, {.chunks = 1, .bytes = 3}));
}

TEST(Connection, ObeysCreditThatTheBrokerTookBack) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.receive(Plane::control, 0, wire::Credit{.chunks = 0, .bytes = 0}, {}, fixture.now);
  EXPECT_FALSE(fixture.connection.has_room(*job, {.chunks = 1, .bytes = 1}));
  fixture.submit(job, 0);
  EXPECT_EQ(fixture.sent<wire::Submit>().size(), 0U);
  fixture.connection.receive(Plane::control, 0, wire::Credit{.chunks = 10, .bytes = 1'000}, {}, fixture.now);
  EXPECT_EQ(fixture.sent<wire::Submit>().size(), 1U);
}

TEST(Connection, RepeatsAnUnansweredSubmitAfterAReconnect) {
  Fixture fixture;
  fixture.submit(fixture.job(), 3);
  ASSERT_EQ(fixture.sent<wire::Submit>().size(), 1U);
  const auto repeated = fixture.sent<wire::Submit>(fixture.reconnect());
  ASSERT_EQ(repeated.size(), 1U);
  EXPECT_THAT(repeated[0].chunks, ElementsAre(ChunkRange{3, 1}));
}

TEST(Connection, RepeatsUnansweredQuestionsInTheirOrderAfterAReconnect) {
  Fixture fixture;
  const auto first = fixture.connection.ask(Plane::bulk, wire::Open{}, Blob{}, {});
  fixture.connection.ask(Plane::control, wire::List{}, {}, {});
  EXPECT_EQ(fixture.connection.step(fixture.now).sends.size(), 2U);
  const auto sends = fixture.reconnect();
  EXPECT_EQ(fixture.sent<wire::Open>(sends).size(), 1U);
  EXPECT_EQ(fixture.last_request, first);
  EXPECT_EQ(fixture.sent<wire::List>(sends).size(), 1U);
}

TEST(Connection, WaitsAsLongAsResourceExhaustedSaysAndRepeatsTheSubmit) {
  Fixture fixture;
  fixture.submit(fixture.job(), 3);
  ASSERT_EQ(fixture.sent<wire::Submit>().size(), 1U);
  const wire::ErrorReply full{.code = ErrorCode::resource_exhausted, .detail = "full", .retry_after_ms = 250};
  fixture.connection.receive(Plane::bulk, fixture.last_request, full, {}, fixture.now);
  EXPECT_EQ(fixture.sent<wire::Submit>().size(), 0U);
  EXPECT_EQ(fixture.connection.next_deadline(), fixture.now + 250ms);
  fixture.now += 250ms;
  EXPECT_EQ(fixture.sent<wire::Submit>().size(), 1U);
}

TEST(Connection, WaitsAndRepeatsAQuestionToo) {
  Fixture fixture;
  const auto request = fixture.connection.ask(Plane::bulk, wire::Open{}, Blob{}, {});
  EXPECT_EQ(fixture.sent<wire::Open>().size(), 1U);
  const wire::ErrorReply full{.code = ErrorCode::resource_exhausted, .detail = "full", .retry_after_ms = 50};
  fixture.connection.receive(Plane::bulk, request, full, {}, fixture.now);
  EXPECT_FALSE(fixture.connection.take_answer(request).has_value());
  fixture.now += 50ms;
  EXPECT_EQ(fixture.sent<wire::Open>().size(), 1U);
}

TEST(Connection, TellsAboutJobsLostWhenTheStoreIsAnother) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.submit(job, 3);
  const auto asked = fixture.connection.ask(Plane::bulk, wire::Close{.job = {7}}, {}, JobId{7});
  fixture.welcome.store = 2;
  const auto sends = fixture.reconnect();
  EXPECT_EQ(fixture.sent<wire::Submit>(sends).size(), 0U);
  ASSERT_TRUE(job->lost);
  EXPECT_EQ(job->lost->code, ErrorCode::jobs_lost);
  EXPECT_THAT(job->lost->detail, HasSubstr("open the job again"));
  EXPECT_EQ(fixture.connection.take_answer(asked)->error().code, ErrorCode::jobs_lost);
  EXPECT_NE(fixture.connection.adopt({7}), job) << "the new broker may give the same id to another job";
}

TEST(Connection, KeepsJobsWhenTheStoreIsTheSame) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.reconnect();
  EXPECT_FALSE(job->lost);
  EXPECT_EQ(fixture.connection.adopt({7}), job);
}

TEST(Connection, RefusesFurtherChunksAfterAFinalRefusalAndFreesTheCredit) {
  auto welcome = Fixture::welcome_of(1);
  welcome.credit_chunks = 1;
  Fixture fixture(welcome);
  const auto job = fixture.job();
  fixture.submit(job, 3);
  ASSERT_EQ(fixture.sent<wire::Submit>().size(), 1U);
  const wire::ErrorReply closed{.code = ErrorCode::job_closed, .detail = "job 7 is closed"};
  fixture.connection.receive(Plane::bulk, fixture.last_request, closed, {}, fixture.now);
  EXPECT_EQ(job->refused->code, ErrorCode::job_closed);
  EXPECT_TRUE(fixture.connection.has_room(*job, {.chunks = 1, .bytes = 1}));
}

TEST(Connection, ReadsFromWhatItHasReceivedAfterAReconnect) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.open_reader(job, {.chunks = 10, .bytes = 1'000});
  auto reads = fixture.sent<wire::Read>();
  ASSERT_EQ(reads.size(), 1U);
  EXPECT_EQ(reads[0].after, Cursor{0});
  fixture.output(1, 50);
  fixture.output(2, 51);
  reads = fixture.sent<wire::Read>(fixture.reconnect());
  ASSERT_EQ(reads.size(), 1U);
  EXPECT_EQ(reads[0].after, Cursor{2});
  EXPECT_EQ(job->reader->entries.size(), 2U);
}

TEST(Connection, DropsOutputsThatCameAgain) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.open_reader(job, {.chunks = 10, .bytes = 1'000});
  (void)fixture.connection.step(fixture.now);
  fixture.output(1, 50);
  fixture.output(1, 50);
  EXPECT_EQ(job->reader->entries.size(), 1U);
}

TEST(Connection, SendsTakenOnceItIsWorthAMessageOrAskedFor) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.open_reader(job, {.chunks = 8, .bytes = 1'000});
  fixture.output(1, 50);
  fixture.output(2, 51);
  EXPECT_EQ(fixture.sent<wire::Taken>().size(), 0U);
  EXPECT_FALSE(fixture.connection.take(job, {1}, {.chunks = 1, .bytes = 1}, false));
  EXPECT_TRUE(fixture.connection.take(job, {2}, {.chunks = 1, .bytes = 1}, false));
  const auto taken = fixture.sent<wire::Taken>();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].cursor, Cursor{2});
  fixture.output(3, 52);
  EXPECT_TRUE(fixture.connection.take(job, {3}, {.chunks = 1, .bytes = 1}, true));
}

TEST(Connection, LetsTakenTravelWithASubmit) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.open_reader(job, {.chunks = 100, .bytes = 1'000});
  fixture.output(1, 50);
  fixture.connection.take(job, {1}, {.chunks = 1, .bytes = 1}, false);
  EXPECT_EQ(fixture.sent<wire::Taken>().size(), 0U);
  fixture.submit(job, 51);
  const auto sends = fixture.connection.step(fixture.now).sends;
  EXPECT_EQ(fixture.sent<wire::Submit>(sends).size(), 1U);
  EXPECT_EQ(fixture.sent<wire::Taken>(sends).size(), 1U);
}

TEST(Connection, HasASubmitLookedAtAtOnceWhileTakenIsHeld) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.open_reader(job, {.chunks = 100, .bytes = 1'000});
  fixture.output(1, 50);
  fixture.connection.take(job, {1}, {.chunks = 1, .bytes = 1}, false);
  EXPECT_EQ(fixture.sent<wire::Taken>().size(), 0U);
  EXPECT_TRUE(fixture.connection.submit(job, {51}, as_view("payload")));
  EXPECT_FALSE(fixture.connection.submit(job, {52}, as_view("payload"))) << "the first one is on its way already";
}

TEST(Connection, SendsTakenAloneWhenNothingElseGoes) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.open_reader(job, {.chunks = 100, .bytes = 1'000});
  fixture.output(1, 50);
  fixture.connection.take(job, {1}, {.chunks = 1, .bytes = 1}, false);
  EXPECT_EQ(fixture.sent<wire::Taken>().size(), 0U);
  fixture.now = fixture.connection.next_deadline();
  EXPECT_EQ(fixture.sent<wire::Taken>().size(), 1U);
  fixture.now += 1ms;
  EXPECT_EQ(fixture.sent<wire::Taken>().size(), 0U);
}

TEST(Connection, TellsAgainWhatItTookToABrokerWhoseStoreForgotIt) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.open_reader(job, {.chunks = 8, .bytes = 1'000});
  (void)fixture.connection.step(fixture.now);
  fixture.output(1, 50);
  fixture.connection.take(job, {1}, {.chunks = 1, .bytes = 1}, true);
  EXPECT_EQ(fixture.sent<wire::Taken>().size(), 1U);
  fixture.output(1, 50);
  const auto taken = fixture.sent<wire::Taken>();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].cursor, Cursor{1});
  EXPECT_EQ(job->reader->entries.size(), 1U);
}

TEST(Connection, DeliversAgainToTheNextReaderWhatTheLastHadNotHandled) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.open_reader(job, {.chunks = 8, .bytes = 1'000});
  fixture.output(1, 50);
  fixture.output(2, 51);
  fixture.connection.take(job, {1}, {.chunks = 1, .bytes = 1}, false);
  fixture.connection.close_reader(job);
  auto sends = fixture.connection.step(fixture.now).sends;
  EXPECT_EQ(fixture.sent<wire::Taken>(sends).back().cursor, Cursor{1});
  EXPECT_EQ(fixture.sent<wire::Read>(sends).back().chunks, 0U) << "an abandoned reader stops the flow";
  fixture.connection.open_reader(job, {.chunks = 8, .bytes = 1'000});
  EXPECT_EQ(fixture.sent<wire::Read>().back().after, Cursor{1});
}

TEST(Connection, GivesAReaderNothingThatTheOneBeforeHadAskedFor) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.open_reader(job, {.chunks = 10, .bytes = 1'000});
  ASSERT_EQ(fixture.sent<wire::Read>().size(), 1U);
  const auto before = fixture.last_request;
  fixture.connection.close_reader(job);
  fixture.connection.open_reader(job, {.chunks = 10, .bytes = 1'000});
  const auto late = [&](std::uint64_t request, std::uint64_t cursor) {
    const wire::Output output{
        .job = {7}, .cursor = {cursor}, .chunks = {{cursor, 1}}, .codes = {}, .details = {}, .lengths = {{1}}, .micros = {}};
    fixture.connection.receive(Plane::bulk, request, output, Blob::copy_of(as_view("o")), fixture.now);
  };
  late(before, 2);
  EXPECT_TRUE(job->reader->entries.empty()) << "its own READ is not sent yet";
  ASSERT_EQ(fixture.sent<wire::Read>().size(), 1U);
  late(before, 2);
  EXPECT_TRUE(job->reader->entries.empty()) << "the first entry would be missing";
  fixture.output(1, 1);
  fixture.output(2, 2);
  EXPECT_EQ(job->reader->entries.size(), 2U);
}

TEST(Connection, KnowsTheEndOnlyWithTheWholeLog) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.open_reader(job, {.chunks = 8, .bytes = 1'000});
  (void)fixture.connection.step(fixture.now);
  fixture.output(1, 50);
  fixture.status(JobState::done, 2);
  EXPECT_FALSE(job->all_received());
  fixture.output(2, 51);
  EXPECT_TRUE(job->all_received());
}

TEST(Connection, AsksAgainForTheEndWhenAStoreMayHaveLostPartOfTheLog) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.follow(job, 200ms);
  fixture.connection.open_reader(job, {.chunks = 8, .bytes = 1'000});
  EXPECT_EQ(fixture.sent<wire::Watch>().size(), 1U);
  fixture.status(JobState::done, 2);
  fixture.output(1, 0);
  EXPECT_FALSE(job->all_received());
  EXPECT_EQ(fixture.sent<wire::Watch>(fixture.reconnect()).size(), 1U);
  JobStatus shorter{.id = {7}, .name = {}, .queue = {}, .state = JobState::done, .last_output = {1}, .error_detail = {}};
  fixture.connection.receive(Plane::control, fixture.last_request, wire::Event{shorter}, {}, fixture.now);
  EXPECT_TRUE(job->all_received());
}

TEST(Connection, FollowsAJobAgainAfterAReconnectUntilItHasEnded) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.follow(job, 200ms);
  EXPECT_EQ(fixture.sent<wire::Watch>().size(), 1U);
  EXPECT_EQ(fixture.sent<wire::Watch>(fixture.reconnect()).size(), 1U);
  fixture.status(JobState::done, 0);
  EXPECT_EQ(fixture.sent<wire::Watch>(fixture.reconnect()).size(), 0U);
}

TEST(Connection, FollowsAJobThatItWasAskedToFollowWhileTheBrokerWasAway) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.receive(Plane::bulk, 0, wire::ErrorReply{.code = ErrorCode::hello_required, .detail = "say HELLO"}, {}, fixture.now);
  ASSERT_TRUE(fixture.connection.step(fixture.now).close);
  fixture.connection.follow(job, 200ms);
  fixture.now += 10s;
  EXPECT_EQ(fixture.sent<wire::Watch>(fixture.greet()).size(), 1U);
}

TEST(Connection, TellsTheEndOfAJobOnce) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.follow(job, 200ms);
  fixture.connection.take_changes();
  fixture.status(JobState::done, 1);
  EXPECT_EQ(fixture.connection.take_changes().jobs.size(), 1U);
  fixture.status(JobState::done, 1);
  fixture.status(JobState::open, 0);
  EXPECT_TRUE(fixture.connection.take_changes().jobs.empty());
  EXPECT_EQ(job->status->state, JobState::done);
}

TEST(Connection, TellsOnlyTheNewestOfTheStatusesThatArriveTogether) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.follow(job, 200ms);
  fixture.connection.take_changes();
  fixture.status(JobState::open, 0);
  fixture.status(JobState::done, 1);
  EXPECT_EQ(fixture.connection.take_changes().jobs.size(), 1U);
}

TEST(Connection, LosesAJobThatTheBrokerDoesNotKnow) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.follow(job, 200ms);
  ASSERT_EQ(fixture.sent<wire::Watch>().size(), 1U);
  const wire::ErrorReply unknown{.code = ErrorCode::not_found, .detail = "no job 7"};
  fixture.connection.receive(Plane::control, fixture.last_request, unknown, {}, fixture.now);
  EXPECT_EQ(job->lost->code, ErrorCode::not_found);
}

TEST(Connection, LosesAJobWhoseChunksTheBrokerDoesNotKnow) {
  Fixture fixture;
  const auto job = fixture.job();
  fixture.connection.open_reader(job, {.chunks = 8, .bytes = 1'000});
  fixture.submit(job, 1);
  ASSERT_EQ(fixture.sent<wire::Submit>().size(), 1U);
  const wire::ErrorReply unknown{.code = ErrorCode::not_found, .detail = "no job 7"};
  fixture.connection.receive(Plane::bulk, fixture.last_request, unknown, {}, fixture.now);
  ASSERT_TRUE(job->lost);
  EXPECT_EQ(job->lost->code, ErrorCode::not_found);
  EXPECT_EQ(job->refused->code, ErrorCode::not_found);
}

TEST(Connection, TakesTurnsBetweenJobs) {
  Fixture fixture;
  const auto one = fixture.job(1);
  const auto two = fixture.job(2);
  for (std::uint64_t chunk = 0; chunk < 3 * kFullBatch.chunks; ++chunk) fixture.submit(one, chunk);
  fixture.submit(two, 0);
  const auto submits = fixture.sent<wire::Submit>();
  ASSERT_GE(submits.size(), 2U);
  EXPECT_EQ(submits[0].job, JobId{1});
  EXPECT_EQ(submits[1].job, JobId{2});
}

TEST(Connection, DropsAConnectionThatTalksGarbage) {
  Fixture fixture;
  fixture.connection.receive_garbage({.code = ErrorCode::bad_message, .detail = "no header"}, fixture.now);
  EXPECT_TRUE(fixture.connection.step(fixture.now).close);
  EXPECT_EQ(fixture.connection.link().last_error()->code, ErrorCode::protocol_error);
}

}  // namespace
}  // namespace sublet::producer
