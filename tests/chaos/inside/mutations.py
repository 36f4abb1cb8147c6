"""The protocol with one part taken out, in a worker's own process: what the oracle must see."""

from collections.abc import Callable
from typing import Any

from menshen.contract.topics import ASSESSMENTS, VERDICTS
from menshen.detect.loop import Loop
from menshen.detect.ownership.takeover import Takeover
from menshen.shell.redis.store import Store


def _save_unchecked() -> None:
    """Whoever saves is believed: neither the owner's token nor its mark is looked at."""
    _rewrite(
        "save",
        ("if slot[1] ~= ARGV[1] then return 'STALE' end\n", ""),
        ("if mark ~= ARGV[2] then return 'STALE' end\n", ""),
    )


def _no_intent() -> None:
    """What was observed for a batch is not stored before it is judged."""
    _rewrite("open", ("redis.call('HSET', KEYS[1], 'first', ARGV[3], 'last', ARGV[4], 'intent', ARGV[5])", ""))


def _save_first() -> None:
    """Redis says that a batch is done before Kafka has its records."""
    publish = Loop._publish

    async def turned_round(self: Loop, portion: Any) -> None:
        self._remember(portion)
        await self.save(portion.owned)
        await publish(self, portion)

    Loop._publish = turned_round  # type: ignore[method-assign]


def _no_journal() -> None:
    """A new owner does not read what is published beyond the mark."""

    async def unread_journal(self: Takeover, owned: Any) -> None:
        _, owned.published_end = await self._reader.span(ASSESSMENTS, owned.number)

    async def unread_answers(self: Takeover, owned: Any) -> None:
        _, owned.answered_end = await self._reader.span(VERDICTS, owned.number)

    Takeover._read_journal, Takeover._read_answers = unread_journal, unread_answers  # type: ignore[method-assign]


MUTATIONS: dict[str, Callable[[], None]] = {
    "save_unchecked": _save_unchecked,
    "no_intent": _no_intent,
    "save_first": _save_first,
    "no_journal": _no_journal,
}


def _rewrite(script: str, *changes: tuple[str, str]) -> None:
    """Change the text of a script in every store that is made from now on; a text that is not there is an error."""
    made = Store.__init__

    def changed(self: Store, *args: Any) -> None:
        made(self, *args)
        text = self._scripts[script].script
        for old, new in changes:
            if old not in text:
                raise AssertionError(f"{script}.lua does not say {old!r}")
            text = text.replace(old, new)
        self._scripts[script] = self._redis.register_script(text)

    Store.__init__ = changed  # type: ignore[method-assign]
