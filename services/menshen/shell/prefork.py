"""Several processes of one kind: forked from one, begun again where they ask for it, drained together.

Nothing may run in the parent but what stands here: no thread, no event loop, no connection is forked well.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Never

from menshen.shell.logs import logger

log = logger(__name__)
DRAINED, BUG = 0, 70
RESTART_ME = (BUG, 75)
RESTART_PAUSE_S = 1.0
_ENDING = signal.SIGTERM, signal.SIGINT


class Prefork:
    """Keeps `n` processes running, each of which calls `run` with its number, from 0 on.

    One that ends with 70 or 75, or by a signal, is begun again; one that was drained stays ended. Any other status
    says that all would end so: the rest are drained, and it becomes the status of the whole.
    """

    def __init__(self, run: Callable[[int], None], n: int) -> None:
        self._run, self._n = run, n
        self._numbers: dict[int, int] = {}
        self._stopping = False
        self._status = DRAINED
        self._lifeline, self._held = os.pipe()

    def until_all_ended(self) -> int:
        """Run them until a signal or until none is left, and return the exit status."""
        for each in _ENDING:
            signal.signal(each, lambda *_: self._stop())
        for number in range(self._n):
            if not self._stopping:
                self._begin(number)
        while self._numbers:
            pid, ended = os.wait()
            self._ended(self._numbers.pop(pid), os.waitstatus_to_exitcode(ended))
        return self._status

    def _ended(self, number: int, status: int) -> None:
        if self._stopping or status == DRAINED:
            self._status = self._status or max(status, DRAINED)
        elif status in RESTART_ME or status < 0:
            log.error("a process ended and is begun again", number=number, status=status)
            time.sleep(RESTART_PAUSE_S)
            if not self._stopping:
                self._begin(number)
        else:
            log.critical("a process refuses to go on, so all end", number=number, status=status)
            self._status = status
            self._stop()

    def _stop(self) -> None:
        self._stopping = True
        for pid in self._numbers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _begin(self, number: int) -> None:
        # A signal between the fork and the note of it would reach nobody.
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        try:
            if (pid := os.fork()) == 0:
                self._be(number)
            self._numbers[pid] = number
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        if self._stopping:
            self._stop()

    def _be(self, number: int) -> Never:
        """Be one of them. It ends as this one does: the kernel closes the pipe also after `kill -9`."""
        status = BUG
        try:
            os.setpgid(0, 0)  # Ctrl-C reaches the parent alone, which drains them
            os.close(self._held)
            for each in _ENDING:
                signal.signal(each, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
            threading.Thread(target=_drain_with, args=(self._lifeline,), daemon=True).start()
            self._run(number)
            status = DRAINED
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else BUG if end.code else DRAINED
        except BaseException:  # nobody above would say it
            log.critical("a process failed", number=number, exc_info=True)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


def _drain_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
