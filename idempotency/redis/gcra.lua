-- GCRA, as LocalLimiter in limiter.go: the same integers in the same order, so that a test can compare the two.
-- KEYS[1]: the limiter. ARGV: microseconds per request, capacity in microseconds (burst * microseconds per request).
-- Redis's own clock counts, so replicas with wrong clocks share one limit. Doubles hold microseconds exactly until 2255.
local interval, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local stored = redis.pcall('GET', KEYS[1])
local tat = type(stored) == 'string' and tonumber(stored) or now -- what is not a number counts as absent
if not (tat > now) then tat = now end
if tat > now + capacity then tat = now + capacity end -- a clock that jumped back, or a lie, costs one burst at most

local allowed, retry = 1, 0
local after = tat + interval
if after > now + capacity then
  allowed, retry, after = 0, after - capacity - now, tat
else
  -- '%.0f': Lua's tostring keeps 14 digits only.
  redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
end
return {allowed, math.floor((now + capacity - after) / interval), after - now, retry}
