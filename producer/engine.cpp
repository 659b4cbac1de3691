// The life of an engine, and what its thread does.

#include "producer/engine.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "common/io/clock.hpp"
#include "common/io/endpoint.hpp"

namespace sublet::producer {

namespace {

/// Asked first: how many shards there are is known only then.
constexpr ShardNumber kFirst = 0;
/// How long to leave a message that found its socket full.
constexpr Millis kFullPause = 5ms;

std::string host_and_pid() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return fmt::format("{}-{}", host[0] == '\0' ? "producer" : host.data(), ::getpid());
}

Router::Options router_options(const ClientOptions& options) {
  return {.brokers = options.brokers,
          .name = options.name.empty() ? host_and_pid() : options.name,
          .reconnect_first = options.reconnect_first,
          .reconnect_max = options.reconnect_max};
}

/// Errors that a further attempt would only meet again.
bool is_hopeless(const Error& error) {
  return error.code == ErrorCode::bad_argument || error.code == ErrorCode::io_failed || error.code == ErrorCode::version_mismatch ||
         error.code == ErrorCode::protocol_error || error.code == ErrorCode::bad_name;
}

/// Until `deadline`, rounded up so that the deadline has passed when the wait is over.
Millis until(Instant deadline, Instant now) { return std::max(Millis(0), std::chrono::ceil<Millis>(deadline - now)); }

}  // namespace

Engine::Engine(const ClientOptions& options, io::Wakeup wakeup)
    : options_(options), wakeup_(std::move(wakeup)), router_(router_options(options), random_) {}

Result<std::shared_ptr<Engine>> Engine::connect(const ClientOptions& options) {
  if (options.brokers.empty()) return fail(ErrorCode::bad_argument, "no broker is named; name one, such as tcp://127.0.0.1:7450");
  for (const auto& broker : options.brokers) {
    if (auto checked = io::checked_endpoint(broker, options.insecure_network); !checked) return std::unexpected(checked.error());
  }
  auto wakeup = io::Wakeup::open();
  if (!wakeup) return std::unexpected(wakeup.error());
  auto engine = std::make_shared<Engine>(options, std::move(*wakeup));
  engine->router_.connection(kFirst, io::now());
  engine->thread_ = std::thread([engine] { engine->run(); });
  // The thread shares the engine, so it is the callers' own pointer whose end stops it.
  std::shared_ptr<Engine> owner(engine.get(), [engine](Engine*) { stop(engine); });
  if (auto connected = engine->await_welcome(); !connected) return std::unexpected(connected.error());
  return owner;
}

void Engine::stop(const std::shared_ptr<Engine>& engine) {
  {
    const std::lock_guard lock(engine->mutex_);
    engine->stopping_ = true;
  }
  engine->wakeup_.notify();
  // The last copy may die inside a callback, which runs on the very thread.
  if (std::this_thread::get_id() == engine->thread_.get_id()) {
    engine->thread_.detach();
  } else {
    engine->thread_.join();
  }
}

Result<void> Engine::await_welcome() {
  Lock lock(mutex_);
  const Instant deadline = io::now() + options_.connect_timeout;
  const auto& link = router_.connection(kFirst, io::now()).link();
  const auto settled = [&] {
    const auto& error = link.last_error();
    return link.up() || (error && is_hopeless(*error) && link.nobody_answers());
  };
  if (!answered_.wait_until(lock, deadline, settled)) return std::unexpected(unanswered(kFirst));
  if (!link.up()) return std::unexpected(*link.last_error());
  return {};
}

Error Engine::unanswered(ShardNumber shard) const {
  if (const auto& error = router_.link(shard).last_error()) return *error;
  return {.code = ErrorCode::disconnected,
          .detail = fmt::format("no answer from a broker at {}; start one with `sublet up` or `sublet-broker`, or name another endpoint",
                                fmt::join(options_.brokers, ", "))};
}

