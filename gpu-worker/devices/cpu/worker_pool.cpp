#include "gpu-worker/devices/cpu/worker_pool.hpp"

#include <algorithm>
#include <utility>

namespace sublet::cpu {

WorkerPool::WorkerPool(unsigned threads) : helpers_((threads != 0 ? threads : std::max(1U, std::thread::hardware_concurrency())) - 1) {}

WorkerPool::~WorkerPool() {
  for (std::jthread& thread : threads_) {
    thread.request_stop();
  }
}

void WorkerPool::start_threads() {
  while (threads_.size() < helpers_) {
    threads_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
  }
}

void WorkerPool::serve(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto joinable = [&] { return std::ranges::find_if(open_, [&](const Help* help) { return help->joined_ < helpers_; }); };
  while (wanted_.wait(lock, stop, [&] { return joinable() != open_.end(); })) {
    Help& help = **joinable();
    const unsigned number = ++help.joined_;
    ++help.running_;
    lock.unlock();
    help.work_(number);
    lock.lock();
    if (--help.running_ == 0) {
      finished_.notify_all();
    }
  }
}

WorkerPool::Help::Help(WorkerPool& pool, std::function<void(unsigned)> work) : pool_(pool), work_(std::move(work)) {
  {
    const std::lock_guard lock(pool_.mutex_);
    pool_.start_threads();
    place_ = pool_.open_.insert(pool_.open_.end(), this);
  }
  pool_.wanted_.notify_all();
}

WorkerPool::Help::~Help() {
  std::unique_lock lock(pool_.mutex_);
  pool_.open_.erase(place_);
  pool_.finished_.wait(lock, [&] { return running_ == 0; });
}

}  // namespace sublet::cpu
