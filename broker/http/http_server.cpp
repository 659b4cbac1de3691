#include "broker/http/http_server.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include "broker/http/exposition.hpp"
#include "common/io/endpoint.hpp"

namespace sublet::broker {

namespace {

/// A loop that is busy for longer than this does not live.
constexpr Millis kPatience = 2s;

constexpr std::size_t kThreads = 2;
constexpr std::size_t kMaxRequestBytes = 4'096;

struct Address {
  std::string host;
  int port = 0;  ///< 0: any
};

Result<Address> parse(const HttpOptions& options) {
  constexpr std::string_view kScheme = "tcp://";
  auto checked = io::checked_endpoint(std::string(kScheme) + options.address, options.insecure_network);
  if (!checked) {
    return fail(ErrorCode::bad_argument, fmt::format("--http {}: {}", options.address, checked.error().detail));
  }
  const std::string text = checked->substr(kScheme.size());
  const auto colon = text.rfind(':');
  Address address{.host = text.substr(0, colon)};
  const std::string port = text.substr(colon + 1);
  if (port == "*") return address;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || address.port > 65'535) {
    return fail(ErrorCode::bad_argument, fmt::format("--http {}: \"{}\" is no port; use 1 to 65535, or 0 for any", options.address, port));
  }
  return address;
}

void answer(httplib::Response& response, int status, const std::string& text, const char* type = "text/plain; charset=utf-8") {
  response.status = status;
  response.set_content(text, type);
}

constexpr const char* kNoAnswer = "the broker's loop does not answer\n";

void serve_metrics(Inquiries& inquiries, httplib::Response& response) {
  const auto readings = inquiries.ask(kPatience);
  if (!readings) return answer(response, 503, kNoAnswer);
  answer(response, 200, exposition(*readings), "text/plain; version=0.0.4; charset=utf-8");
}

void serve_live(Inquiries& inquiries, httplib::Response& response) {
  const bool lives = inquiries.ask(kPatience).has_value();
  answer(response, lives ? 200 : 503, lives ? "ok\n" : kNoAnswer);
}

void serve_ready(Inquiries& inquiries, httplib::Response& response) {
  const auto readings = inquiries.ask(kPatience);
  if (!readings) return answer(response, 503, kNoAnswer);
  const auto shards = readings->served.size();
  const auto served = std::ranges::count(readings->served, true);
  // One that serves none is ready all the same: it says who does, and takes over when that broker is gone.
  if (shards > 0 && is_store_ready(*readings))
    return answer(response, 200, fmt::format("ok: {} of {} shards are served here\n", served, shards));
  if (!readings->store_trouble.empty()) {
    return answer(response, 503, fmt::format("nothing is accepted, since the store is not ready: {}\n", readings->store_trouble));
  }
  if (shards == 0) return answer(response, 503, "nothing is accepted, since the store is not open yet\n");
  answer(response, 503,
         fmt::format("nothing is accepted, since store {} has not answered the last commit for {} ms\n", readings->store,
                     readings->commit_age.count()));
}

}  // namespace

struct HttpServer::State {
  httplib::Server server;
  std::string url;
  std::atomic<bool> has_ended = false;
  std::thread thread;

  ~State() {
    server.stop();
    if (thread.joinable()) thread.join();
  }
};

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::HttpServer(HttpServer&&) noexcept = default;
HttpServer& HttpServer::operator=(HttpServer&&) noexcept = default;
HttpServer::~HttpServer() = default;

const std::string& HttpServer::url() const { return state_->url; }

Result<HttpServer> HttpServer::open(const HttpOptions& options, Inquiries& inquiries) {
  auto address = parse(options);
  if (!address) return std::unexpected(address.error());
  auto state = std::make_unique<State>();
  auto& server = state->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_payload_max_length(kMaxRequestBytes);
  // The library's default lets two brokers share a port, each answering for the other.
  server.set_socket_options([](int socket) {
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  server.Get("/metrics", [&inquiries](const httplib::Request&, httplib::Response& response) { serve_metrics(inquiries, response); });
  server.Get("/livez", [&inquiries](const httplib::Request&, httplib::Response& response) { serve_live(inquiries, response); });
  server.Get("/readyz", [&inquiries](const httplib::Request&, httplib::Response& response) { serve_ready(inquiries, response); });
  const int port = address->port == 0 ? server.bind_to_any_port(address->host)
                                      : (server.bind_to_port(address->host, address->port) ? address->port : -1);
  if (port < 0) {
    return fail(ErrorCode::io_failed, fmt::format("cannot serve http on {}: another program may serve there; stop it, choose another "
                                                  "address with --http, or use --http off",
                                                  options.address));
  }
  state->url = fmt::format("http://{}:{}", address->host, port);
  state->thread = std::thread([&state = *state] {
    state.server.listen_after_bind();
    state.has_ended = true;
  });
  // A `stop` before the thread listens would be forgotten.
  while (!server.is_running() && !state->has_ended) std::this_thread::yield();
  return HttpServer(std::move(state));
}

}  // namespace sublet::broker
