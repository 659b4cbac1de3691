#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "broker/shard.hpp"
#include "broker/stores/store.hpp"
#include "common/error.hpp"
#include "common/io/wakeup.hpp"
#include "common/shard.hpp"

namespace sublet::broker {

/// Opens and closes shards on threads of its own, since both wait for a store and a large shard takes long to load, while the loop goes on
/// with the others. Used by one thread. Ends when all that was begun is through.
class Openings {
 public:
  using Open = std::function<Result<OpenedShard>()>;
  struct Opened {
    ShardNumber number = 0;
    Result<OpenedShard> outcome;
  };

  static Result<std::unique_ptr<Openings>> open();
  explicit Openings(io::Wakeup done);
  ~Openings();
  Openings(const Openings&) = delete;
  Openings& operator=(const Openings&) = delete;

  /// Readable when a shard has been opened, or could not be.
  [[nodiscard]] int fd() const { return done_.fd(); }
  void begin(ShardNumber number, Open open);
  std::vector<Opened> take_opened();

  /// Closes a store, which gives its hold back.
  void close(std::unique_ptr<Store> store);

 private:
  using Task = std::function<void()>;
  void add(Task task);
  void work();

  io::Wakeup done_;
  std::mutex mutex_;
  std::condition_variable has_task_;
  std::deque<Task> tasks_;
  std::vector<Opened> opened_;
  bool ends_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace sublet::broker
