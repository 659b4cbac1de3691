#include "common/io/endpoint.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

namespace sublet::io {

namespace {

bool is_port(std::string_view text) {
  if (text == "*") {
    return true;
  }
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size();
}

/// 127.0.0.0/8, written as four numbers: a name such as 127.example.org is not loopback.
bool is_loopback(std::string_view host) {
  const bool numeric = std::ranges::all_of(host, [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.'; });
  return host == "localhost" || (numeric && host.starts_with("127.") && std::ranges::count(host, '.') == 3);
}

}  // namespace

Result<std::string> checked_endpoint(const std::string& endpoint, bool insecure_network) {
  const std::string_view text = endpoint;
  if (text.starts_with("ipc:///")) {
    return endpoint;
  }
  constexpr std::string_view kTcp = "tcp://";
  const std::size_t colon = text.rfind(':');
  if (!text.starts_with(kTcp) || colon <= kTcp.size() || !is_port(text.substr(colon + 1))) {
    return fail(ErrorCode::bad_argument,
                fmt::format("endpoint \"{}\" is not understood: write tcp://127.0.0.1:7450, tcp://127.0.0.1:* for any free port, or "
                            "ipc:///path/of/a/socket",
                            endpoint));
  }
  const std::string_view host = text.substr(kTcp.size(), colon - kTcp.size());
  if (!insecure_network && !is_loopback(host)) {
    return fail(ErrorCode::bad_argument,
                fmt::format("endpoint \"{}\" leaves this machine, and what travels there is neither encrypted nor authenticated: use "
                            "127.0.0.1, or give --insecure-network where the network is trusted",
                            endpoint));
  }
  if (host == "localhost") {
    return fmt::format("tcp://127.0.0.1{}", text.substr(colon));
  }
  return endpoint;
}

}  // namespace sublet::io
