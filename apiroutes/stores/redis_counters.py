"""Counts of uses in Redis or Valkey, for all machines that use the server.

In: a URL, a prefix for all keys; uses of limits. Out: whether there is room for them. Raises StoreError
within 0.25 s for any failure, and ValueError for a URL that cannot be used.

All uses of a request are one script, which nothing interrupts, by the clock of the server. Whether it still
knows them after a restart depends on its persistence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apiroutes.stores.counters import Use, Window
from apiroutes.stores.redis_connections import Connections
from apiroutes.stores.redis_script import Script

__all__ = ["RedisCounters"]

_MICROSECONDS = 1_000_000

# The key of a script is the prefix of all keys, and its first argument the run id of the server. A window is
# kept as three numbers in a string: its start in microseconds, and the two counts; it goes when it has ended.
# Numbers are doubles, which hold all of these exactly.
_COMMON = """
local prefix = KEYS[1]

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function load(key)
  local found = redis.pcall('GET', prefix .. key)
  if type(found) ~= 'string' then return nil end
  local start, previous, current = string.match(found, '^(%d+) (%d+) (%d+)$')
  if not start then return nil end
  return tonumber(start), tonumber(previous), tonumber(current)
end

-- Returns a window as it is at a moment.
local function advance(key, moment, length)
  local start, previous, current = load(key)
  if not start then return moment, 0, 0 end
  if start > moment then return moment, previous, current end -- the clock was set back
  local elapsed = moment - start
  if elapsed < length then return start, previous, current end
  if elapsed < 2 * length then return start + length, current, 0 end
  return moment, 0, 0
end

local function save(key, start, previous, current, moment, length)
  local left = math.ceil((start + 2 * length - moment) / 1000)
  local window = string.format('%.0f %.0f %.0f', start, previous, current)
  redis.call('SET', prefix .. key, window, 'PX', math.max(left, 1))
end
"""

# Arguments: for each use its key, amount, microseconds and cost. Returns whether all were taken, the moment,
# and each window.
_TAKE = Script(
    _COMMON
    + """
local moment, fits, windows = now(), 1, {}
for at = 2, #ARGV, 4 do
  local amount, length, cost = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local start, previous, current = advance(ARGV[at], moment, length)
  local used = math.floor(previous * (1 - (moment - start) / length)) + current
  if used + cost > amount then fits = 0 end
  windows[#windows + 1] = {start, previous, current}
end
if fits == 1 then
  for number, window in ipairs(windows) do
    local at = 4 * number - 2
    window[3] = window[3] + tonumber(ARGV[at + 3])
    save(ARGV[at], window[1], window[2], window[3], moment, tonumber(ARGV[at + 2]))
  end
end
return {fits, moment, windows}
"""
)

# Arguments: for each use its key, the start of its window, microseconds and cost.
_GIVE_BACK = Script(
    _COMMON
    + """
local moment = now()
for at = 2, #ARGV, 4 do
  local taken, length, cost = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local start, previous, current = advance(ARGV[at], moment, length)
  if start == taken then
    save(ARGV[at], start, previous, math.max(0, current - cost), moment, length)
  elseif start == taken + length then
    save(ARGV[at], start, math.max(0, previous - cost), current, moment, length)
  end
end
return 1
"""
)


class RedisCounters:
    """Keeps counts in a Redis or Valkey server, under keys that begin with a prefix.

    `url` is `redis://`, `rediss://` or `unix://`; Redis Cluster is not supported. Nothing is connected before
    the first use. Raises ValueError for a URL that cannot be used.
    """

    is_local = False

    def __init__(self, url: str, prefix: str) -> None:
        self._connections = Connections(url, "the rate limits' Redis")
        self._prefix = f"{prefix}:limits:".encode()

    def take(self, uses: Sequence[Use]) -> tuple[bool, list[Window]]:
        arguments = [
            part for use in uses for part in (use.key, use.amount, use.seconds * _MICROSECONDS, use.cost)
        ]
        reply = self._connections.run(_TAKE, self._prefix, *arguments)
        if not _is_taken(reply, len(uses)):
            raise self._connections.nonsense()
        fits, moment, windows = reply
        return fits == 1, [
            Window(start / _MICROSECONDS, previous, current, moment / _MICROSECONDS)
            for start, previous, current in windows
        ]

    def give_back(self, uses: Sequence[Use], windows: Sequence[Window]) -> None:
        arguments = [
            part
            for use, taken in zip(uses, windows)
            for part in (
                use.key,
                round(taken.start * _MICROSECONDS),
                use.seconds * _MICROSECONDS,
                use.cost,
            )
        ]
        self._connections.run(_GIVE_BACK, self._prefix, *arguments)

    def close(self) -> None:
        self._connections.close()


def _is_taken(reply: Any, count: int) -> bool:
    """Return whether a reply is one of `_TAKE`, for so many uses."""
    if not (isinstance(reply, list) and len(reply) == 3 and isinstance(reply[2], list)):
        return False
    windows = [window for window in reply[2] if isinstance(window, list) and len(window) == 3]
    numbers = [*reply[:2], *(number for window in windows for number in window)]
    return len(windows) == len(reply[2]) == count and all(type(number) is int for number in numbers)
