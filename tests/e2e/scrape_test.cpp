// A real Prometheus reads a broker's metrics while a burst runs.

#include <fstream>

#include <gmock/gmock.h>
#include <httplib.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>

#include "common/io/file_descriptor.hpp"
#include "common/io/process.hpp"
#include "paths.hpp"
#include "tests/e2e/burst.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/folder.hpp"

namespace sublet::test {
namespace {

constexpr std::uint64_t kChunks = 500;

/// Where ./dev put the program; the one on the PATH otherwise.
std::string program(const std::string& name) {
  const std::string fetched = SUBLET_BIN_DIR "/../../tools/usr/bin/" + name;
  if (std::filesystem::exists(fetched)) return fetched;
  const std::string installed = "/usr/bin/" + name;
  return std::filesystem::exists(installed) ? installed : "";
}

/// A port that was free a moment ago: Prometheus does not tell which one it chose.
int free_port() {
  const io::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return 0;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

void run_burst(Cluster& cluster) {
  cluster.add_worker();
  auto client = connect(cluster.endpoint());
  auto job = client.open(shipped("echo/echo.yaml"), spec_of(64)).value();
  submit(job, 0, kChunks, 64);
  ASSERT_TRUE(job.close());
  ASSERT_EQ(read_all(job).outputs.size(), kChunks);
}

/// The value that Prometheus has of `query`; nothing while it has none.
std::optional<double> ask(httplib::Client& client, const std::string& query) {
  const auto response = client.Get("/api/v1/query", httplib::Params{{"query", query}}, httplib::Headers{});
  if (!response || response->status != 200) return std::nullopt;
  const auto result = nlohmann::json::parse(response->body).at("data").at("result");
  if (result.empty()) return std::nullopt;
  return std::stod(result.at(0).at("value").at(1).get<std::string>());
}

TEST(Scrape, PromtoolFindsNothingWrongWithTheMetrics) {
  const auto promtool = program("promtool");
  if (promtool.empty()) GTEST_SKIP() << "no promtool; ./dev test fetches it";
  Cluster cluster;
  run_burst(cluster);
  const auto text = httplib::Client(cluster.http_url()).Get("/metrics");
  ASSERT_TRUE(text);
  const Folder folder;
  std::ofstream(folder.path() / "metrics") << text->body;
  // Linting complains of the names that were given from outside, such as chunks_done; syntax and types are what is asked about here.
  const auto command =
      fmt::format("{} check metrics < {} > {} 2>&1", promtool, (folder.path() / "metrics").string(), (folder.path() / "said").string());
  const int status = std::system(command.c_str());
  std::stringstream said;
  said << std::ifstream(folder.path() / "said").rdbuf();
  EXPECT_NE(WEXITSTATUS(status), 1) << said.str();
  EXPECT_THAT(said.str(), testing::Not(testing::HasSubstr("error while linting")));
}

TEST(Scrape, PrometheusReadsHowManyChunksAreDone) {
  const auto prometheus = program("prometheus");
  if (prometheus.empty()) GTEST_SKIP() << "no prometheus; ./dev test fetches it";
  Cluster cluster;
  run_burst(cluster);
  const Folder folder;
  const auto target = cluster.http_url().substr(std::string("http://").size());
  std::ofstream(folder.path() / "prometheus.yml") << fmt::format(
      "global: {{scrape_interval: 100ms}}\nscrape_configs: [{{job_name: sublet, static_configs: [{{targets: ['{}']}}]}}]\n", target);
  const int port = free_port();
  auto child = io::spawn(
      {.program = prometheus,
       .args = {"--config.file=" + (folder.path() / "prometheus.yml").string(), "--storage.tsdb.path=" + (folder.path() / "data").string(),
                fmt::format("--web.listen-address=127.0.0.1:{}", port), "--log.level=error"}});
  ASSERT_TRUE(child);
  httplib::Client client("127.0.0.1", port);
  // Bounded by the test's time limit, since how fast it starts is not what is tested.
  std::optional<double> done;
  while (!(done = ask(client, "chunks_done{queue=\"default\"}")) && !child->poll()) {
    pollfd ended{.fd = child->fd(), .events = POLLIN, .revents = 0};
    ::poll(&ended, 1, 20);
  }
  EXPECT_EQ(done, static_cast<double>(kChunks));
  EXPECT_EQ(ask(client, "up{job=\"sublet\"}"), 1.0);
  EXPECT_EQ(ask(client, "broker_messages_dropped_total"), 0.0);
  EXPECT_EQ(ask(client, "sum(broker_batch_chunks_sum{message=\"SUBMIT\"})"), static_cast<double>(kChunks));
  child->kill(SIGTERM);
  child->wait();
}

}  // namespace
}  // namespace sublet::test
