"""What an application makes of an event with Menshen's own detectors, model and policy: all but the protocol."""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from menshen.contract.assessment import Observed
from menshen.contract.decoding import decode_event
from menshen.contract.events import Event
from menshen.fraud.detectors import DETECTORS, FEATURES
from menshen.fraud.policy import parse_policy
from menshen.fraud.sighting import Sighting
from menshen.fraud.step import Rules, step
from menshen.fraud.subject import NOBODY, pack, unpack
from menshen.shell.models import load
from menshen.shell.signing import Signer, new_key_pair

_DEPLOY = Path(__file__).parents[3] / "deploy"


def rules_as_shipped() -> Rules:
    """Return the detectors, the policy and the model that the project ships."""
    codes = {code for detector in DETECTORS for code in detector.codes}
    policy = parse_policy((_DEPLOY / "policy" / "default.toml").read_text(), codes)
    return Rules("bench", DETECTORS, policy, load(_DEPLOY / "models" / "default", FEATURES))


class Judged(NamedTuple):
    """The state as it is afterwards, the record for the event, and the verdicts with their headers."""

    blob: bytes
    assessment: bytes
    verdicts: list[tuple[bytes, list[tuple[str, bytes]]]]


class Judge:
    """Judges one event after the other."""

    def __init__(self) -> None:
        self._rules = rules_as_shipped()
        self._signer = Signer(new_key_pair()[0])

    def decode(self, value: bytes) -> Event:
        """Decode and validate."""
        return decode_event(value)

    def judge(
        self, event: Event, blob: bytes | None, value: bytes, place: tuple[int, int], seen: Mapping[str, int]
    ) -> Judged:
        """Step one event; `place` is its offset and append time in ms, `seen` what the shared sets count for it."""
        subject = NOBODY if blob is None else unpack(blob)
        sighting = Sighting(event, *place, zlib.crc32(value), Observed(**seen))
        outcome = step(subject, sighting, self._rules)
        encoded = [msgspec.json.encode(verdict) for verdict in outcome.verdicts]
        signed = [(value, self._signer.headers(value)) for value in encoded]
        return Judged(pack(outcome.subject), msgspec.json.encode(outcome.assessment), signed)
