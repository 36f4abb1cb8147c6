#!lua
-- open(slot, subjects...; token, mark, first, last, intent): begin a batch and read the subjects that are not in memory.
--
-- An intent that is stored for this very offset wins over the caller's; one that is stored for a later offset stays,
-- because what stands before it is published already; an earlier one is replaced, because its batch is published.
-- KEYS[1] the slot, KEYS[2..] subjects. ARGV: owner's token, mark as the owner knows it, first and last offset of the
-- batch, what was observed. Returns {'STALE'}, or {'OK', last, intent, blob or false, ...} with the intent that is valid.
-- Safe to call again.
local slot = redis.call('HMGET', KEYS[1], 'owner', 'mark', 'first', 'last', 'intent')
if slot[1] ~= ARGV[1] or (slot[2] or '-1') ~= ARGV[2] then return {'STALE'} end

local stored, first = tonumber(slot[3] or '-1'), tonumber(ARGV[3])
local last, intent = ARGV[4], ARGV[5]
if stored == first then
  last, intent = slot[4], slot[5]
elseif stored < first then
  redis.call('HSET', KEYS[1], 'first', ARGV[3], 'last', ARGV[4], 'intent', ARGV[5])
end

local reply = {'OK', last, intent}
if #KEYS > 1 then
  local blobs = redis.call('MGET', unpack(KEYS, 2))
  for i = 1, #blobs do reply[i + 3] = blobs[i] end
end
return reply
