#include "producer/cli/interrupts.hpp"

#include <array>
#include <cstdlib>

#include <poll.h>

#include "producer/cli/exit_code.hpp"

namespace sublet::cli {

Result<std::unique_ptr<Interrupts>> Interrupts::open() {
  auto signals = io::StopSignals::open();
  if (!signals) return std::unexpected(signals.error());
  auto asked = io::Wakeup::open();
  if (!asked) return std::unexpected(asked.error());
  auto stop = io::Wakeup::open();
  if (!stop) return std::unexpected(stop.error());
  return std::unique_ptr<Interrupts>(new Interrupts(std::move(*signals), std::move(*asked), std::move(*stop)));
}

Interrupts::Interrupts(io::StopSignals signals, io::Wakeup asked_event, io::Wakeup stop)
    : signals_(std::move(signals)), asked_event_(std::move(asked_event)), stop_(std::move(stop)), thread_([this] { watch(); }) {}

Interrupts::~Interrupts() { stop_.notify(); }

void Interrupts::on_first(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  first_ = std::move(callback);
}

void Interrupts::on_second(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  second_ = std::move(callback);
}

void Interrupts::watch() {
  while (true) {
    std::array<pollfd, 2> waits{pollfd{signals_.fd(), POLLIN, 0}, pollfd{stop_.fd(), POLLIN, 0}};
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    if (waits[1].revents != 0) return;
    while (signals_.take() != 0) take_signal();
  }
}

void Interrupts::take_signal() {
  {
    // Not waiting for the lock: a first callback that hangs must not keep the second signal from ending the program.
    const std::unique_lock lock(mutex_, std::try_to_lock);
    const bool handled = lock && first_ && !asked_.exchange(true);
    if (handled) {
      asked_event_.notify();
      first_();
      return;
    }
    if (lock && second_) second_();
  }
  std::_Exit(static_cast<int>(ExitCode::interrupted));
}

}  // namespace sublet::cli
