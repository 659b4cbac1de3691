#include "tests/chaos/producer_process.hpp"

#include <array>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "tests/chaos/producer_pipes.hpp"

namespace sublet::chaos {
namespace {

struct Pipe {
  io::FileDescriptor reading;
  io::FileDescriptor writing;
};

Pipe open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  return {.reading = io::FileDescriptor(ends[0]), .writing = io::FileDescriptor(ends[1])};
}

/// Until the last writer is gone.
void hear(const io::FileDescriptor& pipe, Hearing& hearing) {
  RecordReader reader;
  std::vector<std::byte> bytes(256U << 10U);
  for (;;) {
    const auto count = ::read(pipe.get(), bytes.data(), bytes.size());
    if (count <= 0) return;
    hearing.take(reader.feed(ByteView(bytes).first(static_cast<std::size_t>(count))));
  }
}

}  // namespace

ProducerProcess::ProducerProcess(Burst burst, const std::vector<std::string>& brokers, Hearing& hearing)
    : burst_(burst), brokers_(fmt::format("{}", fmt::join(brokers, ","))), hearing_(hearing) {}

ProducerProcess::~ProducerProcess() { kill(); }

void ProducerProcess::start(std::size_t batch) {
  if (process_) return;
  auto records = open_pipe();
  auto allowances = open_pipe();
  hearing_.with([](Judge& judge) { judge.begin_producer(); });
  process_ = test::begin_to_start(
      "chaos_producer", {brokers_, std::to_string(burst_.chunks), std::to_string(burst_.salt), std::to_string(batch)},
      {{.fd = records.writing.get(), .child_fd = kRecordFd}, {.fd = allowances.reading.get(), .child_fd = kAllowanceFd}});
  allowances_ = std::move(allowances.writing);
  listener_ = std::jthread([this, pipe = std::move(records.reading)] { hear(pipe, hearing_); });
  tell_allowance();
}

void ProducerProcess::signal(int number) const {
  if (process_) process_->child.kill(number);
}

void ProducerProcess::kill() {
  if (!process_) return;
  process_->child.kill(SIGKILL);
  process_->child.wait();
  process_.reset();
  listener_ = {};
  allowances_.reset();
}

void ProducerProcess::allow(std::uint64_t chunks) {
  if (chunks <= allowed_) return;
  allowed_ = chunks;
  tell_allowance();
}

void ProducerProcess::tell_allowance() const {
  // One that has ended just now does not need it.
  if (process_) [[maybe_unused]]
    const auto told = ::write(allowances_.get(), &allowed_, sizeof allowed_);
}

std::optional<io::Exit> ProducerProcess::ended() { return process_ ? process_->child.poll() : std::nullopt; }

}  // namespace sublet::chaos
