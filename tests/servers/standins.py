"""The real stand-ins process for the tests: a one-time-code service, a face check and a bank, on one address."""

import contextlib
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from menshen.shell.lifeline import Guarded

READY_S = 30.0
END_S = 10.0
CALL_S = 10.0
_SERVICES = Path(__file__).parents[2] / "services"


class Answer(NamedTuple):
    """What a call was answered: the status, and the body as JSON."""

    status: int
    body: Any


class Standins:
    """One process. The bank forgets with it, unless `ledger` names a file; `port` is any free one, unless it is given.

    `otp_url`, `face_url` and `bank_url` are where its services are, `pid` is its own.
    """

    otp_url: str
    face_url: str
    bank_url: str

    def __init__(self, *, ledger: Path | None = None, port: int = 0) -> None:
        command = [sys.executable, "-m", "menshen.cli", "standins", "--json", "--port", str(port)]
        kept = ["--ledger", str(ledger.resolve())] if ledger else []
        self._process = Guarded("env", f"PYTHONPATH={_SERVICES}", *command, *kept)
        self._process.name = "menshen standins"

    def __enter__(self) -> Self:
        self._process.__enter__()
        self.pid = self._process.pid
        try:
            self._process.wait_until(lambda: "\n" in self.output(), timeout_s=READY_S)
            urls = json.loads(self.output().partition("\n")[0])
        except BaseException:
            self._process.__exit__()
            raise
        self.otp_url, self.face_url, self.bank_url = urls["otp_url"], urls["face_url"], urls["bank_url"]
        return self

    def __exit__(self, *_: object) -> None:
        # Shown by pytest beside the failure of the test that it belongs to.
        print(f"--- menshen standins, process {self.pid}, status {self._process.ended()} ---\n{self.output()}")
        self._process.__exit__()

    def ledger(self) -> list[dict[str, str]]:
        """Return every transfer that moved money, in order."""
        return call("GET", f"{self.bank_url}/ledger").body

    def code_for(self, subject_id: str) -> str:
        """Return the last code that the subject's phone got."""
        return call("GET", f"{self.otp_url}/phones/{quote(subject_id, safe='')}").body["code"]

    def script(self, fault: str, **details: object) -> None:
        """Put a fault in the way of the next transfer, or of the next one to `payee_ref`."""
        answer = call("POST", f"{self.bank_url}/script", {"fault": fault, **details})
        assert answer.status == 200, answer

    def show_face(self, subject_id: str, face: str) -> None:
        """Say whose face the subject has."""
        answer = call("PUT", f"{self.face_url}/people/{quote(subject_id, safe='')}", {"face": face})
        assert answer.status == 200, answer

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal, and return its exit status (128 + 9 after SIGKILL)."""
        os.kill(self.pid, number)
        with contextlib.suppress(RuntimeError):
            self._process.wait_until(lambda: self._process.ended() is not None, timeout_s=END_S)
        status = self._process.ended()
        assert status is not None, f"menshen standins still runs {END_S:g} s after {number.name}"
        return status

    def output(self) -> str:
        """Return what it has written."""
        return self._process.output()


def call(verb: str, url: str, body: object = None, *, raw: bytes | None = None) -> Answer:
    """Make one call, with a body as JSON or as it is. Raises OSError where there is no answer."""
    sent = raw if raw is not None or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=sent, method=verb)
    try:
        with urllib.request.urlopen(request, timeout=CALL_S) as answer:
            return Answer(answer.status, json.loads(answer.read()))
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, json.loads(refused.read()))
