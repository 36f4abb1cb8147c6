"""Where a server for the tests may come from: the first source that can serve does; those before it say why not."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from menshen.shell.lifeline import ServerError


class PassedOver(ServerError):
    """This source cannot serve here; the last line of the message is the reason."""


class Missing(Exception):
    """No acceptable source can serve; the message names each and what would help."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server: what it is, whether it is the real thing, and what tests against it leave unproven."""

    kind: str
    real: bool = True
    unproven: str = ""
    passed_over: tuple[str, ...] = ()


S = TypeVar("S", bound=Server)
Source = Callable[[], AbstractContextManager[S]]


def real_is_required() -> bool:
    """Tell whether this run must fail rather than use a stand-in."""
    return os.environ.get("MENSHEN_REQUIRE_REAL", "") not in {"", "0"}


@contextmanager
def first_of(what: str, sources: Sequence[Source[S]]) -> Iterator[S]:
    """Run the server of the first source that does not pass; raise Missing if every one does."""
    reasons: list[str] = []
    with ExitStack() as stack:
        for source in sources:
            try:
                server = stack.enter_context(source())
            except ServerError as reason:
                reasons.append(str(reason).splitlines()[-1])
                continue
            yield replace(server, passed_over=tuple(reasons))
            return
        raise Missing(f"no real {what}: {'; '.join(reasons)}")
