#include "common/io/ready.hpp"

#include <array>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/io/file_descriptor.hpp"

namespace sublet::io {
namespace {

struct ReadyTest : testing::Test {
  ReadyTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    reader = FileDescriptor(ends[0]);
    writer = FileDescriptor(ends[1]);
  }
  void write_text(std::string_view text) { ASSERT_EQ(::write(writer.get(), text.data(), text.size()), text.size()); }

  FileDescriptor reader;
  FileDescriptor writer;
};

TEST_F(ReadyTest, ArrivesAsItWasWritten) {
  const Ready ready{{"control", "tcp://127.0.0.1:7450"}, {"note", "a \"quote\"\nand a line"}};
  ASSERT_TRUE(write_ready(writer.release(), ready));
  EXPECT_EQ(read_ready(reader.get(), 20s), ready);
}

TEST_F(ReadyTest, TellsAProgramThatEndedFromOneThatIsSlow) {
  EXPECT_EQ(read_ready(reader.get(), 0ms).error().code, ErrorCode::timeout);
  writer.reset();
  EXPECT_EQ(read_ready(reader.get(), 20s).error().code, ErrorCode::io_failed);
}

TEST_F(ReadyTest, RefusesWhatIsNoReadyLine) {
  for (const char* line : {"hello\n", "[1]\n", "{\"port\":1}\n", "\n"}) {
    write_text(line);
    EXPECT_EQ(read_ready(reader.get(), 20s).error().code, ErrorCode::io_failed) << line;
  }
  write_text(std::string(5'000, 'x'));
  EXPECT_EQ(read_ready(reader.get(), 20s).error().code, ErrorCode::io_failed);
}

TEST(Ready, SaysWhichDescriptorCannotBeWritten) { EXPECT_THAT(write_ready(-1, {}).error().detail, testing::HasSubstr("--ready-fd -1")); }

}  // namespace
}  // namespace sublet::io
