"""What a Redis server does with sessions, in Lua: each script is one step, seen by all or by none.

Out: scripts. The key of each is the prefix of all keys; its first argument is the run id of the server, which
makes no difference here, its second one the key of a session. They need Redis 5 or later, or Valkey.
Redis Cluster is not supported: there, a session and the index of its owner are not on one node.
A server whose memory is full refuses only a script whose first change takes more memory. So each begins with
such a change, except those that make room. Only `LOAD` continues where nothing can be written.
"""

from __future__ import annotations

from apiroutes.stores.redis_script import Script

__all__ = ["BEGIN", "END", "END_ALL", "LOAD", "MERGE", "RENAME", "RESET"]

# Under `session:` and its key a session is a hash. Its values are in the fields that begin with "="; of the
# rest, `begun`, `used`, `whole_end` and `end` are milliseconds by the server's clock, as in Times.
# Under `owned:` and a digest of the owner are the keys of all its sessions, a sorted set by their ends, which
# lasts as long as they do. A session of an owner that is not in there has ended. So a set that the server has
# evicted, or that was removed with some of its sessions, ends them all; none is loaded after its owner's end.
_COMMON = """
local prefix, key = KEYS[1], ARGV[2]
local SESSION, OWNED = prefix .. 'session:', prefix .. 'owned:'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function digits(number)
  return string.format('%.0f', number)
end

-- When a session ends that is used now. An idle time below zero means no idle time.
local function end_of(whole_end, idle)
  if idle < 0 then return whole_end end
  return math.min(whole_end, now + idle)
end

-- Returns a session that has not ended.
local function find(whole, idle)
  local kept = redis.call('HMGET', SESSION .. key, 'begun', 'used', 'whole_end', 'end', 'size', 'owned')
  local begun, used, whole_end = tonumber(kept[1]), tonumber(kept[2]), tonumber(kept[3])
  local end_, size, owned = tonumber(kept[4]), tonumber(kept[5]), kept[6]
  if not (begun and used and whole_end and end_ and size) then return nil end
  if now >= end_ or now >= begun + whole or (idle >= 0 and now >= used + idle) then return nil end
  if owned and not redis.call('ZSCORE', OWNED .. owned, key) then return nil end
  return {used = used, whole_end = whole_end, end_ = end_, size = size, owned = owned}
end

-- Writes down when a session ends, also for its owner.
local function keep_until(its_key, end_, owned)
  redis.call('PEXPIREAT', SESSION .. its_key, digits(end_))
  if not owned then return end
  local index = OWNED .. owned
  redis.call('ZADD', index, digits(end_), its_key)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', digits(now))
  local last = redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')[2]
  if last then redis.call('PEXPIREAT', index, digits(tonumber(last))) end
end

local function note_use(session, idle)
  local end_ = end_of(session.whole_end, idle)
  redis.call('HSET', SESSION .. key, 'used', digits(now), 'end', digits(end_))
  keep_until(key, end_, session.owned)
end
"""


def _script(body: str) -> Script:
    return Script(_COMMON + body)


# Arguments: key, whole and idle lifetime, milliseconds after which a use is noted. Returns all fields and
# their contents, or nothing.
LOAD = _script("""
local whole, idle, step = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local session = find(whole, idle)
if not session then return false end
if (idle >= 0 and math.abs(now - session.used) >= step)
    or end_of(session.whole_end, idle) - session.end_ >= step then
  pcall(note_use, session, idle)
end
return redis.call('HGETALL', SESSION .. key)
""")

# Arguments: key, whole and idle lifetime, digest of the owner or nothing, owner, size, then fields, each with
# its content. Returns when the session has begun.
BEGIN = _script("""
local whole, idle, owned = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
if redis.call('EXISTS', SESSION .. key) == 1 then redis.call('DEL', SESSION .. key) end
local end_ = end_of(now + whole, idle)
redis.call('HSET', SESSION .. key, 'begun', digits(now), 'used', digits(now),
  'whole_end', digits(now + whole), 'end', digits(end_), 'size', ARGV[7])
if owned ~= '' then redis.call('HSET', SESSION .. key, 'owned', owned, 'owner', ARGV[6]) end
for at = 8, #ARGV, 2 do redis.call('HSET', SESSION .. key, ARGV[at], ARGV[at + 1]) end
keep_until(key, end_, owned ~= '' and owned)
return digits(now)
""")

# Arguments: key, whole and idle lifetime, most bytes, number of removed fields, these, then changed fields,
# each with its content; none is in both. Returns 1, or 0 without such a session, or -1 where it would be too
# large.
MERGE = _script("""
local whole, idle, most, count = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local session = find(whole, idle)
if not session then return 0 end
local name, size = SESSION .. key, session.size

-- How many bytes a field takes now, without the sign before its name.
local function size_of(field)
  if redis.call('HEXISTS', name, field) == 0 then return 0 end
  return #field - 1 + redis.call('HSTRLEN', name, field)
end

for at = 7, 6 + count do size = size - size_of(ARGV[at]) end
for at = 7 + count, #ARGV, 2 do size = size - size_of(ARGV[at]) + #ARGV[at] - 1 + #ARGV[at + 1] end
if size > most then return -1 end
redis.call('HSET', name, 'size', digits(size))
for at = 7 + count, #ARGV, 2 do redis.call('HSET', name, ARGV[at], ARGV[at + 1]) end
for at = 7, 6 + count do redis.call('HDEL', name, ARGV[at]) end
note_use(session, idle)
return 1
""")

# Arguments: key, whole and idle lifetime, digest of the new owner or nothing, the owner, new key. Returns 1,
# or 0 without such a session.
RENAME = _script("""
local whole, idle, owned, new_key = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], ARGV[7]
local session = find(whole, idle)
if not session then return 0 end
local end_ = end_of(now + whole, idle)
redis.call('HSET', SESSION .. key, 'begun', digits(now), 'used', digits(now),
  'whole_end', digits(now + whole), 'end', digits(end_))
if owned ~= '' then redis.call('HSET', SESSION .. key, 'owned', owned, 'owner', ARGV[6]) end
redis.call('RENAME', SESSION .. key, SESSION .. new_key)
if session.owned then redis.call('ZREM', OWNED .. session.owned, key) end
keep_until(new_key, end_, owned ~= '' and owned or session.owned)
return 1
""")

# Arguments: key.
END = _script("""
local owned = redis.call('HGET', SESSION .. key, 'owned')
redis.call('UNLINK', SESSION .. key)
if owned then redis.call('ZREM', OWNED .. owned, key) end
return 1
""")

# Arguments: nothing, digest of the owner, how many sessions are removed at once. The others have ended too,
# because they are without their owner's index; they go when they expire. Returns how many there were.
END_ALL = _script("""
local index = OWNED .. ARGV[3]
local count = redis.call('ZCOUNT', index, '(' .. digits(now), '+inf')
for _, its_key in ipairs(redis.call('ZRANGE', index, 0, ARGV[4] - 1)) do
  redis.call('UNLINK', SESSION .. its_key)
end
redis.call('UNLINK', index)
return count
""")

# Arguments: key, digest of an owner or nothing. Removes data of another type under the names of a session and
# of the indexes of its owners.
RESET = _script("""
local function remove(name, type)
  local found = redis.call('TYPE', name)['ok']
  if found ~= type and found ~= 'none' then redis.call('DEL', name) end
end

remove(SESSION .. key, 'hash')
local owned = redis.call('HGET', SESSION .. key, 'owned')
if owned then remove(OWNED .. owned, 'zset') end
remove(OWNED .. ARGV[3], 'zset')
return 1
""")
