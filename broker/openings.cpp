#include "broker/openings.hpp"

#include <optional>

namespace sublet::broker {

namespace {

/// Redis answers one at a time anyway; this many keep it busy while records are being read.
constexpr std::size_t kThreads = 4;

}  // namespace

Result<std::unique_ptr<Openings>> Openings::open() {
  auto done = io::Wakeup::open();
  if (!done) {
    return std::unexpected(done.error());
  }
  return std::make_unique<Openings>(std::move(*done));
}

Openings::Openings(io::Wakeup done) : done_(std::move(done)) {
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads_.emplace_back([this] { work(); });
  }
}

Openings::~Openings() {
  {
    const std::scoped_lock lock(mutex_);
    ends_ = true;
  }
  has_task_.notify_all();
}

void Openings::add(Task task) {
  {
    const std::scoped_lock lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  has_task_.notify_one();
}

void Openings::begin(ShardNumber number, Open open) {
  add([this, number, open = std::move(open)] {
    auto outcome = open();
    {
      const std::scoped_lock lock(mutex_);
      opened_.push_back({.number = number, .outcome = std::move(outcome)});
    }
    done_.notify();
  });
}

std::vector<Openings::Opened> Openings::take_opened() {
  done_.clear();
  const std::scoped_lock lock(mutex_);
  return std::exchange(opened_, {});
}

void Openings::close(std::unique_ptr<Store> store) {
  // A task has to be copyable.
  add([store = std::shared_ptr<Store>(std::move(store))]() mutable { store.reset(); });
}

void Openings::work() {
  for (;;) {
    std::optional<Task> task;
    {
      std::unique_lock lock(mutex_);
      has_task_.wait(lock, [this] { return ends_ || !tasks_.empty(); });
      if (tasks_.empty()) {
        return;
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    (*task)();
  }
}

}  // namespace sublet::broker
