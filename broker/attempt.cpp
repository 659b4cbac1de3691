#include "broker/attempt.hpp"

#include <thread>

namespace sublet::broker {

Result<Attempt> Attempt::begin(std::function<Outcome()> open) {
  auto wakeup = io::Wakeup::open();
  if (!wakeup) {
    return std::unexpected(wakeup.error());
  }
  auto done = std::make_shared<io::Wakeup>(std::move(*wakeup));
  std::promise<Outcome> promise;
  auto outcome = promise.get_future();
  std::thread([open = std::move(open), promise = std::move(promise), done]() mutable {
    promise.set_value(open());
    done->notify();
  }).detach();
  return Attempt(std::move(outcome), std::move(done));
}

}  // namespace sublet::broker
