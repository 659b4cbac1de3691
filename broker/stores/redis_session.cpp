#include "broker/stores/redis_session.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/io/clock.hpp"

namespace sublet::broker {
namespace {

/// Tags of our own requests; callers' numbers are small.
constexpr RedisSession::Tag kGreeting = ~0U;
constexpr RedisSession::Tag kIgnored = ~0U - 1;

std::vector<RedisScript> all_scripts() {
  std::vector<RedisScript> scripts;
  for (std::size_t index = 0; index < kRedisScripts; ++index) scripts.push_back(static_cast<RedisScript>(index));
  return scripts;
}

void write_scripts(RespWriter& writer) {
  for (const auto script : all_scripts()) writer.command("SCRIPT", "LOAD", script_text(script));
}

}  // namespace

RedisSession::RedisSession(RedisAddress address, std::string name, Durability demanded, RedisTiming timing)
    : address_(std::move(address)), name_(std::move(name)), demanded_(demanded), timing_(timing), backoff_(timing.first_backoff) {}

Result<RedisSession> RedisSession::open(RedisAddress address, std::string name, Durability demanded, RedisTiming timing) {
  RedisSession session(std::move(address), std::move(name), demanded, timing);
  if (auto made = session.make_descriptors(); !made) return std::unexpected(made.error());
  if (auto connected = session.connect(); !connected) return std::unexpected(connected.error());
  const auto replies = session.connection_->call(session.greeting(), timing.connect_timeout);
  if (!replies) return std::unexpected(replies.error());
  if (auto greeted = session.read_greeting(*replies); !greeted) return std::unexpected(greeted.error());
  session.up_ = true;
  session.watch_socket();
  return session;
}

Result<void> RedisSession::make_descriptors() {
  epoll_ = io::FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
  timer_ = io::FileDescriptor(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  epoll_event event{.events = EPOLLIN, .data = {.fd = timer_.get()}};
  if (epoll_ && timer_ && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event) == 0) return {};
  return fail(ErrorCode::io_failed, fmt::format("cannot make an epoll and a timer descriptor: {}", std::strerror(errno)));
}

Result<void> RedisSession::connect() {
  auto connection = RedisConnection::open(address_);
  if (!connection) return std::unexpected(connection.error());
  connection_ = std::move(*connection);
  ++generation_;
  epoll_event event{.events = EPOLLIN | EPOLLOUT, .data = {.fd = connection_->fd()}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection_->fd(), &event);
  watches_writing_ = true;
  return {};
}

RespCommands RedisSession::greeting() const {
  RespWriter writer;
  if (!address_.password.empty()) writer.command("AUTH", address_.user.empty() ? "default" : address_.user, address_.password);
  if (address_.database != 0) writer.command("SELECT", std::to_string(address_.database));
  // What the broken connection still has in Redis's buffers must not run after what is repeated over this one.
  writer.command("CLIENT", "KILL", "ID", std::to_string(client_id_));
  writer.command("CLIENT", "ID");
  writer.command("CONFIG", "GET", "appendfsync");
  writer.command("INFO");
  write_scripts(writer);
  return writer.take();
}

Result<void> RedisSession::read_greeting(const std::vector<RedisReply>& replies) {
  std::size_t at = replies.size() - (4 + kRedisScripts);
  // AUTH and SELECT come first, where they are sent at all.
  for (std::size_t index = 0; index < at; ++index) {
    if (replies[index].is_error()) return std::unexpected(error_of(name_, replies[index].text()));
  }
  const auto& id = replies[++at];
  const auto& config = replies[++at];
  const auto& info = replies[++at];
  if (info.is_error()) return std::unexpected(error_of(name_, info.text()));
  client_id_ = id.integer();
  facts_ = read_facts(info.text(), config.size() == 2 ? config.at(1).text() : std::string_view());
  if (auto fit = check_facts(name_, facts_, demanded_); !fit) return fit;
  for (std::size_t script = 0; script < kRedisScripts; ++script) {
    const auto& loaded = replies[++at];
    if (loaded.is_error()) return std::unexpected(error_of(name_, loaded.text()));
    shas_[script] = loaded.text();
  }
  return {};
}

void RedisSession::send(Tag tag, const RespCommands& commands) {
  if (requests_.empty()) heard_ = io::now();
  connection_->send(commands);
  requests_.push_back({.tag = tag, .replies = commands.replies, .got = {}});
}

void RedisSession::load_scripts() {
  RespWriter writer;
  write_scripts(writer);
  send(kIgnored, writer.take());
}

void RedisSession::pump(Instant now) {
  if (!connection_ && now >= reconnect_at_) {
    if (auto connected = connect(); !connected) {
      down(connected.error(), now);
    } else {
      send(kGreeting, greeting());
    }
  }
  if (connection_) {
    const auto pumped = connection_->pump();
    // What arrived before the end still counts.
    take_replies(now);
    if (connection_ && !pumped) down(pumped.error(), now);
  }
  if (connection_ && !requests_.empty() && now - heard_ > timing_.reply_timeout) {
    const auto waited = std::chrono::duration_cast<Millis>(now - heard_);
    down(unreachable(name_, fmt::format("it has not answered for {} ms", waited.count())), now);
  }
  watch_socket();
  arm(now);
}

void RedisSession::take_replies(Instant now) {
  while (connection_ && !requests_.empty()) {
    auto reply = connection_->next();
    if (!reply) return;
    heard_ = now;
    auto& request = requests_.front();
    request.got.push_back(std::move(*reply));
    if (request.got.size() < request.replies) continue;
    auto done = std::move(request);
    requests_.pop_front();
    if (done.tag == kIgnored) continue;
    if (done.tag != kGreeting) {
      answers_.push_back({.tag = done.tag, .replies = std::move(done.got)});
      continue;
    }
    if (auto greeted = read_greeting(done.got); !greeted) return down(greeted.error(), now);
    up_ = true;
    backoff_ = timing_.first_backoff;
  }
}

std::optional<RedisSession::Answer> RedisSession::next() {
  if (answers_.empty()) return std::nullopt;
  auto answer = std::move(answers_.front());
  answers_.pop_front();
  return answer;
}

void RedisSession::down(Error reason, Instant now) {
  // Closing the socket takes it out of the epoll set.
  connection_.reset();
  up_ = false;
  requests_.clear();
  reason_ = std::move(reason);
  reconnect_at_ = now + backoff_;
  backoff_ = std::min(2 * backoff_, timing_.max_backoff);
}

void RedisSession::watch_socket() {
  if (!connection_ || connection_->wants_to_write() == watches_writing_) return;
  watches_writing_ = !watches_writing_;
  epoll_event event{.events = watches_writing_ ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.fd = connection_->fd()}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection_->fd(), &event);
}

