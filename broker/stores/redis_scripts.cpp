#include "broker/stores/redis_scripts.hpp"

#include <string_view>

namespace sublet::broker {
namespace {

// Redis does not roll back, so everything is checked before the first write, and the one write that could fail (on a key of another type)
// comes first. A commit is one call, however large: a Redis that becomes busy between two calls could take the second without the first.
//
// KEYS: state, large bytes that this commit has just SET (fresh), large bytes to delete
// ARGV: epoch, number, the number before, how many keys are fresh, fields to write, then field and value of each, then fields to delete
//
// Nothing of a commit that is refused may stay: its fresh keys go, unless it may have been taken earlier, under its own epoch.
constexpr std::string_view kCommit = R"(
local seen = redis.call('HMGET', KEYS[1], '!epoch', '!commit', '!before', '!before_commit')
local fresh = tonumber(ARGV[4])
local function delete(first, last)
  for from = first, last, 512 do
    redis.call('DEL', unpack(KEYS, from, math.min(from + 511, last)))
  end
end
local function refuse(answer)
  delete(2, 1 + fresh)
  return answer
end
if seen[1] ~= ARGV[1] then
  if seen[3] == ARGV[1] and tonumber(ARGV[2]) > tonumber(seen[4]) then return refuse(-1) end
  return -1
end
if seen[2] == ARGV[2] then return 2 end
if seen[2] ~= ARGV[3] then
  if tonumber(ARGV[2]) > tonumber(seen[2]) then return refuse(-2) end
  return -2
end
for from = 2, 1 + fresh, 512 do
  local to = math.min(from + 511, 1 + fresh)
  if redis.call('EXISTS', unpack(KEYS, from, to)) ~= to - from + 1 then return -3 end
end
local last_value = 5 + 2 * tonumber(ARGV[5])
for from = 6, last_value, 1024 do
  redis.call('HSET', KEYS[1], unpack(ARGV, from, math.min(from + 1023, last_value)))
end
for from = last_value + 1, #ARGV, 512 do
  redis.call('HDEL', KEYS[1], unpack(ARGV, from, math.min(from + 511, #ARGV)))
end
delete(2 + fresh, #KEYS)
redis.call('HSET', KEYS[1], '!commit', ARGV[2])
return 1
)";

// KEYS: state, owner. ARGV: epoch, hold, its milliseconds.
constexpr std::string_view kRenew = R"(
if redis.call('HGET', KEYS[1], '!epoch') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
)";

// KEYS: state, owner. ARGV: schema, id for a new shard, the random half of the epoch, who takes it, milliseconds of the hold.
// An epoch is a number, which orders, and 64 random bits, which make it unique even where Redis lost its last writes.
constexpr std::string_view kTake = R"(
local held = redis.call('GET', KEYS[2])
if held then return {'held', held} end
local seen = redis.call('HMGET', KEYS[1], '!schema', '!id', '!epoch', '!commit', '!unswept')
local is_new = redis.call('EXISTS', KEYS[1]) == 0
if not is_new and seen[1] ~= ARGV[1] then return {'schema', seen[1] or ''} end
local number, unswept = 1, ''
if not is_new then
  number = tonumber(string.match(seen[3], '^%d+')) + 1
  unswept = (seen[5] or '') .. seen[3] .. ':' .. string.format('%.0f', tonumber(seen[4]) + 1) .. ' '
end
local id = seen[2] or ARGV[2]
local epoch = string.format('%.0f-%s', number, ARGV[3])
redis.call('HSET', KEYS[1], '!schema', ARGV[1], '!id', id, '!epoch', epoch, '!commit', '0', '!before', seen[3] or '',
           '!before_commit', seen[4] or '0', '!unswept', unswept)
redis.call('SET', KEYS[2], epoch .. ' ' .. ARGV[4], 'PX', ARGV[5])
return {'taken', epoch, id, unswept}
)";

// KEYS: state, owner. ARGV: epoch.
constexpr std::string_view kRelease = R"(
if redis.call('HGET', KEYS[1], '!epoch') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[2])
)";

// KEYS: settings. ARGV: id, shards, spread, stores, place: of a cluster that is new.
constexpr std::string_view kFoundCluster = R"(
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'id', ARGV[1], 'shards', ARGV[2], 'spread', ARGV[3], 'stores', ARGV[4], 'place', ARGV[5])
end
return redis.call('HMGET', KEYS[1], 'id', 'shards', 'spread', 'stores', 'place')
)";

// KEYS: brokers. ARGV: who, for how many milliseconds. By Redis's clock alone, so that the clocks of brokers do not matter; when it jumps,
// all have to say again that they are alive, and shards are held as before.
constexpr std::string_view kShowLife = R"(
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return redis.call('ZRANGE', KEYS[1], 0, -1)
)";

}  // namespace

std::string script_text(RedisScript script) {
  const auto strict = [](std::string_view body) { return std::string("#!lua").append(body); };
  const auto always = [](std::string_view body) { return std::string("#!lua flags=allow-oom").append(body); };
  switch (script) {
    case RedisScript::commit:
      return strict(kCommit);
    case RedisScript::commit_when_full:
      return always(kCommit);
    case RedisScript::take:
      return always(kTake);
    case RedisScript::renew:
      return strict(kRenew);
    case RedisScript::renew_when_full:
      return always(kRenew);
    case RedisScript::release:
      return always(kRelease);
    case RedisScript::found_cluster:
      return always(kFoundCluster);
    case RedisScript::show_life:
      return always(kShowLife);
  }
  return {};
}

}  // namespace sublet::broker
