#!lua
-- accept(slot; mark): go on behind events that the log has lost, because an operator says so.
--
-- KEYS[1] the slot, ARGV[1] the offset before the first event that is left. Whoever owns the partition is stale by it and
-- claims anew. Returns 1, or 0 if the state reaches that far already: nothing was changed then. Safe to call again.
if tonumber(redis.call('HGET', KEYS[1], 'mark') or '-1') >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'mark', ARGV[1], 'vmark', 0, 'wmark', 0)
redis.call('HDEL', KEYS[1], 'first', 'last', 'intent')
return 1
