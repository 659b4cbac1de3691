#include "broker/http/inquiries.hpp"

#include <utility>

namespace sublet::broker {

Result<Inquiries> Inquiries::open() {
  auto wakeup = io::Wakeup::open();
  if (!wakeup) return std::unexpected(wakeup.error());
  return Inquiries(std::move(*wakeup));
}

std::optional<Readings> Inquiries::ask(Millis timeout) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  const auto mine = ++state.asked;
  state.wakeup.notify();
  if (!state.answered.wait_for(lock, timeout, [&] { return state.served >= mine; })) return std::nullopt;
  return state.readings;
}

void Inquiries::answer(const std::function<Readings()>& read) {
  State& state = *state_;
  state.wakeup.clear();
  const std::lock_guard lock(state.mutex);
  if (state.served == state.asked) return;
  state.readings = read();
  state.served = state.asked;
  state.answered.notify_all();
}

}  // namespace sublet::broker
