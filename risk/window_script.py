"""Sliding windows in Redis: one script that looks at several, takes all or nothing, and says when to come back.

A key is one sorted set: what was granted, `id:amount` by its time in ms, and a mark of the run of Redis in which the
set was loaded. A run ends with a restart (the script is gone then), a FLUSHALL or a new Redis: a set may hold less by
then than was granted, so that the caller is asked to look it up again. Time is Redis's own. Raises RedisDown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from redis.commands.core import Script
from redis.exceptions import NoScriptError

from vanta import clock, redis

RUN_KEY = "windows:run"
NEVER, EMPTY = -1, -1
# What an ask is answered with; UNDECIDED follows a refusal in the same call: it depends on what is done about that.
REFUSED, GRANTED, UNDECIDED = 0, 1, 2
_NOT_LOOKED_UP, _NEEDS_NO_LOOKING_UP = -1, -2
_SCRIPT = """
local text = string.gmatch(ARGV[1], '%S+')
local function number() return tonumber(text()) end
local function whole(value) return string.format('%.0f', value) end

local now = number()
if now == 0 then
    local time = redis.call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local may_write = number() == 1
local windows, longest = {}, 0
for w = 1, number() do
    windows[w] = {length = number(), is_sum = number() == 1, limit = number()}
    longest = math.max(longest, windows[w].length)
end

local ids, times, amounts, place = {}, {}, {}, {}
local function add(id, time, amount)
    local last = #ids + 1
    ids[last], times[last], amounts[last], place[id] = id, time, amount, last
end

local known = number()
if known >= 0 then
    for _ = 1, known do add(text(), now - number(), number()) end
    if may_write then
        local run = redis.call('GET', KEYS[2])
        if not run then
            run = whole(now)
            redis.call('SET', KEYS[2], run)
        end
        redis.call('DEL', KEYS[1])
        redis.call('ZADD', KEYS[1], '+inf', 'run:' .. run)
        for i = 1, known do redis.call('ZADD', KEYS[1], whole(times[i]), ids[i] .. ':' .. whole(amounts[i])) end
        redis.call('PEXPIRE', KEYS[1], longest)
    end
else
    local mark = known == -1 and 'run:' .. (redis.call('GET', KEYS[2]) or '')
    local is_loaded = not mark
    local stored = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
    for i = 1, #stored, 2 do
        local id, amount = string.match(stored[i], '^(%d+):(%d+)$')
        if id then
            add(id, tonumber(stored[i + 1]), tonumber(amount))
        elseif stored[i] == mark then
            is_loaded = true
        end
    end
    if not is_loaded then return whole(now) .. ' 0' end
end

