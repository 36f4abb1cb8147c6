"""What a program calls, in the order in which each call first comes: to compare with a walk that a page tells."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

import aiokafka
from tests.docs.pages import ROOT, section

PAGE = "ARCHITECTURE.md"
OURS = ROOT / "services" / "menshen"
AIOKAFKA = Path(aiokafka.__file__).parent
ITEM = re.compile(r"^\d+\. `([\w/.]+)`(?: `([\w.]+)`)?", re.MULTILINE)

Call = tuple[str, str]
"""A file below services/menshen and a function in it; for a script, its path and nothing."""

SCRIPTS_CALLED = ("shell/redis/store.py", "Store._call")
"""What calls a script of Redis, by its name in `script`."""


class Trace:
    """The calls from now on, each when it first comes; from `begins` on, if that is named.

    What stands on the stack when it begins comes first: that is what had called it.
    """

    def __init__(self, begins: Call | None = None) -> None:
        self.calls = dict[Call, None]()
        self._begins = begins

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or not (call := call_of(frame.f_code)):
            return
        if self._begins and not self.calls and call != self._begins:
            return
        for caller in () if self.calls else callers(frame):
            self.calls[caller] = None
        self.calls[call] = None
        if call == SCRIPTS_CALLED:
            self.calls[f"shell/redis/lua/{frame.f_locals['script']}.lua", ""] = None


def call_of(code: CodeType) -> Call | None:
    path = Path(code.co_filename)
    if path.is_relative_to(OURS):
        return path.relative_to(OURS).as_posix(), code.co_qualname
    return ("aiokafka", code.co_qualname) if path.is_relative_to(AIOKAFKA) else None


def callers(frame: FrameType) -> list[Call]:
    found = list[Call]()
    while above := frame.f_back:
        found += filter(None, [call_of(above.f_code)])
        frame = above
    return found[::-1]


@contextmanager
def traced(trace: Trace, *, threads: bool = False) -> Iterator[None]:
    """Watch this thread; with `threads` also those that start meanwhile."""
    threading.setprofile(trace if threads else None)
    sys.setprofile(trace)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def told(heading: str) -> list[Call]:
    """Return the calls that the page names under a heading, in its order."""
    return ITEM.findall(section(PAGE, heading))
