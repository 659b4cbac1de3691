#include "broker/core/output_log.hpp"

#include <gtest/gtest.h>

namespace sublet::broker {
namespace {

void append(OutputLog& log, std::uint64_t chunks, std::size_t bytes) {
  wire::Output output{.cursor = log.next(), .chunks = {{.first = 0, .count = chunks}}};
  log.append(std::make_shared<const wire::Output>(output), Blob::copy_of(std::vector<std::byte>(bytes)));
}

std::vector<std::uint64_t> sent(OutputLog& log) {
  std::vector<std::uint64_t> cursors;
  while (const auto* entry = log.send_next()) cursors.push_back(entry->output->cursor.value);
  return cursors;
}

TEST(OutputLog, SendsWithinTheWindowAndMoreWhenSomeAreTaken) {
  OutputLog log;
  for (int entry = 0; entry < 4; ++entry) append(log, 2, 10);
  log.read({.chunks = 4, .bytes = 1000}, {});
  EXPECT_EQ(sent(log), (std::vector<std::uint64_t>{1, 2}));
  log.take({.value = 1}, [](Cursor) {});
  EXPECT_EQ(sent(log), (std::vector<std::uint64_t>{3}));
}

TEST(OutputLog, SendsAnEntryLargerThanTheWindowWhenNothingElseIsOut) {
  OutputLog log;
  append(log, 1, 10);
  append(log, 1, 5000);
  log.read({.chunks = 10, .bytes = 100}, {});
  EXPECT_EQ(sent(log), (std::vector<std::uint64_t>{1}));
  log.take({.value = 1}, [](Cursor) {});
  EXPECT_EQ(sent(log), (std::vector<std::uint64_t>{2}));
}

TEST(OutputLog, SendsAgainFromWhereTheNextReadAsks) {
  OutputLog log;
  for (int entry = 0; entry < 3; ++entry) append(log, 1, 1);
  log.read({.chunks = 10, .bytes = 100}, {});
  EXPECT_EQ(sent(log).size(), 3U);
  log.read({.chunks = 10, .bytes = 100}, {.value = 1});
  EXPECT_EQ(sent(log), (std::vector<std::uint64_t>{2, 3}));
}

TEST(OutputLog, GoesOnWithTheReaderBeforeWhenTheNewestLeaves) {
  OutputLog log;
  for (int entry = 0; entry < 3; ++entry) append(log, 1, 1);
  log.read({.peer = {1}, .chunks = 10, .bytes = 100}, {});
  log.take({.value = 1}, [](Cursor) {});
  log.read({.peer = {2}, .chunks = 10, .bytes = 100}, {.value = 3});
  EXPECT_EQ(sent(log).size(), 0U);
  log.forget_reader({2});
  ASSERT_EQ(log.readers().size(), 1U);
  EXPECT_EQ(log.readers().back().peer, PeerId{1});
  EXPECT_EQ(sent(log), (std::vector<std::uint64_t>{2, 3})) << "what was not taken comes again";
}

TEST(OutputLog, StaysWithTheNewestReaderWhenAnEarlierOneLeaves) {
  OutputLog log;
  append(log, 1, 1);
  log.read({.peer = {1}, .chunks = 10, .bytes = 100}, {});
  log.read({.peer = {2}, .chunks = 10, .bytes = 100}, {});
  EXPECT_EQ(sent(log).size(), 1U);
  log.forget_reader({1});
  EXPECT_EQ(sent(log).size(), 0U);
  EXPECT_EQ(log.readers().back().peer, PeerId{2});
}

TEST(OutputLog, HasNoReaderOnceItsWindowHoldsNothing) {
  OutputLog log;
  log.read({.peer = {1}, .chunks = 10, .bytes = 100}, {});
  log.read({.peer = {1}, .chunks = 0, .bytes = 0}, {});
  EXPECT_TRUE(log.readers().empty());
}

TEST(OutputLog, DeletesWhatIsTakenOnce) {
  OutputLog log;
  append(log, 1, 7);
  append(log, 1, 7);
  std::vector<std::uint64_t> deleted;
  const auto note = [&](Cursor cursor) { deleted.push_back(cursor.value); };
  log.take({.value = 1}, note);
  log.take({.value = 1}, note);
  log.take({.value = 99}, note);
  EXPECT_EQ(deleted, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(log.bytes(), 0U);
  EXPECT_EQ(log.taken(), log.last());
}

}  // namespace
}  // namespace sublet::broker
