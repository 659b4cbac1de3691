#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "common/error.hpp"
#include "common/io/signals.hpp"
#include "common/io/wakeup.hpp"

namespace sublet::cli {

/// Ctrl-C: the first asks the verb to stop, the second ends the program at once (children die with it).
class Interrupts {
 public:
  /// To be called in `main` before any other thread starts.
  static Result<std::unique_ptr<Interrupts>> open();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  [[nodiscard]] bool asked() const { return asked_.load(); }
  /// Readable from the first signal on, for ever.
  [[nodiscard]] int fd() const { return asked_event_.fd(); }

  /// Called once, from another thread, when the first signal comes. Without a callback the first signal ends the program as the second
  /// does: a verb that has nothing to tidy up needs none. After this returns the former callback does not run any more.
  void on_first(std::function<void()> callback);
  /// What the second signal does before the program ends: only what must not be left behind.
  void on_second(std::function<void()> callback);

 private:
  Interrupts(io::StopSignals signals, io::Wakeup asked_event, io::Wakeup stop);
  void watch();
  void take_signal();

  io::StopSignals signals_;
  io::Wakeup asked_event_;
  io::Wakeup stop_;
  std::atomic<bool> asked_ = false;
  std::mutex mutex_;
  std::function<void()> first_;
  std::function<void()> second_;
  std::jthread thread_;
};

}  // namespace sublet::cli
