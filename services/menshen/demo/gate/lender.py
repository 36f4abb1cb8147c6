"""The lender's side of a story: the API of onboard in each role, the bank's books, and the customers' phones."""

import json
import re
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple
from uuid import uuid4

from msgspec import Struct, convert

from menshen.onboard.api.keys import Role
from menshen.onboard.api.problems import PREFIX
from menshen.onboard.api.told import Alerts, AlertTold, ApplicationTold, Change, Entries, Entry, GateTold, History
from menshen.shell.lifeline import ServerError

CALL_S = 10.0
_FATE = re.compile(r'^menshen_onboard_verdicts_total\{fate="(\w+)"\} ([0-9.e+]+)$', re.MULTILINE)


class Reply(NamedTuple):
    """What a call was answered."""

    status: int
    body: bytes

    @property
    def in_words(self) -> str:
        """The status; with the name of the problem, where it is one."""
        told = json.loads(self.body) if self.status >= 400 else {}
        return " ".join([str(self.status), *filter(None, [told.get("type", "").removeprefix(PREFIX)])])


class Transfer(Struct, frozen=True, kw_only=True):
    """An entry of the bank's books: money that has moved."""

    key: str
    application_id: str
    draw_id: str
    payee_ref: str
    amount: str
    currency: str


class Lender:
    """Calls what belongs to the lender. Every call raises ServerError where nobody answers."""

    def __init__(self, api_url: str, api_keys: Mapping[str, str], urls: Mapping[str, str]) -> None:
        """Take a key for each role, and where the stand-ins of the services outside are."""
        self._api_url, self._api_keys, self._urls = api_url, api_keys, urls

    def do(self, path: str, body: Mapping[str, str], role: Role = "service") -> Reply:
        """Do something that was not done before."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        return self._api(role, path, json.dumps(body).encode(), **headers)

    def gate(self, application_id: str, name: str) -> GateTold:
        """Return a step by its name, or a draw by its id, as the lender's people see it now."""
        told = ApplicationTold.model_validate_json(self._read(f"/v1/applications/{application_id}"))
        return next(gate for gate in (*told.steps, *told.draws) if name in (gate.step, gate.draw_id))

    def changes(self, application_id: str) -> list[Change]:
        """Return what happened to an application, in order."""
        return History.model_validate_json(self._read(f"/v1/applications/{application_id}/history?limit=500")).changes

    def reviews(self, application_id: str) -> list[Entry]:
        """Return what of an application is in the queue of people."""
        found = Entries.model_validate_json(self._read("/v1/reviews?limit=500")).reviews
        return [review for review in found if review.application_id == application_id]

    def alerts(self, application_id: str) -> list[AlertTold]:
        """Return what no rule can mend about an application."""
        found = Alerts.model_validate_json(self._read("/v1/alerts?limit=500")).alerts
        return [alert for alert in found if alert.application_id == application_id]

    def code_for(self, subject_id: str, challenge_id: str) -> str | None:
        """Return the code that has come to a customer's phone; None: not yet."""
        reply = _call(f"{self._urls['otp_url']}/phones/{subject_id}")
        message = json.loads(reply.body)
        return message["code"] if reply.status == 200 and message["challenge_id"] == challenge_id else None

    def ledger(self) -> list[Transfer]:
        """Return what the bank says it has paid, in order."""
        return convert(json.loads(_call(f"{self._urls['bank_url']}/ledger").body), list[Transfer])

    def fates(self) -> Counter[str]:
        """Return how many records of the verdict topic met each fate in onboard."""
        shown = _call(f"{self._api_url}/metrics").body.decode()
        return Counter({fate: int(float(n)) for fate, n in _FATE.findall(shown)})

    def _read(self, path: str) -> bytes:
        reply = self._api("analyst", path)
        if reply.status != 200:
            raise ServerError(f"GET {path}: {reply.in_words}")
        return reply.body

    def _api(self, role: Role, path: str, value: bytes | None = None, **headers: str) -> Reply:
        return _call(self._api_url + path, value, Authorization=f"Bearer {self._api_keys[role]}", **headers)


def _call(url: str, value: bytes | None = None, **headers: str) -> Reply:
    request = urllib.request.Request(url, value, headers)  # noqa: S310  # our own processes
    try:
        with urllib.request.urlopen(request, timeout=CALL_S) as answer:  # noqa: S310  # the same
            return Reply(answer.status, answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return Reply(refused.code, refused.read())
    except OSError as error:
        raise ServerError(f"{url} does not answer: {error}") from None
