#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "broker/stores/store.hpp"
#include "common/io/wakeup.hpp"

namespace sublet::broker::test {

/// What a test and the store inside a server share. Commits are held until the test lets them go; used from both threads.
class CommitGate {
 public:
  /// Answers the commit in flight, now or when it comes, and none after it.
  void let_one_go(Result<void> outcome = {}) {
    {
      const std::scoped_lock lock(mutex_);
      answers_.push_back(std::move(outcome));
    }
    answered_.notify();
  }

  /// Answers every commit from now on.
  void open() {
    {
      const std::scoped_lock lock(mutex_);
      open_ = true;
    }
    answered_.notify();
  }

  /// Answers none from now on.
  void close() {
    const std::scoped_lock lock(mutex_);
    open_ = false;
  }

  /// Blocks until so many commits have begun.
  void wait_for_commits(std::uint64_t count) { begun_.wait_until(count); }

  [[nodiscard]] int answered_fd() const { return answered_.fd(); }

  void begin() { begun_.add(); }

  std::optional<Result<void>> take_answer() {
    const std::scoped_lock lock(mutex_);
    answered_.clear();
    if (answers_.empty()) {
      return open_ ? std::optional(Result<void>()) : std::nullopt;
    }
    Result<void> answer = std::move(answers_.front());
    answers_.erase(answers_.begin());
    return answer;
  }

 private:
  class Count {
   public:
    void add() {
      value_.fetch_add(1);
      value_.notify_all();
    }
    void wait_until(std::uint64_t count) {
      for (std::uint64_t value = value_.load(); value < count; value = value_.load()) value_.wait(value);
    }

   private:
    std::atomic<std::uint64_t> value_ = 0;
  };

  io::Wakeup answered_ = io::Wakeup::open().value();
  std::mutex mutex_;
  std::vector<Result<void>> answers_;
  bool open_ = false;
  Count begun_;
};

/// A store that answers when the test says so: what a slow or failing one looks like to the loop.
class HeldStore final : public Store {
 public:
  explicit HeldStore(CommitGate& gate) : gate_(gate) {}

  [[nodiscard]] StoreInfo info() const override { return {.id = 1, .durable = false, .name = "held:"}; }
  Result<std::map<RecordKey, RecordValue>> load() override { return {}; }
  void begin(Commit commit) override {
    number_ = commit.number;
    in_flight_ = true;
    gate_.begin();
  }
  std::optional<CommitResult> finished() override {
    if (!in_flight_) return std::nullopt;
    auto answer = gate_.take_answer();
    if (!answer) return std::nullopt;
    in_flight_ = false;
    return CommitResult{.number = number_, .outcome = std::move(*answer), .refused = {}};
  }
  [[nodiscard]] int fd() const override { return gate_.answered_fd(); }
  [[nodiscard]] const StoreHealth& health() const override { return health_; }
  Result<RecordValue> fetch(const RecordKey& /*key*/) override { return fail(ErrorCode::not_found, "nothing is kept"); }

 private:
  CommitGate& gate_;
  StoreHealth health_;
  bool in_flight_ = false;
  std::uint64_t number_ = 0;
};

}  // namespace sublet::broker::test
