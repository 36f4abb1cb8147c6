"""What an attacker sends in place of an honest verdict: one thing about it is wrong, and it says allow."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from random import Random
from typing import NamedTuple

import msgspec
from msgspec.structs import replace
from tests.gate.signing import Detect, Record, verdict_on

from menshen.contract.events import Checkpoint
from menshen.contract.opening import Misfit
from menshen.contract.verdict import KEY_ID_HEADER, SIGNATURE_HEADER, Verdict
from menshen.shell.signing import Signer, new_key_pair


class Aim(NamedTuple):
    """What is attacked: a question that awaits its answer, what else was asked, and when."""

    asked: Checkpoint
    other: Checkpoint
    now_ms: int
    chance: Random


Rebinding = Callable[[Verdict, Aim], Verdict]
Forgery = Callable[[Detect, Aim], Record]


def _named(field: str) -> Rebinding:
    return lambda verdict, _: replace(verdict, **{field: f"{getattr(verdict, field)}x"})


def _less(verdict: Verdict, _: Aim) -> Verdict:
    return replace(verdict, amount_max=f"{Decimal(verdict.amount_max or 0) - Decimal('0.01'):.2f}")


REBOUND: Mapping[Misfit, Rebinding] = {
    Misfit.NOT_A_GATE: lambda verdict, _: replace(verdict, kind="login"),
    Misfit.OTHER_SUBJECT: _named("subject_id"),
    Misfit.OTHER_SESSION: _named("session_id"),
    Misfit.OTHER_APPLICATION: lambda verdict, aim: replace(verdict, application_id=aim.other.application_id),
    Misfit.OTHER_STEP: lambda verdict, _: replace(verdict, step="limit_activation"),
    Misfit.OTHER_ATTEMPT: lambda verdict, aim: replace(verdict, attempt=aim.asked.attempt + 1),
    Misfit.OTHER_DRAW: _named("draw_id"),
    Misfit.OTHER_PAYEE: _named("payee_ref"),
    Misfit.OTHER_DEVICE: _named("device_id"),
    Misfit.OTHER_CURRENCY: lambda verdict, _: replace(verdict, currency="USD"),
    Misfit.OTHER_AMOUNT: _less,
    Misfit.OTHER_QUESTION: lambda verdict, aim: replace(verdict, event_id=aim.other.event_id),
    Misfit.EXPIRED: lambda verdict, aim: replace(verdict, expires_ms=aim.now_ms),
}
"""For each binding a verdict that is wrong in it alone; it is signed with the key that is trusted."""


def allow_for(aim: Aim) -> Verdict:
    """Return the allow that the attacker wishes for, under an id that nobody has seen."""
    wished = verdict_on(aim.asked, "allow", aim.now_ms)
    return replace(wished, verdict_id=str(aim.chance.getrandbits(100)))


def rebound(misfit: Misfit) -> Forgery:
    """Return the forgery that is wrong in one binding."""
    return lambda detect, aim: detect.sign(REBOUND[misfit](allow_for(aim), aim))


def flipped(detect: Detect, aim: Aim) -> Record:
    """One bit of a signed allow is another one."""
    record = detect.sign(allow_for(aim))
    value = bytearray(record.value)
    value[aim.chance.randrange(len(value))] ^= 1 << aim.chance.randrange(8)
    return record._replace(value=bytes(value))


def of_another_key(_: Detect, aim: Aim) -> Record:
    """Signed, and in order, by a key that nobody trusts."""
    signer, value = Signer(new_key_pair()[0]), msgspec.json.encode(allow_for(aim))
    return Record(value, signer.headers(value))


def under_a_trusted_name(detect: Detect, aim: Aim) -> Record:
    """Signed by another key that goes by the name of the trusted one."""
    forged = of_another_key(detect, aim)
    trusted = dict(detect.sign(allow_for(aim)).headers)[KEY_ID_HEADER]
    return forged._replace(
        headers=[(KEY_ID_HEADER, trusted), (SIGNATURE_HEADER, dict(forged.headers)[SIGNATURE_HEADER])]
    )


def reworded(detect: Detect, aim: Aim) -> Record:
    """A block's signature over a text that says allow."""
    allow = allow_for(aim)
    return detect.sign(replace(allow, decision="block"))._replace(value=msgspec.json.encode(allow))


def unsigned(_: Detect, aim: Aim) -> Record:
    """Nobody vouches for it."""
    return Record(msgspec.json.encode(allow_for(aim)), [])


UNVOUCHED: Mapping[str, Forgery] = {
    "flipped": flipped,
    "of_another_key": of_another_key,
    "under_a_trusted_name": under_a_trusted_name,
    "reworded": reworded,
    "unsigned": unsigned,
}
FORGERIES: Mapping[str, Forgery] = UNVOUCHED | {str(misfit): rebound(misfit) for misfit in REBOUND}
