#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/wire/messages.hpp"
#include "tests/sim/simulation.hpp"

namespace sublet::sim {

/// A message with what the header and the payload frame say.
struct Packet {
  std::uint64_t request = 0;
  wire::Message message;
  Blob payload = {};
};

using LinkId = std::uint64_t;

/// A process that opens connections.
class ClientEnd {
 public:
  virtual ~ClientEnd() = default;
  virtual void arrived(LinkId link, Packet packet) = 0;
  [[nodiscard]] virtual const std::string& name() const = 0;
};

/// A process that listens, on both planes.
class ServerEnd {
 public:
  virtual ~ServerEnd() = default;
  virtual void arrived(wire::Plane plane, const std::string& from, Packet packet) = 0;
  [[nodiscard]] virtual const std::string& name() const = 0;
};

/// Connections as ZeroMQ gives them: in order while they live. One that breaks loses any suffix of what is on its way in either direction
/// and comes up again by itself, as another peer to the one who listens. Messages to somebody who does not listen yet wait.
class Network {
 public:
  explicit Network(Simulation& simulation) : simulation_(simulation) {}

  // ---- clients ----
  LinkId connect(ClientEnd& client, wire::Plane plane);
  /// What was sent last may still arrive.
  void close(LinkId link);
  void send(LinkId link, Packet packet);

  // ---- servers ----
  /// New connections, and those that come up again, reach this one. nullptr: nobody.
  void listen(ServerEnd* server);
  /// The process is gone, and its ends of all connections with it.
  void died(ServerEnd& server);
  /// False when there is no such peer (any more).
  bool send_back(const std::string& to, Packet packet);

  // ---- faults ----
  [[nodiscard]] std::vector<LinkId> links() const;
  void cut(LinkId link);
  void stall(LinkId link, Nanos duration);
  void heal();

 private:
  struct Flight {
    Instant due;
    Packet packet;
  };
  struct Link {
    LinkId id = 0;
    ClientEnd* client = nullptr;
    wire::Plane plane = wire::Plane::control;
    ServerEnd* server = nullptr;  ///< nullptr while it is not connected
    std::string routing;
    std::deque<Packet> unsent;  ///< waits for the connection
    std::deque<Flight> to_server;
    std::deque<Flight> to_client;
    std::uint64_t epoch = 0;  ///< changes when what is on its way is lost
    Instant stalled_until;
    bool closed = false;
  };

  void come_up(LinkId id, Nanos delay);
  void bind(Link& link);
  void lose(Link& link);
  void launch(Link& link, std::deque<Flight>& flights, Packet packet, bool up);
  void land(LinkId id, std::uint64_t epoch, bool up);
  Packet through_codec(Packet packet) const;

  Simulation& simulation_;
  ServerEnd* listener_ = nullptr;
  std::map<LinkId, Link> links_;
  std::map<std::string, LinkId> by_routing_;
  LinkId last_link_ = 0;
  std::uint64_t last_routing_ = 0;
};

}  // namespace sublet::sim
