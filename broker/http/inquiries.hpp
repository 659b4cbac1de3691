#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "broker/http/readings.hpp"
#include "common/error.hpp"
#include "common/io/wakeup.hpp"
#include "common/time.hpp"

namespace sublet::broker {

/// Where threads that answer operators ask the loop's thread how it stands. The loop shares nothing: it answers when it comes by, so an
/// answer in time also shows that it lives.
class Inquiries {
 public:
  static Result<Inquiries> open();
  explicit Inquiries(io::Wakeup wakeup) : state_(std::make_unique<State>(std::move(wakeup))) {}

  /// From any thread. Nothing when the loop does not answer in time.
  std::optional<Readings> ask(Millis timeout);

  /// Readable while somebody asks.
  [[nodiscard]] int fd() const { return state_->wakeup.fd(); }
  /// By the loop's thread: answers all who ask now.
  void answer(const std::function<Readings()>& read);

 private:
  struct State {
    explicit State(io::Wakeup its_wakeup) : wakeup(std::move(its_wakeup)) {}
    io::Wakeup wakeup;
    std::mutex mutex;
    std::condition_variable answered;
    std::uint64_t asked = 0;   ///< inquiries so far
    std::uint64_t served = 0;  ///< of these, how many `readings` is an answer to
    Readings readings;
  };
  std::unique_ptr<State> state_;
};

}  // namespace sublet::broker
