// Tenants and sizes of chunks that share too few places, over a card whose chunks take the time that they are told to.

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/broker/core/world.hpp"

namespace sublet::broker::testing {
namespace {

constexpr std::uint64_t kMany = 65'000;

class SharedCard {
 public:
  SharedCard(BrokerOptions options, std::uint32_t places) : world(std::move(options)), places_(places) { offer(); }

  /// A job of more chunks than will ever run.
  JobId open(const std::string& tenant, Micros cost, std::uint64_t chunks = kMany, JobSpec spec = {}) {
    spec.tenant = tenant;
    const auto job = world.open(producer_, spec);
    jobs_[job] = {.tenant = tenant, .cost = cost};
    hear(world.submit(producer_, job, {.first = 0, .count = chunks}));
    return job;
  }
  /// In steps short enough that what a timer of the broker's decides is heard soon.
  void run_for(Millis time) {
    const auto end = world.now + time;
    while (world.now < end) {
      const auto next =
          std::ranges::min_element(sessions_, {}, [](const auto& entry) { return entry.second.ends.value_or(Instant::max()); });
      const auto ends = next == sessions_.end() ? Instant::max() : next->second.ends.value_or(Instant::max());
      const auto until = std::min(ends, world.now + 10ms);
      const auto lease = ends <= until ? next->first : LeaseId{};
      hear(world.pass(std::chrono::ceil<Millis>(until - world.now)));
      renew();
      if (sessions_.contains(lease)) settle(lease);
    }
  }
  JobStatus status(JobId job) { return world.status(producer_, job); }

  World world;
  std::map<std::string, Micros> had;  ///< by tenant
  int leases_of_others = 0;           ///< RUNs whose lease is another tenant's

 private:
  struct Known {
    std::string tenant;
    Micros cost;
  };
  struct Session {
    std::string tenant;
    Token token;
    std::deque<wire::Run> runs;
    std::optional<Instant> ends;  ///< of its first run
  };

  void offer() { hear(world.say(worker_, offer_message())); }
  wire::Offer offer_message() const {
    const auto free = places_ - static_cast<std::uint32_t>(sessions_.size());
    return {.seen = seen_, .cards = {{.kind = "cpu", .total_bytes = 1U << 30U, .free_bytes = 1U << 30U, .free_sessions = free}}};
  }
  [[nodiscard]] Micros cost_of(const wire::Run& run) const {
    return jobs_.at(run.job).cost * static_cast<Micros::rep>(run.lengths.values.size());
  }
  void begin(Session& session) {
    session.ends = session.runs.empty() ? std::nullopt : std::optional(world.now + cost_of(session.runs.front()));
  }

  void hear(const std::vector<Send>& sends) {
    std::deque<Send> pending(sends.begin(), sends.end());
    for (; !pending.empty(); pending.pop_front()) {
      auto answers = hear(pending.front().message);
      pending.insert(pending.end(), answers.begin(), answers.end());
    }
  }
  std::vector<Send> hear(const wire::Message& message) {
    if (const auto* lease = std::get_if<wire::Lease>(&message)) {
      ++seen_;
      auto& session = sessions_[lease->lease];
      session.tenant = lease->tenant;
      session.token = lease->token;
      return world.say(worker_, wire::Window{.lease = lease->lease, .chunks = 64, .bytes = 1U << 20U});
    }
    if (const auto* release = std::get_if<wire::Release>(&message)) {
      sessions_.erase(release->lease);
      return world.say(worker_, offer_message());
    }
    if (const auto* run = std::get_if<wire::Run>(&message)) {
      auto& session = sessions_.at(run->lease);
      leases_of_others += session.tenant == jobs_.at(run->job).tenant ? 0 : 1;
      session.runs.push_back(*run);
      if (session.runs.size() == 1) begin(session);
    }
    return {};
  }
  void renew() {
    if (world.now < renewed_ + 10s) return;
    renewed_ = world.now;
    wire::Renew renew;
    for (const auto& [lease, session] : sessions_) {
      wire::HeldLease held{.lease = lease, .token = session.token, .grants = {}};
      for (const auto& run : session.runs) held.grants.push_back(run.grant.value);
      renew.leases.push_back(std::move(held));
    }
    hear(world.say(worker_, renew));
  }
  void settle(LeaseId lease) {
    auto& session = sessions_.at(lease);
    const auto run = session.runs.front();
    session.runs.pop_front();
    begin(session);
    had[session.tenant] += cost_of(run);
    auto message = settle_of(run);
    message.micros.values.assign(run.lengths.values.size(), static_cast<std::uint32_t>(jobs_.at(run.job).cost.count()));
    hear(world.say(worker_, message, zeros(0)));
  }

