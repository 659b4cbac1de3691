#include "broker/stores/redis_url.hpp"

#include <array>
#include <charconv>
#include <limits>

#include <fmt/format.h>

namespace sublet::broker {
namespace {

constexpr std::string_view kTcp = "redis://";
constexpr std::string_view kUnix = "redis+unix://";
constexpr std::array<std::string_view, 4> kDurabilities = {"none", "fast", "fsync", "replicated"};

std::unexpected<Error> wrong(std::string what) {
  return fail(ErrorCode::bad_argument,
              fmt::format("store URL: {}; write redis://[user:password@]host:port[/db] or redis+unix:///path[?db=N]", what));
}

/// Cuts `text` at the first `mark`: what stands before it is returned, what stands after it stays. Without one, all of it is returned.
std::string_view take_until(std::string_view& text, char mark) {
  const auto at = text.find(mark);
  const auto head = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return head;
}

std::optional<std::uint32_t> number_of(std::string_view text, std::uint32_t most) {
  std::uint32_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end || value > most) return std::nullopt;
  return value;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    unsigned value = 0;
    const auto digits = text.substr(at + 1, 2);
    const auto [stopped, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || error != std::errc() || stopped != digits.data() + 2) return std::nullopt;
    out += static_cast<char>(value);
    at += 2;
  }
  return out;
}

/// Takes "user:password@" off the front of `rest`, when it is there. The values are not repeated in errors: they are secrets.
Result<void> take_login(std::string_view& rest, RedisAddress& out) {
  const auto authority = rest.substr(0, rest.find_first_of("/?"));
  const auto at = authority.rfind('@');
  if (at == std::string_view::npos) return {};
  auto login = authority.substr(0, at);
  rest.remove_prefix(at + 1);
  const bool has_password = login.contains(':');
  const auto user = percent_decoded(take_until(login, ':'));
  const auto password = percent_decoded(login);
  if (!has_password || !user || !password) return wrong("what stands before @ is not user:password, each percent-encoded where needed");
  out.user = *user;
  out.password = *password;
  return {};
}

Result<void> take_parameters(std::string_view query, RedisAddress& out) {
  while (!query.empty()) {
    auto value = take_until(query, '&');
    const auto name = take_until(value, '=');
    if (name == "durability") {
      out.durability = durability_of(value);
      if (!out.durability) return wrong(fmt::format("durability \"{}\" is not none, fast, fsync or replicated", value));
      continue;
    }
    if (name == "compress") {
      if (value != "none" && value != "lz4") return wrong(fmt::format("compression \"{}\" is neither none nor lz4", value));
      out.compression = value == "lz4" ? Compression::lz4 : Compression::none;
      continue;
    }
    const auto database = name == "db" ? number_of(value, std::numeric_limits<std::int32_t>::max()) : std::nullopt;
    if (!database) return wrong(fmt::format("parameter \"{}={}\" is none of db=NUMBER, durability=CLASS and compress=lz4", name, value));
    out.database = *database;
  }
  return {};
}

Result<void> take_tcp_address(std::string_view text, RedisAddress& out) {
  auto location = take_until(text, '/');
  if (!text.empty()) {
    const auto database = number_of(text, std::numeric_limits<std::int32_t>::max());
    if (!database) return wrong(fmt::format("database \"{}\" is not a number", text));
    out.database = *database;
  }
  // An IPv6 address stands in brackets, since it has colons of its own.
  if (location.starts_with('[')) {
    location.remove_prefix(1);
    out.host = take_until(location, ']');
    if (!location.empty() && !location.starts_with(':')) return wrong("what follows ] is not a port");
    if (!location.empty()) location.remove_prefix(1);
  } else {
    out.host = take_until(location, ':');
  }
  if (out.host.empty()) return wrong("there is no host");
  if (location.empty()) return {};
  const auto port = number_of(location, std::numeric_limits<std::uint16_t>::max());
  if (!port || *port == 0) return wrong(fmt::format("port \"{}\" is not a number from 1 to 65535", location));
  out.port = static_cast<std::uint16_t>(*port);
  return {};
}

}  // namespace

Result<RedisAddress> parse_redis_url(std::string_view url) {
  RedisAddress address;
  const bool local = url.starts_with(kUnix);
  if (!local && !url.starts_with(kTcp)) return wrong("it begins with neither redis:// nor redis+unix://");
  url.remove_prefix(local ? kUnix.size() : kTcp.size());
  if (auto login = take_login(url, address); !login) return std::unexpected(login.error());
  const auto location = take_until(url, '?');
  if (auto parameters = take_parameters(url, address); !parameters) return std::unexpected(parameters.error());
  if (!local) {
    if (auto tcp = take_tcp_address(location, address); !tcp) return std::unexpected(tcp.error());
    return address;
  }
  if (!location.starts_with('/')) return wrong("the path of the unix socket does not begin with /");
  address.path = location;
  return address;
}

std::string to_text(const RedisAddress& address) {
  if (!address.path.empty())
    return fmt::format("redis+unix://{}{}", address.path, address.database == 0 ? "" : fmt::format("?db={}", address.database));
  const bool bracketed = address.host.contains(':');
  return fmt::format("redis://{}{}{}:{}/{}", bracketed ? "[" : "", address.host, bracketed ? "]" : "", address.port, address.database);
}

std::optional<Durability> durability_of(std::string_view text) {
  for (std::size_t index = 0; index < kDurabilities.size(); ++index) {
    if (kDurabilities[index] == text) return static_cast<Durability>(index);
  }
  return std::nullopt;
}

}  // namespace sublet::broker
