#!lua
-- blame(slot; token, offset): count that stepping the event at this offset failed, for whoever owns the partition next.
--
-- KEYS[1] the slot. Returns how many times it failed, this one included; 0 if the caller is not the owner. Each offset has
-- a count of its own until the saved state is beyond it. Calling it again counts again.
local slot = redis.call('HMGET', KEYS[1], 'owner', 'failed')
if slot[1] ~= ARGV[1] then return 0 end
local failed = cjson.decode(slot[2] or '{}')
failed[ARGV[2]] = (failed[ARGV[2]] or 0) + 1
redis.call('HSET', KEYS[1], 'failed', cjson.encode(failed))
return failed[ARGV[2]]
