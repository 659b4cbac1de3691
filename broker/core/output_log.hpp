#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "broker/core/step.hpp"
#include "broker/stores/record.hpp"
#include "common/bytes.hpp"

namespace sublet::broker {

/// Bytes of its error texts.
std::uint64_t texts_of(const wire::Output& output);

/// A job's finished chunks, in the order their settles came: entries numbered from 1, kept until they are taken. They go to one reader at a
/// time, the newest.
class OutputLog {
 public:
  struct Entry {
    SharedOutput output;
    Blob payload;
    /// Running totals from the log's beginning, this entry included.
    std::uint64_t chunks_through = 0;
    std::uint64_t bytes_through = 0;
    std::uint64_t texts_through = 0;
  };

  /// What a READ allows: entries sent and not taken hold at most that much.
  struct Reader {
    PeerId peer;
    std::uint64_t request = 0;
    std::uint64_t chunks = 0;
    std::uint64_t bytes = 0;
  };

  /// The cursor that the next entry has.
  [[nodiscard]] Cursor next() const { return {.value = last_.value + 1}; }
  [[nodiscard]] Cursor last() const { return last_; }
  [[nodiscard]] Cursor taken() const { return taken_; }
  /// Of entries not taken.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_total_ - bytes_taken_; }

  /// Bytes of their error texts.
  [[nodiscard]] std::uint64_t texts() const { return texts_total_ - texts_taken_; }

  /// `output->cursor` is `next()`.
  void append(SharedOutput output, Blob payload);
  /// Deletes the entries up to `cursor`; hands each deleted one's cursor to `deleted`.
  template <class Deleted>
  void take(Cursor cursor, Deleted deleted) {
    while (!entries_.empty() && taken_ < cursor) {
      deleted(entries_.front().output->cursor);
      drop_front();
    }
  }

  /// From now on `reader` gets what comes after `after`, until another one reads; one whose window holds nothing reads no more.
  void read(const Reader& reader, Cursor after);
  /// That peer reads no more. When it was the newest reader, the one before it goes on, with everything that was not taken: a READ that
  /// came late, from a process that is long dead, must not keep the outputs from the one that waits for them.
  void forget_reader(PeerId peer);
  /// Those who asked, the one that gets the entries last.
  [[nodiscard]] const std::vector<Reader>& readers() const { return readers_; }
  /// Whether the reader that gets the entries has been sent all of them.
  [[nodiscard]] bool all_sent() const { return sent_ == last_; }
  /// The next entry that the reader's window lets through, now counted as sent; nullptr when there is none.
  const Entry* send_next();

  /// As a store held it: entries follow by `append`.
  void restore(Cursor taken, Cursor last_before_entries);

 private:
  void drop_front();
  [[nodiscard]] const Entry& at(Cursor cursor) const { return entries_[cursor.value - taken_.value - 1]; }

  std::deque<Entry> entries_;
  Cursor last_;
  Cursor taken_;
  Cursor sent_;
  std::uint64_t chunks_total_ = 0, bytes_total_ = 0, texts_total_ = 0;
  std::uint64_t chunks_taken_ = 0, bytes_taken_ = 0, texts_taken_ = 0;
  std::vector<Reader> readers_;
};

}  // namespace sublet::broker
