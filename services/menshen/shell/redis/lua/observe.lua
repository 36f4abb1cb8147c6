#!lua
-- observe(sets...; lifetime_ms, capacity, sightings): add each sighting to its set, then count, one after the other.
--
-- KEYS are sets of one shard. ARGV[3] packs the sightings, 18 bytes each, big-endian: number of the set in KEYS (uint16),
-- append time in ms (double), hash of the subject (8 bytes). Returns three counts a sighting: distinct subjects within
-- one hour, one day and thirty days up to its append time, itself included.
-- The writes commute and may be repeated: GT keeps each subject's latest time, and cutting to the newest K of (time,
-- hash) gives the same set in any order. K bounds the cost: an attacker chooses how many subjects a device has.
local counts, n = {}, 0
local capacity = tonumber(ARGV[2])
for at = 1, #ARGV[3], 18 do
  local set, ms, subject = struct.unpack('>Hdc8', ARGV[3], at)
  local key = KEYS[set]
  redis.call('ZADD', key, 'GT', ms, subject)
  local size = redis.call('ZCARD', key)
  if size > capacity then redis.call('ZREMRANGEBYRANK', key, 0, size - capacity - 1) end
  counts[n + 1] = redis.call('ZCOUNT', key, ms - 3600000, '+inf')
  counts[n + 2] = redis.call('ZCOUNT', key, ms - 86400000, '+inf')
  counts[n + 3] = redis.call('ZCOUNT', key, ms - 2592000000, '+inf')
  n = n + 3
end
-- From now on, not from the append time: events of last year that are played again shall find one another.
for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[1]) end
return counts
