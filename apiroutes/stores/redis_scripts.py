"""What the server of a Redis store does itself, in Lua: each script is one step, seen by all or by none.

Out: scripts. The key of each is the prefix of all keys; its first argument is the run id of the server, its
second one a random epoch, in case an epoch has to begin. They need Redis 5 or later, or Valkey.
Redis Cluster is not supported: there, the keys that a script uses are not on one node.
A server whose memory is full refuses only a script whose first change takes more memory. So `put`, `lease`
and `bump` begin with such a change, and scripts that make room do not.
"""

from __future__ import annotations

from apiroutes.stores.redis_script import Script

__all__ = [
    "BUMP",
    "CLEAR",
    "GET",
    "LEASE",
    "MOMENT",
    "PUT",
    "RELEASE",
    "REMOVE",
    "RENEW",
    "RESET",
    "STATS",
]


# `state`, a sorted set, is all that revalidations leave, so it is lost as a whole or not at all. Its members
# are, in the order of their scores:
# - the epoch; its score is -1 less the sequence, so that one command shows both, also to people
# - `floor`: what began before that sequence counts as revalidated, because records were pruned
# - "x" and "s" with the digest of a name: the sequence of its last bump that expires, or makes stale
# An epoch is 16 random bytes and the run id of its server. A server that was restarted, or a replica that has
# taken over, may not have the last bumps: there, another epoch begins.
_COMMON = """
local prefix, server, chance = KEYS[1], ARGV[1], ARGV[2]
local STATE, USED, ENDS, SIZES = prefix .. 'state', prefix .. 'used', prefix .. 'ends', prefix .. 'sizes'
local FAILED = prefix .. 'failed'
local ENTRY, LEASE, FAILURES = prefix .. 'entry:', prefix .. 'lease:', prefix .. 'failures:'

local function begin_epoch()
  redis.call('DEL', STATE)
  redis.call('ZADD', STATE, -1, chance .. server, 0, 'floor')
  return chance .. server, 0, 0
end

-- Returns the epoch, the sequence of the last bump, and the floor.
local function state()
  local head = redis.call('ZRANGE', STATE, 0, 1, 'WITHSCORES')
  if #head < 4 or head[3] ~= 'floor' or (server ~= '' and string.sub(head[1], 17) ~= server) then
    return begin_epoch()
  end
  return head[1], -1 - tonumber(head[2]), tonumber(head[4])
end

-- Whether one of the names was bumped with a mode after a sequence.
local function is_bumped(mode, names, sequence)
  for at = 1, #names, 16 do
    local bumped = redis.call('ZSCORE', STATE, mode .. string.sub(names, at, at + 15))
    if bumped and tonumber(bumped) > sequence then return true end
  end
  return false
end

-- Microseconds by the server's clock.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Shows that the fields of an entry that only the server reads were put together.
local function seal(epoch, sequence, names, put)
  return redis.sha1hex(table.concat({epoch, sequence, names, put}, ' '))
end

local function forget(key)
  redis.call('DEL', ENTRY .. key)
  local size = redis.call('HGET', SIZES, 'k' .. key)
  if size then
    redis.call('HINCRBY', SIZES, 'total', -size)
    redis.call('HDEL', SIZES, 'k' .. key)
  end
  redis.call('ZREM', USED, key)
  redis.call('ZREM', ENDS, key)
end

local function forget_ended(most)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', ENDS, '-inf', now(), 'LIMIT', 0, most)) do forget(key) end
end
"""


def _script(body: str) -> Script:
    return Script(_COMMON + body)


# Returns the epoch and the sequence of the last bump.
MOMENT = _script("""
local epoch, last = state()
return {epoch, last}
""")