void RedisSession::wake_at(Instant when) {
  wake_at_ = when;
  arm(io::now());
}

void RedisSession::arm(Instant now) {
  auto next = wake_at_;
  if (!connection_) next = std::min(next, reconnect_at_);
  if (!requests_.empty()) next = std::min(next, heard_ + timing_.reply_timeout);
  if (armed_ && *armed_ <= now) {
    std::uint64_t times = 0;
    static_cast<void>(::read(timer_.get(), &times, sizeof times));
    armed_.reset();
  }
  // A timer that goes off too early costs less than setting it at each request.
  if (armed_ && *armed_ <= next) return;
  const auto delay = std::max<Nanos>(next - now, 1us);
  const itimerspec spec{.it_interval = {}, .it_value = {.tv_sec = delay / 1s, .tv_nsec = (delay % 1s).count()}};
  ::timerfd_settime(timer_.get(), 0, &spec, nullptr);
  armed_ = next;
}

Result<std::vector<RedisReply>> RedisSession::call(const RespCommands& commands) {
  while (up_ && !requests_.empty()) {
    pollfd descriptor{.fd = fd(), .events = POLLIN, .revents = 0};
    ::poll(&descriptor, 1, -1);
    pump(io::now());
  }
  if (!up_) return std::unexpected(reason_);
  auto replies = connection_->call(commands, timing_.reply_timeout);
  if (!replies) down(replies.error(), io::now());
  return replies;
}

}  // namespace sublet::broker