  std::uint32_t places_;
  std::uint64_t seen_ = 0;
  Instant renewed_;
  std::map<JobId, Known> jobs_;
  std::map<LeaseId, Session> sessions_;
  PeerId producer_ = world.producer();
  PeerId worker_ = world.worker(1);
};

/// The shares of the whole that tenants had, by their weights: 1 is what is due.
std::map<std::string, double> by_weight(const SharedCard& card, const std::map<std::string, double>& weights) {
  double whole = 0;
  double sum = 0;
  for (const auto& [tenant, weight] : weights) {
    const auto had = card.had.find(tenant);
    whole += had == card.had.end() ? 0 : static_cast<double>(had->second.count());
    sum += weight;
  }
  std::map<std::string, double> shares;
  for (const auto& [tenant, weight] : weights) {
    const auto had = card.had.find(tenant);
    shares[tenant] = (had == card.had.end() ? 0 : static_cast<double>(had->second.count())) / whole * sum / weight;
  }
  return shares;
}

TEST(Turns, TwelveTenantsShareOnePlaceByTheirWeights) {
  BrokerOptions options;
  for (int i = 0; i < 12; ++i) options.weights["tenant-" + std::to_string(i)] = 1 + i % 3;
  SharedCard card(options, 1);
  for (int i = 0; i < 12; ++i) card.open("tenant-" + std::to_string(i), Micros(1'000 * (1 + i % 4)));
  card.run_for(60s);
  for (const auto& [tenant, share] : by_weight(card, options.weights)) EXPECT_NEAR(share, 1, 0.2) << tenant;
  EXPECT_EQ(card.leases_of_others, 0);
}

TEST(Turns, FiveTenantsShareThreePlaces) {
  BrokerOptions options;
  for (int i = 0; i < 5; ++i) options.weights["tenant-" + std::to_string(i)] = 1;
  SharedCard card(options, 3);
  for (int i = 0; i < 5; ++i) card.open("tenant-" + std::to_string(i), Micros(2'000));
  card.run_for(60s);
  for (const auto& [tenant, share] : by_weight(card, options.weights)) EXPECT_NEAR(share, 1, 0.2) << tenant;
}

TEST(Turns, ATenantWithManyJobsHasNoMoreThanOneWithOne) {
  const std::map<std::string, double> weights = {{"many", 1}, {"one", 1}};
  SharedCard card({}, 1);
  for (std::uint64_t size = 1; size <= 8; ++size) card.open("many", Micros(2'000), kMany, {.max_chunk_bytes = 1'000 * size});
  card.open("one", Micros(2'000));
  card.run_for(30s);
  for (const auto& [tenant, share] : by_weight(card, weights)) EXPECT_NEAR(share, 1, 0.2) << tenant;
}

TEST(Turns, WhoRestsSavesNothingUp) {
  const std::map<std::string, double> weights = {{"busy", 1}, {"eager", 1}, {"late", 1}};
  SharedCard card({}, 1);
  card.open("late", Micros(1'000), 1);
  card.open("busy", Micros(2'000));
  card.run_for(30s);
  card.open("eager", Micros(2'000));
  card.run_for(30s);
  card.had.clear();
  card.open("late", Micros(2'000));
  card.run_for(30s);
  for (const auto& [tenant, share] : by_weight(card, weights)) EXPECT_NEAR(share, 1, 0.2) << tenant;
}

TEST(Turns, LargerChunksOfOnePipelineGetASessionBesideSmallerOnes) {
  SharedCard card({}, 1);
  card.open("default", Micros(2'000), kMany, {.max_chunk_bytes = 100});
  card.run_for(1s);
  const auto large = card.open("default", Micros(2'000), 10, {.max_chunk_bytes = 1'000});
  card.run_for(5s);
  EXPECT_EQ(card.status(large).done, 10U);
}

TEST(Turns, ATenantThatIsAloneHasEveryPlace) {
  SharedCard card({}, 4);
  card.open("alone", Micros(2'000));
  card.run_for(10s);
  EXPECT_GT(card.had["alone"], Micros(4 * 9'000'000));
}

TEST(Turns, ATenantsNameIsChecked) {
  World world;
  const auto bundle = test_bundle("echo");
  const auto sends = world.say(world.producer(), wire::Open{.spec = {.tenant = "no spaces", .pipeline = bundle.hash}}, bundle.bytes);
  ASSERT_EQ(all_of<wire::ErrorReply>(sends).size(), 1U);
  EXPECT_EQ(all_of<wire::ErrorReply>(sends).front().code, ErrorCode::bad_name);
}

TEST(Turns, ATakeoverKeepsALeaseForItsTenant) {
  World world;
  const auto producer = world.producer();
  const auto worker = world.worker(1);
  world.offer(worker, 1);
  const auto job = world.open(producer, {.tenant = "lab"});
  const auto leases = all_of<wire::Lease>(world.submit(producer, job, {.first = 0, .count = 4}));
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases.front().tenant, "lab");
  world.restart();
  const auto again = world.worker(1, {{.lease = leases.front().lease, .token = leases.front().token}});
  const auto runs = all_of<wire::Run>(world.say(again, wire::Window{.lease = leases.front().lease, .chunks = 64, .bytes = 1U << 20U}));
  EXPECT_EQ(runs.size(), 1U);
}

}  // namespace
}  // namespace sublet::broker::testing