# Arguments: key. Returns the packed entry, its age in microseconds, and whether it was made stale.
GET = _script("""
local key = ARGV[3]
local found = redis.pcall('HMGET', ENTRY .. key, 'epoch', 'sequence', 'names', 'put', 'seal', 'packed')
if found.err then
  if not string.find(found.err, 'WRONGTYPE') then return found end
  forget(key)
end
if not found[1] then return false end
local epoch, last, floor = state()
local is_whole = found[2] and found[3] and found[4] and found[6]
  and found[5] == seal(found[1], found[2], found[3], found[4])
local sequence, put, names, time = tonumber(found[2]), tonumber(found[4]), found[3], now()
-- An age below zero: the server's clock was set back, and the real age is unknown.
if not is_whole or found[1] ~= epoch or sequence < floor or sequence > last or put > time
    or (sequence ~= last and is_bumped('x', names, sequence)) then
  forget(key)
  return false
end
local used = redis.call('ZSCORE', USED, key)
if used and time - used > 1000000 then redis.pcall('ZADD', USED, time, key) end
local is_stale = sequence ~= last and is_bumped('s', names, sequence)
return {found[6], time - put, is_stale and 1 or 0}
""")

# Arguments: key, epoch, sequence, names, packed entry, lifetime in milliseconds or 0 for no end, size, most
# entries, most bytes. Returns whether it is kept.
PUT = _script("""
local _, _, key, its_epoch, sequence, names, packed, life, size, most_entries, most_bytes = unpack(ARGV)
most_entries, most_bytes = tonumber(most_entries), tonumber(most_bytes)
local epoch, last, floor = state()
sequence, life, size = tonumber(sequence), tonumber(life), tonumber(size)
if its_epoch ~= epoch or sequence < floor or sequence > last
    or is_bumped('x', names, sequence) or is_bumped('s', names, sequence) then
  return 0
end
if size > most_bytes or most_entries < 1 then
  forget(key)
  return 0
end
local time = now()
redis.call('ZADD', USED, time, key)
local put = string.format('%.0f', time)
redis.call('DEL', ENTRY .. key)
redis.call('HSET', ENTRY .. key, 'epoch', epoch, 'sequence', ARGV[5], 'names', names, 'put', put,
  'seal', seal(epoch, ARGV[5], names, put), 'packed', packed)
if life > 0 then
  redis.call('PEXPIRE', ENTRY .. key, life)
  redis.call('ZADD', ENDS, time + life * 1000, key)
else
  redis.call('ZREM', ENDS, key)
end
local before = redis.call('HGET', SIZES, 'k' .. key)
redis.call('HSET', SIZES, 'k' .. key, size)
local total = redis.call('HINCRBY', SIZES, 'total', size - (before or 0))
redis.call('DEL', FAILURES .. key)
redis.call('ZREM', FAILED, key)
forget_ended(100)
for _ = 1, 1000 do
  if redis.call('ZCARD', USED) <= most_entries and total <= most_bytes then break end
  local oldest = redis.call('ZRANGE', USED, 0, 0)[1]
  if not oldest then redis.call('DEL', SIZES) break end
  forget(oldest)
  total = tonumber(redis.call('HGET', SIZES, 'total') or 0)
end
return 1
""")

# Arguments: key.
REMOVE = _script("""
forget(ARGV[3])
return 1
""")

# Arguments: key, names, token, milliseconds that it lasts, 1 to ask at once. Returns the epoch, the sequence
# and the count of failures, or nothing while somebody has it or a pause after a failure runs.
LEASE = _script("""
local _, _, key, names, token, lasts, at_once = unpack(ARGV)
local epoch, last, floor = state()
local held = redis.call('HMGET', LEASE .. key, 'epoch', 'sequence', 'names')
if held[1] == epoch then
  local since = tonumber(held[2])
  if since >= floor and not (is_bumped('x', held[3], since) or is_bumped('s', held[3], since)) then
    return false
  end
end
local failed = redis.call('HMGET', FAILURES .. key, 'epoch', 'count', 'until')
local failures = 0
if failed[1] == epoch then
  if at_once ~= '1' and now() < tonumber(failed[3]) then return false end
  failures = tonumber(failed[2])
end
redis.call('HSET', LEASE .. key, 'epoch', epoch, 'sequence', last, 'names', names, 'token', token)
redis.call('PEXPIRE', LEASE .. key, lasts)
return {epoch, last, failures}
""")