void Engine::run() {
  planes_.emplace(Planes::Options{.sockets = {.insecure_network = options_.insecure_network}, .wakeup_fd = wakeup_.fd()});
  Lock lock(mutex_);
  thread_id_ = std::this_thread::get_id();
  while (!stopping_) {
    auto effects = router_.step(io::now());
    std::vector<std::function<void()>> callbacks;
    std::vector<std::shared_ptr<JobHandle>> keep;
    dispatch(router_.take_changes(), callbacks, keep);
    // After sending, the callers' side is looked at once more before sleeping: they wake the thread only when they see it asleep.
    asleep_ = effects.empty() && callbacks.empty();
    Millis pause = asleep_ ? until(router_.next_deadline(), io::now()) : 0ms;
    lock.unlock();

    const auto failed = apply(std::move(effects));
    for (const auto& callback : callbacks) callback();
    callbacks.clear();
    keep.clear();
    if (planes_->blocked()) pause = std::min(pause, kFullPause);
    if (failed.empty() && planes_->wait(pause)) wakeup_.clear();
    auto arrived = planes_->receive();
    const auto disconnected = planes_->take_disconnected();

    lock.lock();
    asleep_ = false;
    for (const auto& [shard, error] : failed) router_.connection(shard, io::now()).lost(error, io::now());
    feed(std::move(arrived));
    for (const auto shard : disconnected) router_.connection(shard, io::now()).disconnected(io::now());
  }
  say_goodbye();
  lock.unlock();
  planes_.reset();
}

std::vector<std::pair<ShardNumber, Error>> Engine::apply(std::vector<Router::ShardEffects> effects) {
  std::vector<std::pair<ShardNumber, Error>> failed;
  planes_->flush();
  for (auto& [shard, todo] : effects) {
    if (auto applied = planes_->apply(shard, std::move(todo)); !applied) failed.emplace_back(shard, std::move(applied.error()));
  }
  return failed;
}

void Engine::feed(std::vector<Incoming> arrived) {
  const Instant now = io::now();
  for (Incoming& message : arrived) {
    auto& connection = router_.connection(message.shard, now);
    if (!message.decoded) {
      connection.receive_garbage(message.decoded.error().error, now);
      continue;
    }
    connection.receive(message.plane, message.decoded->header.request, std::move(message.decoded->message), std::move(message.payload),
                       now);
  }
}

// The last TAKENs go out, and the brokers need not wait three heartbeats to know.
void Engine::say_goodbye() {
  for (auto& [shard, effects] : router_.last_step(io::now())) (void)planes_->apply(shard, std::move(effects));
}

void Engine::dispatch(Changes changes, std::vector<std::function<void()>>& callbacks, std::vector<std::shared_ptr<JobHandle>>& keep) {
  if (changes.answers || changes.link) answered_.notify_all();
  if (changes.credit) room_.notify_all();
  for (const JobEvent& event : changes.jobs) {
    const auto known = handles_.find(event.job.get());
    if (known == handles_.end()) continue;
    auto handle = known->second.lock();
    if (!handle) continue;
    const bool status = event.what == JobEvent::What::status;
    if (event.what != JobEvent::What::outputs) handle->moved.notify_all();
    if (event.what == JobEvent::What::outputs || event.what == JobEvent::What::lost || (status && event.job->ended())) {
      handle->outputs.notify_all();
    }
    if (event.what == JobEvent::What::lost) room_.notify_all();
    if (status && handle->on_status) {
      callbacks.emplace_back([callback = handle->on_status, now = *event.job->status] { (*callback)(now); });
    }
    if (event.what == JobEvent::What::accepted && event.chunks > 0 && handle->on_accepted) {
      const AcceptedChunks chunks{.chunks = event.chunks, .fresh = event.fresh};
      callbacks.emplace_back([callback = handle->on_accepted, chunks] { (*callback)(chunks); });
    }
    // Kept until the lock is free: letting go of the last copy takes it.
    keep.push_back(std::move(handle));
  }
}

}  // namespace sublet::producer
