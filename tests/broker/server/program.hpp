#pragma once

// The broker's real program.

#include <array>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/io/file_descriptor.hpp"
#include "common/io/process.hpp"
#include "common/io/ready.hpp"
#include "paths.hpp"
#include "tests/broker/server/hand_peer.hpp"

namespace sublet::broker::test {

struct Program {
  io::Child child;
  Result<io::Ready> ready;
};

/// Starts the real program, with stderr and stdout of this test.
inline Program start(std::vector<std::string> args) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const io::FileDescriptor reader(ends[0]);
  io::FileDescriptor writer(ends[1]);
  args.insert(args.end(), {"--ready-fd", "3"});
  auto child = io::spawn({.program = SUBLET_BIN_DIR "/sublet-broker", .args = args, .inherited = {{.fd = writer.get(), .child_fd = 3}}});
  writer.reset();
  auto ready = io::read_ready(reader.get(), kPatience);
  return {std::move(child.value()), std::move(ready)};
}

inline const std::vector<std::string> kAnyPorts{"--control", "tcp://127.0.0.1:*", "--bulk", "tcp://127.0.0.1:*",
                                                "--http",    "127.0.0.1:0",       "--log",  "error"};

inline std::vector<std::string> any_ports_and(std::vector<std::string> more) {
  more.insert(more.begin(), kAnyPorts.begin(), kAnyPorts.end());
  return more;
}

/// Of the program when it ends by itself.
inline int exit_code_of(const std::vector<std::string>& args) {
  return io::spawn({.program = SUBLET_BIN_DIR "/sublet-broker", .args = args}).value().wait().code;
}

}  // namespace sublet::broker::test
