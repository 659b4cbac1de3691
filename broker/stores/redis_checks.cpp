#include "broker/stores/redis_checks.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include <fmt/format.h>

#include "broker/stores/redis_url.hpp"
#include "common/job_text.hpp"

namespace sublet::broker {
namespace {

constexpr int kOldestVersion = 7;
/// After what may pass.
constexpr std::uint32_t kPassingMs = 200;

std::string_view field(std::string_view info, std::string_view name) {
  const auto key = fmt::format("\n{}:", name);
  const auto at = info.find(key);
  if (at == std::string_view::npos) return {};
  const auto value = info.substr(at + key.size());
  return value.substr(0, value.find_first_of("\r\n"));
}

std::unexpected<Error> unfit(std::string_view name, std::string_view what, std::string_view remedy) {
  return fail(ErrorCode::store_unavailable, fmt::format("{}: {}; {}", name, what, remedy));
}

/// The word that an error begins with.
bool begins_with(std::string_view error, std::string_view word) {
  return error.starts_with(word) && (error.size() == word.size() || error[word.size()] == ' ');
}

}  // namespace

RedisFacts read_facts(std::string_view info, std::string_view appendfsync) {
  RedisFacts facts{.version = std::string(field(info, "redis_version")),
                   .role = std::string(field(info, "role")),
                   .eviction = std::string(field(info, "maxmemory_policy")),
                   .aof = field(info, "aof_enabled") == "1",
                   .appendfsync = std::string(appendfsync)};
  std::from_chars(facts.version.data(), facts.version.data() + facts.version.size(), facts.major_version);
  return facts;
}

Durability durability_of(const RedisFacts& facts) {
  if (!facts.aof || facts.appendfsync == "no") return Durability::none;
  return facts.appendfsync == "always" ? Durability::fsync : Durability::fast;
}

Result<void> check_facts(std::string_view name, const RedisFacts& facts, Durability demanded) {
  if (facts.major_version < kOldestVersion) {
    return unfit(name, fmt::format("it is version \"{}\"", facts.version), "run Redis 7 or newer");
  }
  if (facts.role != "master") {
    return unfit(name, fmt::format("it is a replica (role \"{}\")", facts.role), "give the address of its primary");
  }
  if (facts.eviction != "noeviction") {
    return unfit(name, fmt::format("maxmemory-policy is \"{}\", which throws jobs away when memory is full", facts.eviction),
                 "set it: CONFIG SET maxmemory-policy noeviction");
  }
  const auto given = durability_of(facts);
  const auto needed = std::min(demanded, Durability::fsync);
  if (given >= needed) return {};
  if (!facts.aof) {
    return unfit(name, "it keeps no append-only file, so its end loses every job",
                 "set it: CONFIG SET appendonly yes; or accept that with ?durability=none");
  }
  const auto setting = facts.appendfsync.empty() ? std::string("appendfsync is unknown, since CONFIG GET is forbidden")
                                                 : fmt::format("appendfsync is \"{}\"", facts.appendfsync);
  return unfit(name, fmt::format("{}, which gives durability \"{}\" where \"{}\" is demanded", setting, to_text(given), to_text(demanded)),
               needed == Durability::fsync ? "set it: CONFIG SET appendfsync always" : "set it: CONFIG SET appendfsync everysec");
}

RedisFault fault_of(std::string_view error) {
  constexpr std::array<std::string_view, 8> kPassing = {"LOADING",    "BUSY",       "READONLY",    "MISCONF",
                                                        "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN"};
  constexpr std::array<std::string_view, 3> kRefused = {"NOAUTH", "WRONGPASS", "NOPERM"};
  const auto begins = [&](std::string_view word) { return begins_with(error, word); };
  if (begins("OOM")) return RedisFault::full;
  if (begins("NOSCRIPT")) return RedisFault::no_script;
  if (std::ranges::any_of(kPassing, begins)) return RedisFault::passing;
  if (std::ranges::any_of(kRefused, begins)) return RedisFault::refused;
  return RedisFault::broken;
}

Error unreachable(std::string_view name, std::string_view why) {
  return {.code = ErrorCode::store_unavailable, .detail = fmt::format("{}: {}", name, why), .retry_after_ms = kPassingMs};
}

Error error_of(std::string_view name, std::string_view error) {
  const auto with = [&](std::string_view remedy) {
    return Error{.code = ErrorCode::store_unavailable, .detail = fmt::format("{}: {}; {}", name, error, remedy)};
  };
  switch (fault_of(error)) {
    case RedisFault::full:
      return {.code = ErrorCode::resource_exhausted,
              .detail = fmt::format("{}: its memory is full; repeat when some jobs are done, or raise maxmemory", name),
              .retry_after_ms = 500};
    case RedisFault::passing:
      return {.code = ErrorCode::store_unavailable, .detail = fmt::format("{}: {}", name, error), .retry_after_ms = kPassingMs};
    case RedisFault::refused:
      return with("check user, password and ACL in the store's URL");
    case RedisFault::no_script:
    case RedisFault::broken:
      break;
  }
  if (begins_with(error, "WRONGTYPE")) return with("a key under our prefix belongs to something else; use another database");
  return with("look into the log of redis-server");
}

}  // namespace sublet::broker
