// A producer for tests that kill it: submits chunks under an idempotency key and writes each output to a file named by its chunk id, whole
// or not at all, before it takes the next.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "common/io/ready.hpp"
#include "paths.hpp"
#include "tests/e2e/burst.hpp"

namespace sublet::test {
namespace {

struct Arguments {
  std::string endpoint;
  std::string folder;
  std::uint64_t count = 0;
  std::size_t batch = 0;
  std::size_t max_bytes = 0;
  int ready_fd = -1;
};

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "e2e_producer: {}\n", to_text(result.error()));
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

void write_output(const Arguments& arguments, const ChunkOutput& chunk) {
  const auto output = must(chunk.output);
  const auto path = std::filesystem::path(arguments.folder) / std::to_string(chunk.id.value);
  const auto half = path.string() + ".part";
  std::ofstream(half, std::ios::binary) << as_text(output.view());
  std::filesystem::rename(half, path);
}

int run(const Arguments& arguments) {
  auto client = must(Client::connect({.brokers = {arguments.endpoint}, .connect_timeout = 30s}));
  auto spec = spec_of(arguments.max_bytes);
  spec.idempotency_key = "e2e-producer";
  auto job = must(client.open(must(load_bundle(SUBLET_SOURCE_DIR "/kernels/echo/echo.yaml")), spec));
  if (!io::write_ready(arguments.ready_fd, {{"job", to_hex(job.id())}})) return 1;
  std::jthread submitter([&] {
    submit(job, 0, arguments.count, arguments.max_bytes, arguments.batch);
    must(job.close());
  });
  auto outputs = job.outputs(Order::arrival);
  while (auto chunk = must(outputs.next())) write_output(arguments, *chunk);
  return 0;
}

}  // namespace
}  // namespace sublet::test

int main(int argc, char** argv) {
  if (argc != 8) return 2;
  // The last two are "--ready-fd N".
  return sublet::test::run({.endpoint = argv[1],
                            .folder = argv[2],
                            .count = std::strtoull(argv[3], nullptr, 10),
                            .batch = std::strtoull(argv[4], nullptr, 10),
                            .max_bytes = std::strtoull(argv[5], nullptr, 10),
                            .ready_fd = std::atoi(argv[7])});
}