local reply = {whole(now), 1}
local used = {}
local function weight(window, amount) return window.is_sum and amount or 1 end
for w, window in ipairs(windows) do
    local oldest = -1
    used[w] = 0
    for i = 1, #ids do
        if times[i] > now - window.length then
            used[w] = used[w] + weight(window, amounts[i])
            if oldest < 0 then oldest = times[i] end
        end
    end
    reply[#reply + 1] = whole(oldest)
end

-- Asked again: as if it had not been granted before. While it is in every window, that is the same answer.
local function take_out(id)
    local own = place[id]
    if not own then return end
    for w, window in ipairs(windows) do
        if times[own] > now - window.length then used[w] = used[w] - weight(window, amounts[own]) end
    end
    if may_write then redis.call('ZREM', KEYS[1], id .. ':' .. whole(amounts[own])) end
    table.remove(ids, own)
    table.remove(times, own)
    table.remove(amounts, own)
    place[id] = nil
    for i = own, #ids do place[ids[i]] = i end
end

local function wait(w, more)
    local window, left = windows[w], used[w]
    if left + more <= window.limit then return 0 end
    for i = 1, #ids do
        if times[i] > now - window.length then
            left = left - weight(window, amounts[i])
            if left + more <= window.limit then return times[i] + window.length - now end
        end
    end
    return -1
end

local is_refused, has_taken = false, false
for _ = 1, number() do
    local id, amount, consumes = text(), number(), number() == 1
    local status = is_refused and 2 or 1
    if not is_refused then take_out(id) end
    reply[#reply + 1] = 0
    local status_at = #reply
    for w, window in ipairs(windows) do
        local after_ms = wait(w, weight(window, amount))
        if after_ms ~= 0 and status == 1 then status = 0 end
        reply[#reply + 1] = whole(used[w])
        reply[#reply + 1] = after_ms
    end
    reply[status_at] = status
    if status == 0 and consumes then is_refused = true end
    if status == 1 and consumes and may_write then
        local time = math.max(now, times[#ids] or now)
        add(id, time, amount)
        for w, window in ipairs(windows) do used[w] = used[w] + weight(window, amount) end
        redis.call('ZADD', KEYS[1], whole(time), id .. ':' .. whole(amount))
        has_taken = true
    end
end
if has_taken then
    if times[1] <= now - longest then redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', whole(now - longest)) end
    redis.call('PEXPIRE', KEYS[1], longest)
end
return table.concat(reply, ' ')
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `limit` within `length_ms`: of things, or of their amounts where `is_sum`."""

    length_ms: int
    limit: int
    is_sum: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was granted before, by the caller's clock. `amount` below 2^53, as everything here."""

    id: int
    at_ms: int
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """May this happen now? An id that was granted before counts once, from now on; asked without consuming, no more."""

    id: int
    amount: int = 0
    consumes: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """Asks about one key, answered in their order. `at_ms` is for tests: None is Redis's own clock.

    `known` are all the entries that there ever were in the longest window: they replace what the key holds, where
    `may_write`. `is_memory_enough`: what Redis has lost never counted.
    """

    key: str
    limits: Sequence[Limit]
    asks: Sequence[Ask]
    known: Sequence[Entry] | None = None
    may_write: bool = True
    is_memory_enough: bool = False
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """For each limit: what was used before this ask, and in how many ms it would pass (0 now, NEVER)."""

    status: int
    used: Sequence[int]
    retry_after_ms: Sequence[int]


@dataclass(frozen=True, slots=True)
class Reply:
    """What one call is answered with. Not loaded: nobody knows what was granted before, so nothing was decided."""

    now_ms: int
    is_loaded: bool
    oldest_at_ms: Sequence[int] = ()
    answers: Sequence[Answer] = field(default=())


def run(calls: Sequence[Call]) -> list[Reply]:
    """All calls in one round trip, each atomic by itself; harmless to repeat."""
    try:
        found = _execute(calls)
    except NoScriptError:
        # This Redis has not run the script before: it has just started, and may have lost its last second.
        redis.client().delete(RUN_KEY)
        redis.client().script_load(_SCRIPT)
        found = _execute(calls)
    return [_reply(call, list(map(int, text.split()))) for call, text in zip(calls, found, strict=True)]


def _execute(calls: Sequence[Call]) -> list[Any]:
    sha = _script().sha
    if len(calls) == 1:
        return [redis.client().evalsha(sha, 2, calls[0].key, RUN_KEY, _argument(calls[0]))]
    pipeline = redis.client().pipeline(transaction=False)
    for call in calls:
        pipeline.evalsha(sha, 2, call.key, RUN_KEY, _argument(call))
    return pipeline.execute()


def _argument(call: Call) -> str:
    """All numbers in one text: cheaper to send than each by itself."""
    arguments = [call.at_ms or 0, int(call.may_write), len(call.limits)]
    for limit in call.limits:
        arguments += (limit.length_ms, int(limit.is_sum), limit.limit)
    if call.known is None:
        arguments.append(_NEEDS_NO_LOOKING_UP if call.is_memory_enough else _NOT_LOOKED_UP)
    else:
        arguments.append(len(call.known))
        now_ms = call.at_ms or clock.now_ms()
        for entry in sorted(call.known, key=lambda entry: entry.at_ms):
            arguments += (entry.id, max(now_ms - entry.at_ms, 0), entry.amount)
    arguments.append(len(call.asks))
    for ask in call.asks:
        arguments += (ask.id, ask.amount, int(ask.consumes))
    return " ".join(map(str, arguments))


def _reply(call: Call, values: Sequence[int]) -> Reply:
    now_ms, is_loaded = values[:2]
    if not is_loaded:
        return Reply(now_ms, is_loaded=False)
    width = len(call.limits)
    answers = []
    for first in range(2 + width, len(values), 1 + 2 * width):
        figures = values[first + 1 : first + 1 + 2 * width]
        answers.append(Answer(values[first], figures[0::2], figures[1::2]))
    return Reply(now_ms, is_loaded=True, oldest_at_ms=values[2 : 2 + width], answers=answers)


@cache
def _script() -> Script:
    return redis.client().register_script(_SCRIPT)