# Arguments: key, token, epoch, microseconds of the pause or -1 if it has not failed, most keys with failures.
RELEASE = _script("""
local _, _, key, token, its_epoch, pause, most = unpack(ARGV)
local held = redis.call('HGET', LEASE .. key, 'token')
if held and held ~= token then return 0 end
redis.call('DEL', LEASE .. key)
pause = tonumber(pause)
local epoch = state()
if pause < 0 or its_epoch ~= epoch then return 1 end
local failed = redis.call('HMGET', FAILURES .. key, 'epoch', 'count')
local count = 1
if failed[1] == epoch then count = 1 + tonumber(failed[2]) end
local over = now() + pause
redis.call('HSET', FAILURES .. key, 'epoch', epoch, 'count', count, 'until', over)
-- A caller that asks for the key an hour later has nothing to wait for.
redis.call('PEXPIRE', FAILURES .. key, math.ceil(pause / 1000) + 3600000)
redis.call('ZADD', FAILED, over, key)
for _, other in ipairs(redis.call('ZRANGE', FAILED, 0, -1 - most)) do
  redis.call('DEL', FAILURES .. other)
  redis.call('ZREM', FAILED, other)
end
return 1
""")

# Arguments: milliseconds that they last, then keys, each with the token. Returns the tokens that are lost.
RENEW = _script("""
local lost = {}
for at = 4, #ARGV, 2 do
  if redis.call('HGET', LEASE .. ARGV[at], 'token') == ARGV[at + 1] then
    redis.call('PEXPIRE', LEASE .. ARGV[at], ARGV[3])
  else
    table.insert(lost, ARGV[at + 1])
  end
end
return lost
""")

# Arguments: mode and digest of the name, how many bumps are remembered. Returns the epoch and the sequence.
BUMP = _script("""
local epoch, last = state()
redis.call('ZADD', STATE, last + 1, ARGV[3])
redis.call('ZINCRBY', STATE, -1, epoch)
local excess = redis.call('ZCARD', STATE) - 2 - ARGV[4]
if excess > 0 then
  local pruned = redis.call('ZRANGE', STATE, 2, 1 + excess, 'WITHSCORES')
  redis.call('ZREMRANGEBYRANK', STATE, 2, 1 + excess)
  redis.call('ZADD', STATE, pruned[#pruned], 'floor')
end
return {epoch, last + 1}
""")

# Arguments: 1 to begin an epoch, how many entries are forgotten at most. Returns the epoch, the sequence, and
# how many entries are left.
CLEAR = _script("""
if ARGV[3] == '1' then begin_epoch() end
local epoch, last = state()
for _, key in ipairs(redis.call('ZRANGE', USED, 0, ARGV[4] - 1)) do
  redis.call('DEL', ENTRY .. key)
  redis.call('ZREM', USED, key)
end
local left = redis.call('ZCARD', USED)
if left == 0 then redis.call('DEL', USED, ENDS, SIZES) end
return {epoch, last, left}
""")

# Arguments: key. Starts over where something of another type was found.
RESET = _script("""
begin_epoch()
redis.call('DEL', USED, ENDS, SIZES, FAILED, ENTRY .. ARGV[3], LEASE .. ARGV[3], FAILURES .. ARGV[3])
return 1
""")

# Returns the number of entries, their size, the sequence, and how many bumps are remembered.
STATS = _script("""
local _, last = state()
forget_ended(10000)
local size = redis.call('HGET', SIZES, 'total')
return {redis.call('ZCARD', USED), tonumber(size or 0), last, redis.call('ZCARD', STATE) - 2}
""")
