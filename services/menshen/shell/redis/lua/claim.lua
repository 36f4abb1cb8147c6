#!lua
-- claim(slot; token): make the caller the owner of a partition's state.
--
-- The whole keyspace. <t> is the tenant, <p> the partition, <s> a shard of the shared state; braces are hash tags, so
-- that a partition's state lies in one slot of a cluster. Identifiers appear as keyed hashes only.
--
--   {<t>:<p>}:slot            HASH    owner   token of the worker that claimed last
--                                     mark    last offset that the saved blobs include (-1 or absent: none)
--                                     vmark   where in the assessment partition to begin to look for records beyond mark
--                                     wmark   the same for the verdict partition
--                                     first, last, intent   the batch in hand: its offsets, what was observed for it
--                                     run     run_id of the server that held all shared entries up to mark
--                                     failed  JSON: how many times stepping failed, by the offset of the event
--   {<t>:events}:partitions   STRING  how many partitions the events had when the state was begun
--   {<t>:<p>}:s:<subject>     STRING  one packed subject; expires when it was not written for the state's lifetime
--   {<t>:shared:<s>}:<kind>:<hash>  ZSET  subjects by append time, on a device (`d`) or an address (`i`);
--                                     at most K newest members; expires when it was not written for the longest window
--
-- KEYS[1] the slot. ARGV[1] a fresh random token. Returns mark, vmark, wmark, first, last, intent,
-- run, failed.
-- Safe to call again: the later claim wins.
redis.call('HSET', KEYS[1], 'owner', ARGV[1])
return redis.call('HMGET', KEYS[1], 'mark', 'vmark', 'wmark', 'first', 'last', 'intent', 'run', 'failed')
