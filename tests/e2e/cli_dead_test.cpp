// Dead chunks by the `sublet` command: looked at, run again, forgotten.

#include <set>

#include "tests/e2e/command.hpp"
#include "tests/support/cluster.hpp"

namespace sublet::test {
namespace {

using nlohmann::json;

/// Five files, of which the first, third and fifth are too small for their pipeline.
class Dead : public Command {
 protected:
  Dead() {
    for (std::size_t id = 0; id < 5; ++id) std::ofstream(in() / std::to_string(id)) << input(id);
    cluster_.add_worker();
    write_pipeline("picky", "n >= 100");
    write_pipeline("lenient", "n >= 1");
  }

  static std::string input(std::size_t id) { return std::string(id % 2 == 0 ? 10 + id : 200, static_cast<char>('a' + id)); }

  [[nodiscard]] fs::path pipeline(const std::string& name) const { return folder_ / (name + ".yaml"); }
  void write_pipeline(const std::string& name, const std::string& condition) const {
    std::ofstream(pipeline(name)) << "name: " << name << "\nbuffers: {data: n}\nrequire:\n  - {that: " << condition
                                  << ", else: \"too small\"}\ninput: data\noutput: data\n";
  }

  Ran ask(std::vector<std::string> args) const {
    args.insert(args.end(), {"--broker", cluster_.endpoint()});
    return sublet(args);
  }
  json answer(std::vector<std::string> args) const {
    args.insert(args.end(), {"-o", "json"});
    const auto ran = ask(args);
    EXPECT_EQ(ran.code, 0) << ran.out;
    return ran.json();
  }

  /// A job of which three chunks are dead.
  std::string job_with_dead(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> args{"submit", pipeline("picky"), "--in",        in(), "--wait", "--out",
                                  out(),    "--policy",        "best_effort", "-o", "json"};
    args.insert(args.end(), more.begin(), more.end());
    const auto ran = ask(args);
    EXPECT_EQ(ran.code, 1) << ran.out;
    const auto summary = ran.json();
    EXPECT_EQ(summary.value("failed", 0), 3) << ran.out;
    return summary.value("job", "");
  }

  std::set<std::uint64_t> dead_of(const std::string& job) const {
    std::set<std::uint64_t> ids;
    for (const auto& chunk : answer({"dead", "show", job})) ids.insert(chunk.value("id", std::uint64_t{99}));
    return ids;
  }

  Cluster cluster_;
};

using Ids = std::set<std::uint64_t>;

TEST_F(Dead, AreListedByErrorWithTheirJobs) {
  EXPECT_EQ(ask({"dead", "ls"}).out, "No dead chunks.\n");
  const auto job = job_with_dead();
  const auto listed = answer({"dead", "ls"});
  ASSERT_EQ(listed.size(), 1U) << listed;
  EXPECT_EQ(listed[0].value("error", ""), "bad_size");
  EXPECT_EQ(listed[0].value("chunks", 0), 3);
  EXPECT_EQ(listed[0].value("bytes", 0U), input(0).size() + input(2).size() + input(4).size());
  EXPECT_NE(listed[0].value("detail", "").find("too small"), std::string::npos) << listed;
  ASSERT_EQ(listed[0]["jobs"].size(), 1U);
  EXPECT_EQ(listed[0]["jobs"][0].value("job", ""), job);
  EXPECT_EQ(answer({"dead", "ls", "--queue", "other"}).size(), 0U);
  EXPECT_NE(ask({"dead", "ls", job}).out.find("bad_size"), std::string::npos);
}

TEST_F(Dead, AreShownOneByOneAndTheirPayloadsWritten) {
  const auto job = job_with_dead();
  EXPECT_EQ(dead_of(job), (Ids{0, 2, 4}));
  const auto file = folder_ / "payload";
  const auto shown = answer({"dead", "show", job, "2", "--payload", file});
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0].value("id", 0), 2);
  EXPECT_TRUE(shown[0].value("kept", false));
  EXPECT_EQ(contents(file), input(2));
  EXPECT_EQ(ask({"dead", "show", job, "--payload", file}).code, 2) << "of which chunk?";
  EXPECT_EQ(ask({"dead", "show", "00000000deadbeef"}).code, 4);
}

TEST_F(Dead, AreReplayedOnceByAPipelineThatTakesThem) {
  const auto job = job_with_dead();
  const auto replayed = answer({"dead", "replay", job, "--chunks", "0,2", "--pipeline", pipeline("lenient")});
  const auto replay = replayed.value("id", "");
  EXPECT_EQ(replayed.value("origin", ""), job);
  EXPECT_EQ(replayed.value("chunks", 0), 2);
  EXPECT_EQ(ask({"wait", replay, "--timeout", "60s"}).code, 0);
  EXPECT_EQ(answer({"job", replay}).value("origin", ""), job);
  EXPECT_EQ(ask({"outputs", replay, "--out", folder_ / "replayed", "--in", in()}).code, 0);
  EXPECT_EQ(contents(folder_ / "replayed" / "0"), input(0));
  EXPECT_EQ(contents(folder_ / "replayed" / "2"), input(2));
  for (const auto& chunk : answer({"dead", "show", job})) {
    EXPECT_EQ(chunk["replayed"], chunk["id"] == 4 ? json(nullptr) : json(replay)) << chunk;
  }
  const auto again = ask({"dead", "replay", job, "--chunks", "0"});
  EXPECT_EQ(again.code, 4);
  EXPECT_NE(again.err.find("--again"), std::string::npos);
  EXPECT_EQ(answer({"dead", "replay", job, "--chunks", "0", "--again"}).value("chunks", 0), 1);
}

TEST_F(Dead, AreForgottenAsSelected) {
  const auto job = job_with_dead();
  EXPECT_EQ(answer({"dead", "rm", job, "--code", "poison"}).value("chunks", 9), 0);
  EXPECT_EQ(answer({"dead", "rm", job, "--chunks", "0-1,4"}).value("chunks", 0), 2);
  EXPECT_EQ(dead_of(job), Ids{2});
  EXPECT_EQ(ask({"dead", "rm", job}).out, "Forgot 1 dead chunk of " + job + ".\n");
  EXPECT_EQ(answer({"dead", "ls"}).size(), 0U);
  EXPECT_EQ(ask({"dead", "rm", job, "--code", "poisn"}).code, 2);
}

TEST_F(Dead, OfAJobByReferenceAreShownWithoutAPayload) {
  const auto job = job_with_dead({"--by-reference", "1MiB"});
  for (const auto& chunk : answer({"dead", "show", job})) EXPECT_FALSE(chunk.value("kept", true)) << chunk;
  const auto shown = ask({"dead", "show", job, "2", "--payload", folder_ / "payload"});
  EXPECT_EQ(shown.code, 1);
  EXPECT_NE(shown.err.find("by reference"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "payload"));
  EXPECT_EQ(ask({"dead", "replay", job}).code, 1);
}

}  // namespace
}  // namespace sublet::test
