#!lua
-- blame(slot; token, offset): count that stepping the event at this offset failed, for whoever owns the partition next.
--
-- KEYS[1] the slot. Returns how many times it failed in a row, this one included; 0 if the caller is not the owner.
-- Calling it again counts again.
local slot = redis.call('HMGET', KEYS[1], 'owner', 'blamed')
if slot[1] ~= ARGV[1] then return 0 end
if slot[2] ~= ARGV[2] then redis.call('HSET', KEYS[1], 'blamed', ARGV[2], 'failures', 0) end
return redis.call('HINCRBY', KEYS[1], 'failures', 1)
