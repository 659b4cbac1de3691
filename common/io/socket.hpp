#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/error.hpp"
#include "common/time.hpp"

namespace sublet::io {

/// Owns the I/O threads behind the sockets. Made once per process and handed down; must outlive its sockets. Blobs that were received may
/// outlive it.
class Context {
 public:
  explicit Context(int io_threads = 1);
  ~Context();
  Context(Context&&) noexcept;
  Context& operator=(Context&&) noexcept;

 private:
  friend class Socket;
  struct State;
  std::unique_ptr<State> state_;
};

/// How a ROUTER names one connection: opaque, a few bytes. A peer that reconnects gets another.
using RoutingId = std::string;

struct Received {
  RoutingId from;  ///< empty on a dealer
  /// Header and body. As `payload`, it lies in the received frame's memory, which lives until the last blob over it is gone.
  Blob head;
  std::optional<Blob> payload;
};

enum class SendOutcome : std::uint8_t {
  sent,         ///< handed to the I/O thread
  full,         ///< the peer does not read: `SocketOptions::send_high_water` messages wait for it. Nothing was sent.
  unreachable,  ///< a router knows no such connection any more. Nothing was sent.
};

struct SocketOptions {
  /// A longer frame ends the connection it came over. As large as the largest payload that the codec takes.
  Bytes max_frame = 64_MiB;
  /// Messages that may wait for one peer. Credit must stay below, so that this is never the flow control.
  int send_high_water = 65'536;
  /// Messages of one peer that wait to be read before TCP holds it back; nothing is lost.
  int receive_high_water = 4'096;
  /// How long closing waits for what was sent, such as BYE, to leave.
  Millis linger = 200ms;
  /// Allows addresses other than loopback and ipc. What travels there is neither encrypted nor authenticated.
  bool insecure_network = false;
};

/// One end of SUB/1's transport: a message is a head frame and at most one payload frame. Used by one thread; moving is allowed, also after
/// it was added to a Poller.
///
/// A dealer connects, and reconnects, by itself: messages sent meanwhile wait. The broker forgets a connection that broke, so the first
/// message over the new one is answered by `hello_required`: say HELLO again on both planes, and repeat what is unanswered. A peer that has
/// been silent for three heartbeats is best met with a new dealer, so that nothing stale is delivered ahead of HELLO.
class Socket {
 public:
  /// Binds `tcp://127.0.0.1:7450`, `tcp://127.0.0.1:*` (any free port, see `endpoint`) or `ipc:///path`. Fails with `io_failed` when the
  /// endpoint is taken, `bad_argument` when it is malformed or not local.
  static Result<Socket> router(Context& context, const std::string& bind_endpoint, const SocketOptions& options = {});
  /// Fails only when `connect_endpoint` is malformed or not local; an absent peer is waited for.
  static Result<Socket> dealer(Context& context, const std::string& connect_endpoint, const SocketOptions& options = {});

  Socket(Socket&&) noexcept;
  Socket& operator=(Socket&&) noexcept;
  ~Socket();

  /// As bound, with the port that was chosen; as connected to.
  [[nodiscard]] const std::string& endpoint() const;

  /// The next message, or nothing when none is waiting. Never blocks. A message of too many frames is dropped whole and counted.
  std::optional<Received> receive();

  /// Never blocks. With `has_payload` the pieces of `payload` go as one frame (which may be empty): a large single piece travels from where
  /// it lies, everything else is copied together. `head` is copied.
  SendOutcome send(const RoutingId& to, std::span<const std::byte> head, std::span<const Blob> payload, bool has_payload);
  /// On a dealer.
  SendOutcome send(std::span<const std::byte> head, std::span<const Blob> payload, bool has_payload);

  /// On a dealer: whether it lost an established connection since this was last asked. It makes another by itself, to the same endpoint.
  bool take_disconnected();

  /// Messages received with another number of frames than one or two.
  [[nodiscard]] std::uint64_t dropped() const;

  /// On a router: ends connections that send without end but never complete a message, which would fill the memory (see FloodGuard), and
  /// counts them. To be called several times a second, right after `receive` had nothing.
  void cut_floods();
  [[nodiscard]] std::uint64_t floods() const;

  /// The value of a libzmq option as the socket has it, for tests of what every socket gets.
  [[nodiscard]] std::int64_t option(int name) const;

 private:
  friend class Poller;
  struct State;
  explicit Socket(std::unique_ptr<State> state);
  static Result<Socket> make_socket(Context& context, int type, const std::string& endpoint, const SocketOptions& options);
  SendOutcome send_frames(const RoutingId* to, std::span<const std::byte> head, std::span<const Blob> payload, bool has_payload);

  std::unique_ptr<State> state_;
};

/// Waits for any of several sockets and file descriptors to become readable. They must stay open while it is used.
class Poller {
 public:
  Poller();
  ~Poller();
  Poller(Poller&&) noexcept;
  Poller& operator=(Poller&&) noexcept;

  /// Returns the number by which `readable` is asked: 0, 1, …
  /// A dealer also ends the wait when it loses its connection.
  std::size_t add(const Socket& socket);
  std::size_t add(int fd);

  /// Blocks until something is readable or `timeout` has passed; without one, for ever. Returns how many are readable. A signal ends the
  /// wait early with 0.
  std::size_t wait(std::optional<Millis> timeout);

  /// As of the last `wait`.
  [[nodiscard]] bool readable(std::size_t index) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sublet::io
