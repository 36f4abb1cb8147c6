"""A Redis that forgets on demand, below the real `Store`: what a server holds, by hash tag, and what it held before."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from tests.simulation.ports.scripts import BY_NAME

from menshen.shell.errors import Unavailable
from menshen.shell.redis.store import Store
from menshen.shell.settings import DetectSettings

Carry = Callable[[str, Callable[[], Any]], Awaitable[Any]]
"""How a call reaches the server: what it is, and what the server does."""


def redis_outage(what: str) -> Unavailable:
    return Unavailable(f"redis: {what}")


class SimulatedRedis:
    """One server. Each script is one step; `past` has every state of the keys of one hash tag, the present one last."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._now: dict[str, dict[str, Any]] = defaultdict(dict)
        self._touched: set[str] = set()
        self.past: dict[str, list[dict[str, Any]]] = defaultdict(lambda: [{}])
        self.run = ""
        self.start_anew()

    def start_anew(self) -> None:
        """Be another run of the server from now on: every connection breaks."""
        self.run = self._chance.randbytes(20).hex()

    def fall_back(self, tags: Iterable[str], n_steps: int) -> None:
        """Forget the last steps of some hash tags, which is what an append-only file without its tail does."""
        for tag in tags:
            del self.past[tag][max(1, len(self.past[tag]) - n_steps) :]
            self._now[tag] = dict(self.past[tag][-1])

    def empty(self) -> None:
        """Forget everything."""
        self._now.clear()
        self.past.clear()

    def tags(self) -> list[str]:
        return sorted(self._now)

    def of(self, tag: str) -> dict[str, Any]:
        """Return the keys of a hash tag with their values."""
        return self._now[tag]

    def get(self, key: str) -> Any:
        return self._now[_tag(key)].get(key)

    def put(self, key: str, value: Any) -> None:
        self._now[_tag(key)][key] = value
        self._touched.add(_tag(key))

    @contextmanager
    def step(self) -> Iterator[None]:
        """Do all inside as one step."""
        self._touched.clear()
        yield
        for tag in self._touched:
            self.past[tag].append(dict(self._now[tag]))

    def script(self, name: str, keys: list[Any], args: list[Any]) -> Any:
        with self.step():
            return BY_NAME[name](self, [_text(key) for key in keys], [_bytes(arg) for arg in args])


def _tag(key: str) -> str:
    return key[1 : key.index("}")]


def _text(key: Any) -> str:
    return key.decode() if isinstance(key, bytes) else key


def _bytes(argument: Any) -> bytes:
    return argument if isinstance(argument, bytes) else str(argument).encode()


class SimulatedStore(Store):
    """The real store over a simulated connection: it names keys and packs arguments itself.

    A connection is greeted when it is made, like the real one's; the first call after the server was started anew
    finds it broken, or finds that the pool has replaced it without a word.
    """

    def __init__(self, settings: DetectSettings, server: SimulatedRedis, carry: Carry, chance: Random) -> None:
        super().__init__(settings)
        self._server, self._carry, self._chance = server, carry, chance
        self._redis = self

    async def aclose(self) -> None:
        """There is nothing to close."""

    async def set(self, key: str, value: Any, *, nx: bool = False, get: bool = False, px: int = 0) -> Any:
        return await self._reach(f"set {key}", lambda: self._set_key(key, _bytes(value), nx=nx))

    async def hget(self, key: str, field: str) -> Any:
        return await self._reach(f"hget {key}", lambda: (self._server.get(key) or {}).get(field))

    def _call(self, script: str, keys: list[Any], args: list[Any]) -> Awaitable[Any]:
        """Call it by itself: where the connection breaks, some of what travels together has been done."""
        what = f"{script} {_text(keys[0])} {args[1:-1] if script == 'observe' else ''}"
        return self._reach(what, lambda: self._server.script(script, keys, args))

    def _set_key(self, key: str, value: bytes, *, nx: bool) -> Any:
        before = self._server.get(key)
        if before is None or not nx:
            with self._server.step():
                self._server.put(key, value)
        return before

    async def _reach(self, what: str, effect: Callable[[], Any]) -> Any:
        if self.run != (run := self._server.run):
            broken, self.run = self.run, run
            if broken and self._chance.random() < 0.5:
                raise redis_outage("the connection broke")
        return await self._carry(what, lambda: self._unless_broken(run, effect))

    def _unless_broken(self, run: str, effect: Callable[[], Any]) -> Any:
        if run != self._server.run:
            raise redis_outage("the connection broke on the way")
        return effect()
