#pragma once

#include <condition_variable>
#include <mutex>
#include <span>

#include "common/io/clock.hpp"
#include "tests/chaos/judge.hpp"

namespace sublet::chaos {

/// A judge that one thread tells what came while another waits for what it makes of that.
class Hearing {
 public:
  explicit Hearing(Judge judge) : judge_(std::move(judge)) {}

  void take(std::span<const Record> records) {
    {
      const std::scoped_lock lock(mutex_);
      for (const auto& record : records) judge_.take(record, io::now());
    }
    changed_.notify_all();
  }

  /// What `ask` makes of the judge.
  template <class Ask>
  auto with(Ask ask) {
    const std::scoped_lock lock(mutex_);
    return ask(judge_);
  }

  /// Until `reached` holds, at most until then.
  template <class Reached>
  void wait(Instant until, Reached reached) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until, [&] { return reached(std::as_const(judge_)); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Judge judge_;
};

}  // namespace sublet::chaos
