"""Which partition a key belongs to: Kafka's default partitioner (MurmurHash2), which every producer must use."""

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """Return Kafka's 32-bit MurmurHash2 of a key, as an unsigned number.

    References
    ----------
    Austin Appleby's MurmurHash2, with the seed that Apache Kafka's `Utils.murmur2` uses.
    """
    n_whole = len(key) & ~3
    h = _SEED ^ len(key)
    for i in range(0, n_whole, 4):
        k = int.from_bytes(key[i : i + 4], "little") * _M & _MASK
        k = (k ^ (k >> 24)) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if n_whole < len(key):
        h = (h ^ int.from_bytes(key[n_whole:], "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)


def partition_of(key: bytes, n_partitions: int) -> int:
    """Return the partition, 0 to `n_partitions` - 1, on which records with this key must lie."""
    return (murmur2(key) & 0x7FFFFFFF) % n_partitions
