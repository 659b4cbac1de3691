#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/bytes.hpp"
#include "common/io/socket.hpp"
#include "common/io/wakeup.hpp"
#include "common/wire/messages.hpp"

namespace sublet::producer {

/// A pair of ROUTERs that greets producers as a broker does, accepts every SUBMIT and echoes payloads as outputs in the order they came.
/// A script may answer any message instead.
class FakeBroker {
 public:
  struct Request {
    wire::Plane plane = wire::Plane::control;
    std::uint64_t request = 0;
    wire::Message message;
    Blob payload;
  };
  struct Reply {
    wire::Message message;
    Blob payload;
  };
  /// What to answer with; nothing: as usual. An empty list: nothing at all.
  using Script = std::function<std::optional<std::vector<Reply>>(const Request&)>;

  /// @param endpoint  of control; empty: a new one
  explicit FakeBroker(Script script = {}, wire::Welcome welcome = default_welcome(), const std::string& endpoint = "tcp://127.0.0.1:*");
  ~FakeBroker();

  static wire::Welcome default_welcome();
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  /// Waits until `count` messages of that type have come since the beginning, and returns all of them.
  std::vector<Request> received(std::uint8_t type, std::size_t count);

 private:
  struct Log {
    std::vector<Reply> outputs;
    std::uint64_t sent = 0;
    std::uint64_t accepted = 0;
    bool closed = false;
  };
  void run();
  void serve(wire::Plane plane);
  void answer(const io::RoutingId& peer, const Request& request);
  std::vector<Reply> usual(const Request& request);
  void send(wire::Plane plane, const io::RoutingId& peer, std::uint64_t request, const Reply& reply);
  [[nodiscard]] wire::Event event(JobId job) const;

  Script script_;
  wire::Welcome welcome_;
  std::string endpoint_;
  io::Context context_;
  std::optional<io::Socket> control_;
  std::optional<io::Socket> bulk_;
  std::optional<io::Wakeup> wakeup_;
  std::map<JobId, Log> logs_;
  std::map<JobId, std::pair<io::RoutingId, std::uint64_t>> readers_;
  std::map<JobId, std::pair<io::RoutingId, std::uint64_t>> watchers_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Request> requests_;
  std::jthread thread_;
};

}  // namespace sublet::producer
