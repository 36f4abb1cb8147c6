#!lua
-- save(slot, subjects...; token, mark, new_mark, vmark, wmark, run, lifetime_ms, blobs...): write a snapshot of the partition.
--
-- All checks stand before the first write: a script that fails half way is not rolled back. KEYS[1] the slot, KEYS[2..]
-- subjects, one blob in ARGV for each. Returns 'OK'; 'DONE' if this very save went through before (its reply was lost);
-- 'STALE' if the caller is not the owner any more or Redis stands at another mark: nothing was written then.
-- Safe to call again.
local slot = redis.call('HMGET', KEYS[1], 'owner', 'mark', 'first', 'failed')
local mark = slot[2] or '-1'
if slot[1] ~= ARGV[1] then return 'STALE' end
if mark == ARGV[3] then return 'DONE' end
if mark ~= ARGV[2] then return 'STALE' end

for i = 2, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 6], 'PX', ARGV[7]) end
redis.call('HSET', KEYS[1], 'mark', ARGV[3], 'vmark', ARGV[4], 'wmark', ARGV[5], 'run', ARGV[6])
if slot[3] and tonumber(slot[3]) <= tonumber(ARGV[3]) then redis.call('HDEL', KEYS[1], 'first', 'last', 'intent') end
if slot[4] then
  local beyond = {}
  for offset, n_times in pairs(cjson.decode(slot[4])) do
    if tonumber(offset) > tonumber(ARGV[3]) then beyond[offset] = n_times end
  end
  if next(beyond) then
    redis.call('HSET', KEYS[1], 'failed', cjson.encode(beyond))
  else
    redis.call('HDEL', KEYS[1], 'failed')
  end
end
return 'OK'
