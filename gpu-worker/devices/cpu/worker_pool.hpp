#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

namespace sublet::cpu {

/// Threads that help a caller with work it has already begun. Several callers share them; who finds none free does its work alone.
class WorkerPool {
 public:
  /// @param threads  that may work on one task, the caller included; helpers start when they are first asked for
  explicit WorkerPool(unsigned threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  [[nodiscard]] unsigned helpers() const { return helpers_; }

  /// While it lives, idle helpers call `work(helper)`, each at most once, with helper in [1, helpers()]. Its end waits for those within.
  class Help {
   public:
    Help(WorkerPool& pool, std::function<void(unsigned helper)> work);
    ~Help();
    Help(const Help&) = delete;
    Help& operator=(const Help&) = delete;

   private:
    friend class WorkerPool;
    WorkerPool& pool_;
    std::function<void(unsigned)> work_;
    unsigned joined_ = 0;   ///< helpers that came
    unsigned running_ = 0;  ///< of these, within
    std::list<Help*>::iterator place_;
  };

 private:
  void start_threads();
  void serve(const std::stop_token& stop);

  unsigned helpers_;
  std::mutex mutex_;
  std::condition_variable_any wanted_;
  std::condition_variable finished_;
  std::list<Help*> open_;
  std::vector<std::jthread> threads_;
};

}  // namespace sublet::cpu
