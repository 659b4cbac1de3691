// The `sublet` command as a user runs it.

#include <algorithm>
#include <csignal>
#include <thread>

#include "tests/e2e/command.hpp"
#include "tests/support/cluster.hpp"

namespace sublet::test {
namespace {

TEST_F(Command, O10_RunOfAHundredFilesWritesEveryOutputUnderItsName) {
  make_inputs(100, 20'000);
  const auto ran = sublet({"run", "video", "--in", in(), "--out", out(), "--json"});
  EXPECT_EQ(ran.code, 0) << ran.out;
  expect_outputs_of_video(100);
  const auto summary = nlohmann::json::parse(ran.out, nullptr, false);
  ASSERT_TRUE(summary.is_object()) << ran.out;
  EXPECT_EQ(summary.value("chunks", 0), 100);
  EXPECT_EQ(summary.value("retries", -1), 0);
}

TEST_F(Command, O5_APipelineMayNameCudaSource) {
  make_inputs(20, 5'000);
  setenv("SUBLET_CACHE", (folder_ / "cache").c_str(), 1);
  const std::string source = contents(SUBLET_SOURCE_DIR "/kernels/video/video.cu");
  std::ofstream(folder_ / "source.cu") << source;
  std::ofstream(folder_ / "source.yaml")
      << "name: source\nmodules: [source.cu]\nbuffers: {raw: n, decoded: n * 4, encoded: n}\ninput: raw\n"
         "stages:\n  - {kernel: decode, over: n, args: [raw, decoded, i32 n]}\n"
         "  - {kernel: denoise, over: n, args: [decoded, decoded, i32 n, f32 0.1]}\n"
         "  - {kernel: encode, over: n, args: [decoded, encoded, i32 n]}\noutput: encoded\n";
  const auto ran = sublet({"run", folder_ / "source.yaml", "--in", in(), "--out", out(), "--device", "cpu", "--json"});
  if (ran.out.find("no NVRTC") != std::string::npos) {
    EXPECT_EQ(ran.code, 1) << ran.out;
    EXPECT_NE(ran.out.find("\"load_failed\""), std::string::npos) << ran.out;
    EXPECT_NE(ran.out.find("module \\\"source\\\""), std::string::npos) << ran.out;
    GTEST_SKIP() << "this host has no NVRTC";
  }
  ASSERT_EQ(ran.code, 0) << ran.out;
  expect_outputs_of_video(20);
}

TEST_F(Command, O5_ASourceThatDoesNotCompileEndsTheJobWithTheCompilersErrors) {
  make_inputs(3, 100);
  setenv("SUBLET_CACHE", (folder_ / "cache").c_str(), 1);
  std::ofstream(folder_ / "wrong.cu") << "extern \"C\" __global__ void wrong(char* out) {\n  *out = absent;\n}\n";
  std::ofstream(folder_ / "wrong.yaml") << "name: wrong\nmodules: [wrong.cu]\nbuffers: {data: n}\ninput: data\n"
                                           "stages: [{kernel: wrong, over: n, args: [data]}]\noutput: data\n";
  const auto ran = sublet({"run", folder_ / "wrong.yaml", "--in", in(), "--out", out(), "--device", "cpu", "--json"});
  if (ran.out.find("no NVRTC") != std::string::npos) GTEST_SKIP() << "this host has no NVRTC";
  EXPECT_EQ(ran.code, 1) << ran.out;
  EXPECT_NE(ran.out.find("load_failed"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("module.cu(2): error: identifier \\\"absent\\\" is undefined"), std::string::npos) << ran.out;
}

TEST_F(Command, RunByReferenceWritesWhatARunBySocketsWrites) {
  make_inputs(100, 8'000);
  // Memory for some ten of them: places are used again and again.
  const auto ran = sublet({"run", "video", "--in", in(), "--out", out(), "--by-reference", "160KiB", "--json"});
  ASSERT_EQ(ran.code, 0) << ran.out;
  expect_outputs_of_video(100);
}

TEST_F(Command, RunWritesEachOfSeveralOutputsOfChunksWithAHeader) {
  make_inputs(20, 5'000);
  const auto pipeline = folder_ / "parts.yaml";
  std::ofstream(pipeline) << "name: parts\nparameters: {head: 16}\nper_chunk: {head: 0..64}\nbuffers: {data: n, rest: 4}\n"
                             "input: data\noutputs: [data, {buffer: rest, bytes: 0}]\n";
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--by-reference", "1MiB"}}) {
    std::vector<std::string> arguments = {"run", pipeline, "--in", in(), "--out", out(), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto ran = sublet(arguments);
    ASSERT_EQ(ran.code, 0) << ran.out;
    std::size_t inputs = 0;
    for (const auto& entry : fs::recursive_directory_iterator(in())) {
      if (!entry.is_regular_file()) continue;
      ++inputs;
      const auto name = fs::relative(entry.path(), in()).string();
      EXPECT_EQ(contents(out() / (name + ".data")), contents(entry.path())) << name;
      EXPECT_TRUE(fs::is_regular_file(out() / (name + ".rest"))) << name;
    }
    EXPECT_EQ(inputs, 20U);
    fs::remove_all(out());
  }
  const auto concat = sublet({"run", pipeline, "--in", in(), "--out", out(), "--aggregate", "concat"});
  EXPECT_EQ(concat.code, 2);
}

TEST_F(Command, RunJoinsTheFilesOfSeveralInputsByName) {
  make_inputs(10, 5'000);
  for (const auto& entry : fs::recursive_directory_iterator(in())) {
    const auto other = folder_ / "other" / fs::relative(entry.path(), in());
    fs::create_directories(other.parent_path());
    if (entry.is_regular_file()) std::ofstream(other, std::ios::binary) << "beside " << contents(entry.path());
  }
  const auto pipeline = folder_ / "swap.yaml";
  std::ofstream(pipeline) << "name: swap\nbuffers: {left: n, right: n}\ninputs: [left, right]\n"
                             "outputs: [{buffer: right, bytes: n_right}, {buffer: left, bytes: n_left}]\n";
  const auto left = "left=" + in().string();
  const auto right = "right=" + (folder_ / "other").string();
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--by-reference", "1MiB"}}) {
    std::vector<std::string> arguments = {"run", pipeline, "--in", right, "--in", left, "--out", out(), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto ran = sublet(arguments);
    ASSERT_EQ(ran.code, 0) << ran.out;
    EXPECT_EQ(ran.json().value("chunks", 0), 10);
    for (const auto& entry : fs::recursive_directory_iterator(in())) {
      if (!entry.is_regular_file()) continue;
      const auto name = fs::relative(entry.path(), in()).string();
      EXPECT_EQ(contents(out() / (name + ".left")), contents(entry.path())) << name;
      EXPECT_EQ(contents(out() / (name + ".right")), "beside " + contents(entry.path())) << name;
    }
    fs::remove_all(out());
  }
  fs::remove(folder_ / "other" / "file1");
  const auto missing = sublet({"run", pipeline, "--in", left, "--in", right, "--out", out()});
  EXPECT_EQ(missing.code, 2);
  EXPECT_NE(missing.err.find("--in right has no file file1"), std::string::npos) << missing.err;
  EXPECT_FALSE(fs::exists(out())) << "nothing was started";
  EXPECT_EQ(sublet({"submit", pipeline, "--in", in(), "--out", out(), "--wait"}).code, 2) << "no broker is asked";
}

TEST_F(Command, RunSetsWhatChunksMaySayForAllOfThem) {
  make_inputs(5, 100);
  const auto pipeline = folder_ / "head.yaml";
  std::ofstream(pipeline) << "name: head\nparameters: {head: 1}\nper_chunk: {head: 0..64}\nbuffers: {data: \"max(n, 64)\"}\n"
                             "input: data\noutput: {buffer: data, bytes: head}\n";
  ASSERT_EQ(sublet({"run", pipeline, "--in", in(), "--out", out(), "--set", "head=7"}).code, 0);
  for (const auto& entry : fs::recursive_directory_iterator(out())) {
    if (entry.is_regular_file()) EXPECT_EQ(fs::file_size(entry), 7U) << entry.path();
  }
  EXPECT_TRUE(fs::is_regular_file(out() / "file1"));
  const auto beyond = sublet({"run", pipeline, "--in", in(), "--out", out(), "--set", "head=65"});
  EXPECT_EQ(beyond.code, 2);
  EXPECT_NE(beyond.err.find("parameter \"head\" cannot be 65"), std::string::npos) << beyond.err;
}

TEST(Worker, RefusesACommandOfTheHostThatIsNamedAsABuiltInFunction) {
  auto worker = io::spawn(
      {.program = SUBLET_BIN_DIR "/sublet-worker", .args = {"--device", "cpu", "--host-stage", "decode_picture=cat"}, .inherited = {}});
  ASSERT_TRUE(worker);
  EXPECT_EQ(worker->wait().code, 2) << "before it asks for a broker";
}

TEST_F(Command, V4_ACommandOfTheWorkersHostIsAStage) {
  make_inputs(10, 3'000);
  Cluster cluster;
  cluster.add_worker({"--device", "cpu", "--sessions", "1", "--host-stage", "shout=tr a-z A-Z"});
  const auto pipeline = folder_ / "shout.yaml";
  std::ofstream(pipeline) << "name: shout\nbuffers: {data: n, loud: n, bytes: 8}\ninput: data\n"
                             "stages: [{host: shout, from: data, to: loud, length: bytes}]\noutput: {buffer: loud, length: u64 bytes}\n";
  const auto ran = sublet({"submit", pipeline, "--broker", cluster.endpoint(), "--in", in(), "--out", out(), "--wait"});
  ASSERT_EQ(ran.code, 0) << ran.out;
  std::size_t inputs = 0;
  for (const auto& entry : fs::recursive_directory_iterator(in())) {
    if (!entry.is_regular_file()) continue;
    ++inputs;
    auto expected = contents(entry.path());
    for (char& each : expected) each = each >= 'a' && each <= 'z' ? static_cast<char>(each - 'a' + 'A') : each;
    EXPECT_EQ(contents(out() / fs::relative(entry.path(), in())), expected);
  }
  EXPECT_EQ(inputs, 10U);
  std::ofstream(pipeline) << "name: shout\nbuffers: {data: n, loud: n}\ninput: data\n"
                             "stages: [{host: shuot, from: data, to: loud}]\noutput: loud\n";
  const auto refused = sublet({"submit", pipeline, "--broker", cluster.endpoint(), "--in", in(), "--out", out(), "--wait"});
  EXPECT_EQ(refused.code, 1) << refused.out;
}

TEST_F(Command, RunByReferenceEndsWithAJobThatFails) {
  make_inputs(100, 8'000);
  // The places of the chunks that are dropped never come free.
  const auto pipeline = folder_ / "picky.yaml";
  std::ofstream(pipeline) << "name: picky\nbuffers: {data: n}\nrequire:\n  - {that: n < 1, else: \"of no use\"}\n"
                             "input: data\noutput: data\n";
  const auto ran = sublet({"run", pipeline, "--in", in(), "--out", out(), "--by-reference", "160KiB", "--json"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(nlohmann::json::parse(ran.out, nullptr, false).value("state", ""), "failed") << ran.out;
}

TEST_F(Command, RunWithoutInputsIsAUsageError) {
  EXPECT_EQ(sublet({"run", "video", "--in", in(), "--out", out()}).code, 2);
  EXPECT_EQ(sublet({"run", "no-such-pipeline", "--in", in(), "--out", out()}).code, 2);
  EXPECT_EQ(sublet({"rnu"}).code, 2);
}

TEST_F(Command, WithoutABrokerEndsWithThree) { EXPECT_EQ(sublet({"jobs", "--broker", "tcp://127.0.0.1:9", "--timeout", "300ms"}).code, 3); }

TEST_F(Command, SubmitThenWaitThenLook) {
  Cluster cluster;
  cluster.add_worker();
  make_inputs(30, 5'000);
  const std::vector<std::string> broker{"--broker", cluster.endpoint()};
  const auto with_broker = [&](std::vector<std::string> args) {
    args.insert(args.end(), broker.begin(), broker.end());
    return sublet(args);
  };
  const auto submitted = with_broker({"submit", "video", "--in", in(), "--wait", "--out", out()});
  EXPECT_EQ(submitted.code, 0) << submitted.out;
  expect_outputs_of_video(30);

  const auto jobs = nlohmann::json::parse(with_broker({"jobs", "-o", "json"}).out, nullptr, false);
  ASSERT_TRUE(jobs.is_array());
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0].value("state", ""), "done");
  const auto id = jobs[0].value("id", "");
  EXPECT_EQ(with_broker({"job", id}).code, 0);
  EXPECT_EQ(with_broker({"job", "00000000deadbeef"}).code, 4);
  EXPECT_EQ(with_broker({"queues"}).code, 0);
  EXPECT_EQ(with_broker({"workers"}).code, 0);
}

TEST_F(Command, CancelEndsAJobThatNobodyRuns) {
  Cluster cluster;
  make_inputs(5, 100);
  const auto ran = sublet({"submit", "video", "--in", in(), "-o", "json", "--broker", cluster.endpoint()});
  EXPECT_EQ(ran.code, 0) << ran.out;
  const auto id = nlohmann::json::parse(ran.out, nullptr, false).value("id", "");
  EXPECT_EQ(sublet({"wait", id, "--timeout", "200ms", "--broker", cluster.endpoint()}).code, 5);
  EXPECT_EQ(sublet({"cancel", id, "--broker", cluster.endpoint()}).code, 0);
  EXPECT_EQ(sublet({"wait", id, "--broker", cluster.endpoint()}).code, 1);
}

TEST_F(Command, CtrlCDuringARunStopsEverythingItStarted) {
  make_inputs(5'000, 20'000);
  auto child = start_sublet({"run", "video", "--in", in(), "--out", out()});
  const auto is_file = [](const fs::directory_entry& entry) { return entry.is_regular_file(); };
  const auto outputs_there = [&] { return fs::exists(out()) && std::ranges::count_if(fs::directory_iterator(out()), is_file) > 20; };
  while (!outputs_there() && !child.poll()) std::this_thread::yield();
  ASSERT_FALSE(child.poll()) << "the run was over before it could be interrupted";
  const auto parts = children_of(child.pid(), "sublet-broker").size() + children_of(child.pid(), "sublet-worker").size();
  EXPECT_EQ(parts, 2U);
  const auto workers = children_of(child.pid(), "sublet-worker");
  const auto sessions = workers.empty() ? std::vector<pid_t>() : children_of(workers.front(), "sublet-session");
  child.kill(SIGINT);
  EXPECT_EQ(child.wait().code, 130);
  for (const auto pid : workers) EXPECT_NE(kill(pid, 0), 0);
  for (const auto pid : sessions) EXPECT_NE(kill(pid, 0), 0);
  EXPECT_NE(contents(folder_ / "stdout").find("chunks"), std::string::npos) << "no summary";
}

TEST_F(Command, AFileThatCannotBeReadFailsAloneAndIsNamed) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads every file";
  make_inputs(10, 1'000);
  fs::permissions(in() / "file1", fs::perms::none);
  EXPECT_EQ(sublet({"run", "video", "--in", in(), "--out", out()}).code, 1);
  EXPECT_TRUE(fs::exists(out() / "file2"));
}

TEST_F(Command, AnOutputFolderThatCannotBeWrittenIsAnError) {
  make_inputs(10, 1'000);
  std::ofstream(out()) << "a file stands where the folder should be";
  EXPECT_NE(sublet({"run", "video", "--in", in(), "--out", out()}).code, 0);
}

}  // namespace
}  // namespace sublet::test
