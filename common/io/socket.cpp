#include "common/io/socket.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <zmq.hpp>

#include "common/io/endpoint.hpp"
#include "common/io/flood_guard.hpp"

namespace sublet::io {

namespace {

/// Below this, copying costs less than a second owner that another thread has to release.
constexpr std::size_t kCopyBelow = 8'192;

/// How many malformed messages one `receive` skips before the caller gets its thread back.
constexpr int kSkipsPerReceive = 64;

/// A received message's frames. One allocation holds both.
struct Frames {
  zmq::message_t head;
  zmq::message_t payload;
};

ByteView view_of(const zmq::message_t& message) { return {static_cast<const std::byte*>(message.data()), message.size()}; }

/// Whether a frame was there. EINTR is not an answer.
bool receive_frame(zmq::socket_t& socket, zmq::message_t& frame) {
  int rc = 0;
  do {
    rc = zmq_msg_recv(frame.handle(), socket.handle(), ZMQ_DONTWAIT);
  } while (rc < 0 && errno == EINTR);
  return rc >= 0;
}

/// 0, or the errno of why not.
int send_frame(zmq::socket_t& socket, zmq::message_t& frame, bool more) {
  int rc = 0;
  do {
    rc = zmq_msg_send(frame.handle(), socket.handle(), ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
  } while (rc < 0 && errno == EINTR);
  return rc < 0 ? errno : 0;
}

void release_blob(void* /*data*/, void* blob) { delete static_cast<Blob*>(blob); }

zmq::message_t payload_frame(std::span<const Blob> pieces) {
  if (pieces.size() == 1 && pieces[0].size() >= kCopyBelow && pieces[0].owner() != nullptr) {
    auto owner = std::make_unique<Blob>(pieces[0]);
    // libzmq never writes to a message that it sends.
    void* data = const_cast<std::byte*>(owner->view().data());
    const std::size_t size = owner->size();
    return {data, size, &release_blob, owner.release()};
  }
  std::size_t total = 0;
  for (const Blob& piece : pieces) {
    total += piece.size();
  }
  zmq::message_t frame(total);
  auto* out = static_cast<std::byte*>(frame.data());
  for (const Blob& piece : pieces) {
    if (!piece.empty()) {
      std::memcpy(out, piece.view().data(), piece.size());
      out += piece.size();
    }
  }
  return frame;
}

void set_options(zmq::socket_t& socket, bool is_router, const SocketOptions& options) {
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(options.max_frame.count));
  socket.set(zmq::sockopt::sndhwm, options.send_high_water);
  socket.set(zmq::sockopt::rcvhwm, options.receive_high_water);
  socket.set(zmq::sockopt::linger, static_cast<int>(options.linger.count()));
  // A connection that is opened and says nothing is cut, as is one that a network swallowed.
  socket.set(zmq::sockopt::handshake_ivl, 2'000);
  socket.set(zmq::sockopt::heartbeat_ivl, 1'000);
  socket.set(zmq::sockopt::heartbeat_timeout, 3'000);
  socket.set(zmq::sockopt::heartbeat_ttl, 3'000);
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::ipv6, 0);
  socket.set(zmq::sockopt::reconnect_ivl, 50);
  socket.set(zmq::sockopt::reconnect_ivl_max, 1'000);
  // Messages wait for a connection that is still being made: HELLO is sent right after connecting.
  socket.set(zmq::sockopt::immediate, 0);
  if (is_router) {
    socket.set(zmq::sockopt::router_mandatory, 1);
    socket.set(zmq::sockopt::router_handover, 0);
    socket.set(zmq::sockopt::backlog, 1'024);
  }
}

/// Makes `monitor` receive `events` of the connections of `socket`.
void watch_connections(zmq::context_t& context, zmq::socket_t& socket, int events, zmq::socket_t& monitor) {
  // Of a name that none had before: a socket that was closed keeps its own for a moment.
  static std::atomic<std::uint64_t> last = 0;
  const std::string endpoint = fmt::format("inproc://connections-{}", ++last);
  if (zmq_socket_monitor(socket.handle(), endpoint.c_str(), events) != 0) {
    throw zmq::error_t();
  }
  monitor = zmq::socket_t(context, ZMQ_PAIR);
  // Without a mark, or the I/O thread would wait for us when connections come in a storm.
  monitor.set(zmq::sockopt::rcvhwm, 0);
  monitor.set(zmq::sockopt::linger, 0);
  monitor.connect(endpoint);
}

/// The connection that a frame came over; -1 when the transport does not tell.
int source_of(const zmq::message_t& frame) { return zmq_msg_get(const_cast<zmq_msg_t*>(frame.handle()), ZMQ_SRCFD); }

struct ConnectionEvent {
  std::uint16_t kind = 0;
  std::int32_t fd = -1;
};

/// The next event of a monitor, which has two frames: the event's number and value, and an address.
std::optional<ConnectionEvent> next_event(zmq::socket_t& monitor, zmq::message_t& frame) {
  if (!receive_frame(monitor, frame)) {
    return std::nullopt;
  }
  ConnectionEvent event;
  if (frame.size() == sizeof event.kind + sizeof event.fd) {
    std::memcpy(&event.kind, frame.data(), sizeof event.kind);
    std::memcpy(&event.fd, frame.data<char>() + sizeof event.kind, sizeof event.fd);
  }
  while (frame.more() && receive_frame(monitor, frame)) {
  }
  return event;
}

}  // namespace

struct Context::State {
  explicit State(int io_threads) : context(io_threads) { context.set(zmq::ctxopt::max_sockets, 1'023); }
  zmq::context_t context;
};

Context::Context(int io_threads) : state_(std::make_unique<State>(io_threads)) {}
Context::~Context() = default;
Context::Context(Context&&) noexcept = default;
Context& Context::operator=(Context&&) noexcept = default;

struct Socket::State {
  State() = default;
  /// Told before nobody listens any more: libzmq's thread, and all sockets with it, would wait for ever to tell of one more connection.
  ~State() {
    if (socket) zmq_socket_monitor(socket.handle(), nullptr, 0);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  zmq::socket_t socket;
  /// Tells a router of its connections, and a dealer that it lost its own.
  zmq::socket_t monitor;
  std::optional<FloodGuard> guard;
  std::uint64_t floods = 0;
  bool is_router = false;
  std::string endpoint;
  /// Reused for every message: a routing id never leaves the inline storage of a frame.
  zmq::message_t id;
  std::uint64_t dropped = 0;
};

Socket::Socket(std::unique_ptr<State> state) : state_(std::move(state)) {}
Socket::Socket(Socket&&) noexcept = default;
Socket& Socket::operator=(Socket&&) noexcept = default;
Socket::~Socket() = default;

Result<Socket> Socket::make_socket(Context& context, int type, const std::string& endpoint, const SocketOptions& options) {
  const auto checked = checked_endpoint(endpoint, options.insecure_network);
  if (!checked) {
    return std::unexpected(checked.error());
  }
  auto state = std::make_unique<State>();
  state->is_router = type == ZMQ_ROUTER;
  try {
    state->socket = zmq::socket_t(context.state_->context, type);
    set_options(state->socket, state->is_router, options);
    if (state->is_router) {
      watch_connections(context.state_->context, state->socket, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED,
                        state->monitor);
      state->guard.emplace(Bytes{2 * options.max_frame.count});
      state->socket.bind(*checked);
    } else {
      watch_connections(context.state_->context, state->socket, ZMQ_EVENT_DISCONNECTED, state->monitor);
      state->socket.connect(*checked);
    }
    state->endpoint = state->is_router ? state->socket.get(zmq::sockopt::last_endpoint) : *checked;
  } catch (const zmq::error_t& error) {
    const bool taken = error.num() == EADDRINUSE;
    return fail(ErrorCode::io_failed, fmt::format("cannot {} {}: {}{}", state->is_router ? "bind" : "connect to", endpoint, error.what(),
                                                  taken ? "; another program serves there: stop it or choose another endpoint" : ""));
  }
  return Socket(std::move(state));
}

Result<Socket> Socket::router(Context& context, const std::string& bind_endpoint, const SocketOptions& options) {
  return make_socket(context, ZMQ_ROUTER, bind_endpoint, options);
}

Result<Socket> Socket::dealer(Context& context, const std::string& connect_endpoint, const SocketOptions& options) {
  return make_socket(context, ZMQ_DEALER, connect_endpoint, options);
}

const std::string& Socket::endpoint() const { return state_->endpoint; }
std::uint64_t Socket::dropped() const { return state_->dropped; }

std::optional<Received> Socket::receive() {
  for (int skipped = 0; skipped < kSkipsPerReceive; ++skipped) {
    Received received;
    bool more = true;
    if (state_->is_router) {
      if (!receive_frame(state_->socket, state_->id)) {
        return std::nullopt;
      }
      received.from.assign(state_->id.data<char>(), state_->id.size());
      more = state_->id.more();
    }
    // libzmq delivers a message only once all of its frames are there, so that frames after the first are never waited for.
    auto frames = std::make_shared<Frames>();
    const bool has_head = more && receive_frame(state_->socket, frames->head);
    if (!has_head && !state_->is_router) {
      return std::nullopt;
    }
    const bool has_payload = has_head && frames->head.more() && receive_frame(state_->socket, frames->payload);
    more = has_payload && frames->payload.more();
    const bool whole = has_head && !more;
    if (state_->guard && state_->guard->has_suspects()) {
      state_->guard->message_from(source_of(has_payload ? frames->payload : frames->head));
    }
    while (more) {
      more = receive_frame(state_->socket, state_->id) && state_->id.more();
    }
    if (!whole) {
      ++state_->dropped;
      continue;
    }
    received.head = Blob(frames, view_of(frames->head));
    if (has_payload) {
      const ByteView payload = view_of(frames->payload);
      received.payload.emplace(std::move(frames), payload);
    }
    return received;
  }
  return std::nullopt;
}

SendOutcome Socket::send(const RoutingId& to, std::span<const std::byte> head, std::span<const Blob> payload, bool has_payload) {
  return send_frames(&to, head, payload, has_payload);
}

SendOutcome Socket::send(std::span<const std::byte> head, std::span<const Blob> payload, bool has_payload) {
  return send_frames(nullptr, head, payload, has_payload);
}

SendOutcome Socket::send_frames(const RoutingId* to, std::span<const std::byte> head, std::span<const Blob> payload, bool has_payload) {
  // libzmq decides at the first frame whether the message fits; the frames after it are then taken, or dropped with their connection.
  if (to != nullptr) {
    zmq::message_t id(to->data(), to->size());
    const int error = send_frame(state_->socket, id, true);
    if (error != 0) {
      return error == EAGAIN ? SendOutcome::full : SendOutcome::unreachable;
    }
  }
  zmq::message_t head_frame(head.data(), head.size());
  const int error = send_frame(state_->socket, head_frame, has_payload);
  if (error != 0) {
    return error == EAGAIN ? SendOutcome::full : SendOutcome::unreachable;
  }
  if (has_payload) {
    zmq::message_t frame = payload_frame(payload);
    send_frame(state_->socket, frame, false);
  }
  return SendOutcome::sent;
}

void Socket::cut_floods() {
  if (!state_->guard) {
    return;
  }
  while (const auto event = next_event(state_->monitor, state_->id)) {
    if (event->kind == ZMQ_EVENT_ACCEPTED) {
      state_->guard->accepted(event->fd);
    } else {
      state_->guard->closed(event->fd);
    }
  }
  state_->floods += state_->guard->check();
}

bool Socket::take_disconnected() {
  bool any = false;
  while (next_event(state_->monitor, state_->id)) {
    any = true;
  }
  return any;
}

std::uint64_t Socket::floods() const { return state_->floods; }

std::int64_t Socket::option(int name) const {
  // Most options are ints; libzmq refuses to answer with another size than an option's own.
  int narrow = 0;
  std::size_t size = sizeof narrow;
  if (zmq_getsockopt(state_->socket.handle(), name, &narrow, &size) == 0) {
    return narrow;
  }
  std::int64_t wide = 0;
  size = sizeof wide;
  return zmq_getsockopt(state_->socket.handle(), name, &wide, &size) == 0 ? wide : -1;
}

struct Poller::State {
  std::vector<zmq_pollitem_t> items;
  /// By number: its first item. A dealer has two.
  std::vector<std::size_t> begins;

  std::size_t add(zmq_pollitem_t item) {
    begins.push_back(items.size());
    items.push_back(item);
    return begins.size() - 1;
  }
};

Poller::Poller() : state_(std::make_unique<State>()) {}
Poller::~Poller() = default;
Poller::Poller(Poller&&) noexcept = default;
Poller& Poller::operator=(Poller&&) noexcept = default;

std::size_t Poller::add(const Socket& socket) {
  const std::size_t number = state_->add({.socket = socket.state_->socket.handle(), .fd = 0, .events = ZMQ_POLLIN, .revents = 0});
  if (!socket.state_->is_router) {
    state_->items.push_back({.socket = socket.state_->monitor.handle(), .fd = 0, .events = ZMQ_POLLIN, .revents = 0});
  }
  return number;
}

std::size_t Poller::add(int fd) { return state_->add({.socket = nullptr, .fd = fd, .events = ZMQ_POLLIN, .revents = 0}); }

std::size_t Poller::wait(std::optional<Millis> timeout) {
  const long limit = timeout ? static_cast<long>(std::max(timeout->count(), Millis::rep{0})) : -1;
  const int ready = zmq_poll(state_->items.data(), static_cast<int>(state_->items.size()), limit);
  if (ready < 0) {
    for (zmq_pollitem_t& item : state_->items) {
      item.revents = 0;
    }
    return 0;
  }
  return static_cast<std::size_t>(ready);
}

bool Poller::readable(std::size_t index) const { return (state_->items[state_->begins[index]].revents & (ZMQ_POLLIN | ZMQ_POLLERR)) != 0; }

}  // namespace sublet::io
