// Jobs that wait, for a time or for other jobs, by the `sublet` command.

#include <set>

#include "tests/e2e/command.hpp"
#include "tests/support/cluster.hpp"

namespace sublet::test {
namespace {

using nlohmann::json;

/// A broker without a worker, so that no job ends before a test wants it to.
class Waiting : public Command {
 protected:
  Waiting() { make_inputs(3, 100); }

  Ran ask(std::vector<std::string> args) const {
    args.insert(args.end(), {"--broker", cluster_.endpoint()});
    return sublet(args);
  }
  Ran submit(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"submit", "echo", "--in", in(), "-o", "json"});
    return ask(more);
  }
  std::string submitted(const std::vector<std::string>& more = {}) const {
    const auto ran = submit(more);
    EXPECT_EQ(ran.code, 0) << ran.out;
    return ran.json().value("id", "");
  }
  json job(const std::string& id) const { return ask({"job", id, "-o", "json"}).json(); }
  int wait(const std::string& id) const { return ask({"wait", id, "--timeout", "60s"}).code; }

  Cluster cluster_;
};

TEST_F(Waiting, AJobRunsWhenThoseBeforeItAreDone) {
  const auto first = submitted();
  const auto held_up = submitted({"--queue", "held-up"});
  const auto last = submitted({"--after", first, "--after", held_up});
  EXPECT_EQ(job(last)["hold"], "blocked");
  EXPECT_EQ(job(last)["after"].get<std::set<std::string>>(), (std::set{first, held_up}));
  EXPECT_EQ(ask({"pause", "held-up"}).code, 0);
  cluster_.add_worker();
  EXPECT_EQ(wait(first), 0);
  EXPECT_EQ(wait(submitted()), 0) << "one that came later and waits for nothing";
  EXPECT_EQ(job(last)["after"], json({held_up}));
  EXPECT_EQ(job(last)["done"], 0);
  EXPECT_EQ(ask({"resume", "held-up"}).code, 0);
  EXPECT_EQ(wait(last), 0);
  EXPECT_EQ(job(held_up)["state"], "done");
  EXPECT_EQ(job(last)["done"], 3);
  EXPECT_EQ(job(last)["hold"], nullptr);
}

TEST_F(Waiting, AJobFailsWithTheOneBeforeItAndSoDoesWhatFollows) {
  const auto first = submitted();
  const auto second = submitted({"--after", first});
  const auto third = submitted({"--after", second});
  EXPECT_EQ(ask({"cancel", first}).code, 0);
  EXPECT_EQ(wait(third), 1);
  for (const auto& id : {second, third}) {
    EXPECT_EQ(job(id)["state"], "failed");
    EXPECT_EQ(job(id)["error"]["name"], "dependency_failed");
  }
}

TEST_F(Waiting, AJobMayRunHoweverTheOneBeforeItEnds) {
  const auto first = submitted();
  const auto last = submitted({"--after", first, "--after-any"});
  EXPECT_EQ(job(last)["hold"], "blocked");
  EXPECT_EQ(ask({"cancel", first}).code, 0);
  cluster_.add_worker();
  EXPECT_EQ(wait(last), 0);
}

TEST_F(Waiting, AJobAfterOneThatHasFailedOrIsUnknownIsRefused) {
  const auto first = submitted();
  EXPECT_EQ(ask({"cancel", first}).code, 0);
  const auto refused = submit({"--after", first});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("dependency_failed"), std::string::npos);
  EXPECT_EQ(submit({"--after", "00000000deadbeef"}).code, 4);
  EXPECT_EQ(submit({"--after-any"}).code, 2);
  EXPECT_EQ(ask({"jobs", "-o", "json"}).json().size(), 1U) << "nothing is left of what was refused";
}

TEST_F(Waiting, ADelayedJobIsHeldBackAndRunsInItsTime) {
  const auto later = submitted({"--delay", "24h"});
  const auto soon = submitted({"--delay", "1ms"});
  cluster_.add_worker();
  EXPECT_EQ(wait(soon), 0);
  EXPECT_EQ(job(later)["hold"], "delayed");
  EXPECT_GT(job(later)["hold_ms"], 0);
  EXPECT_EQ(job(later)["done"], 0);
  EXPECT_EQ(submit({"--delay", "0s"}).code, 2);
}

}  // namespace
}  // namespace sublet::test
