#pragma once

#include <memory>
#include <string>

#include "broker/http/inquiries.hpp"
#include "common/error.hpp"

namespace sublet::broker {

struct HttpOptions {
  /// HOST:PORT; port 0 or `*`: one that is free. Empty: no server.
  std::string address = "127.0.0.1:7452";
  bool insecure_network = false;
};

/// Answers operators and their programs, on threads of its own:
/// `/metrics` the readings for Prometheus; `/livez` 200 while the loop answers; `/readyz` 200 while it also gets commits through, else 503
/// with the reason in one line.
class HttpServer {
 public:
  /// Binds and serves until it is destroyed. `bad_argument` for an address that is none or not loopback, `io_failed` for a taken port.
  /// @param inquiries  lasts longer
  static Result<HttpServer> open(const HttpOptions& options, Inquiries& inquiries);

  HttpServer(HttpServer&&) noexcept;
  HttpServer& operator=(HttpServer&&) noexcept;
  ~HttpServer();

  /// "http://127.0.0.1:7452"
  [[nodiscard]] const std::string& url() const;

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sublet::broker
