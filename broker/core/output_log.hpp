#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "broker/core/step.hpp"
#include "broker/stores/record.hpp"
#include "common/bytes.hpp"

namespace sublet::broker {

/// Bytes of its error texts.
std::uint64_t texts_of(const wire::Output& output);

/// A job's finished chunks, in the order their settles came: entries numbered from 1, kept until they are taken. Has one reader at a time.
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

  /// From now on `reader` gets what comes after `after`.
  void read(const Reader& reader, Cursor after);
  void forget_reader() { reader_.reset(); }
  [[nodiscard]] const std::optional<Reader>& reader() const { return reader_; }
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
  std::optional<Reader> reader_;
};

}  // namespace sublet::broker
