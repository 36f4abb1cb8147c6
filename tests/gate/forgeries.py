"""Bad verdicts by the thousand against the real agent, on a database of its own: none of them may do anything.

    python -m tests.gate.forgeries [--count 100000] [--seed 1] [--database URL] [--json]

A draw awaits its verdict the whole time. Every record is wrong in one thing: a bit, the key, the signature, one binding
(as nobody signed it, and as detect's own key signed it), or that it was used before. Status 0: none was accepted,
nothing has changed but the inbox, and the honest verdict that came last was heeded.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec
import structlog
from msgspec.structs import replace
from pytest import MonkeyPatch
from sqlalchemy import select
from tests.gate.forging import REBOUND, UNVOUCHED, Aim, Forgery, allow_for, rebound
from tests.gate.office import Place
from tests.gate.signing import Detect, Record
from tests.unit.onboard.counter import Counter as Counted

from menshen.contract.opening import Misfit
from menshen.contract.verdict import KEY_ID_HEADER, SIGNATURE_HEADER
from menshen.onboard import verdicts
from menshen.onboard.inbox import Fate
from menshen.onboard.sql.tables import METADATA
from menshen.onboard.verdicts import VerdictAgent

AT_ONCE = 200
OTHER = Place("a2", "eligibility")
ACCEPTED = (Fate.HEEDED, Fate.REVOKES)


class Report(NamedTuple):
    """`fates` counts what became of each kind of forgery; `heeded` says whether the honest verdict was."""

    count: int
    accepted: int
    unchanged: bool
    heeded: bool
    seconds: float
    fates: dict[str, dict[str, int]]

    @property
    def holds(self) -> bool:
        """Whether the gate has held."""
        return self.accepted == 0 and self.unchanged and self.heeded


def changed_after_signing(misfit: Misfit) -> Forgery:
    """Return the forgery that says something else than what was signed."""

    def forge(detect: Detect, aim: Aim) -> Record:
        allow = allow_for(aim)
        return detect.sign(allow)._replace(value=msgspec.json.encode(REBOUND[misfit](allow, aim)))

    return forge


def flipped_in(header: str) -> Forgery:
    """Return the forgery in one of whose headers a bit is another one."""

    def forge(detect: Detect, aim: Aim) -> Record:
        record = detect.sign(allow_for(aim))
        said = bytearray(dict(record.headers)[header])
        said[aim.chance.randrange(len(said))] ^= 1 << aim.chance.randrange(8)
        return record._replace(headers=[*dict(record.headers, **{header: bytes(said)}).items()])

    return forge


def used_before(detect: Detect, aim: Aim) -> Record:
    """A verdict that has opened another gate, as it was."""
    return detect.sign(aim.chance.choice(_used(detect, aim)))


def under_a_used_id(detect: Detect, aim: Aim) -> Record:
    """An answer to this very question, signed, under the id of a verdict that was used."""
    return detect.sign(replace(allow_for(aim), verdict_id=aim.chance.choice(_used(detect, aim)).verdict_id))


def _used(detect: Detect, aim: Aim) -> list[Any]:
    return [said for said in detect.honest.values() if said.event_id != aim.asked.event_id]


KINDS: Mapping[str, Forgery] = {
    **UNVOUCHED,
    "flipped_in_the_signature": flipped_in(SIGNATURE_HEADER),
    "flipped_in_the_key_id": flipped_in(KEY_ID_HEADER),
    "used_before": used_before,
    "under_a_used_id": under_a_used_id,
    **{f"{misfit} as nobody signed it": changed_after_signing(misfit) for misfit in REBOUND},
    **{f"{misfit} as detect signed it": rebound(misfit) for misfit in REBOUND},
}


async def attack(url: str, count: int, seed: int) -> Report:
    """Send so many forgeries, each kind in its turn, and then the honest verdict."""
    began_s, chance, fates = time.monotonic(), Random(seed), Counter[tuple[str, str]]()
    with Counted(url) as counted, MonkeyPatch.context() as patch:
        counted.at_the_line().draw()
        counted.office.open("a2", "s2")
        counted.office.come(OTHER)
        aim = Aim(counted.question(), counted.question(OTHER), counted.office.clock.now_ms, chance)
        patch.setattr(verdicts, "clock_ms", counted.office.clock)
        agent, before = VerdictAgent(counted.office.desk, counted.detect.keys), _everything_but_the_inbox(counted)
        names = [list(KINDS)[n % len(KINDS)] for n in range(count)]
        for start in range(0, count, AT_ONCE):
            some = names[start : start + AT_ONCE]
            forged = [KINDS[name](counted.detect, aim) for name in some]
            fates.update(zip(some, await _taken(agent, forged, aim.now_ms), strict=True))
        unchanged = _everything_but_the_inbox(counted) == before
        (last,) = await _taken(agent, [counted.signed()], aim.now_ms)
        await counted.office.close()
    accepted = sum(n for (_, fate), n in fates.items() if fate in ACCEPTED)
    took_s = round(time.monotonic() - began_s, 1)
    return Report(count, accepted, unchanged, last == Fate.HEEDED, took_s, _by_kind(fates))


async def _taken(agent: VerdictAgent, records: Sequence[Record], now_ms: int) -> list[str]:
    return await agent.take([verdicts.Record(record.value, record.headers, now_ms) for record in records])


def _everything_but_the_inbox(counted: Counted) -> list[Sequence[Any]]:
    tables = [table for table in METADATA.sorted_tables if table.name != "inbox"]
    queries = [select(table).order_by(*table.primary_key) for table in tables]
    return counted.office.database.read(lambda c: [c.execute(query).all() for query in queries])


def _by_kind(fates: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    return {kind: {str(fate): n for (of, fate), n in sorted(fates.items()) if of == kind} for kind in KINDS}


def main() -> int:
    """Attack, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.gate.forgeries", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000, help="how many forgeries")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="a URL of an empty database; a file of its own unless it is given")
    parser.add_argument("--json", action="store_true", help="the report as one line of JSON")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="menshen-") as folder:
        url = asked.database or f"sqlite:///{Path(folder) / 'gate.db'}"
        report = asyncio.run(attack(url, asked.count, asked.seed))
    if asked.json:
        print(json.dumps(report._asdict()))
    else:
        for kind, fates in report.fates.items():
            print(f"{kind:40} {fates}")
        print(f"{report.accepted} of {report.count} accepted, in {report.seconds} s")
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
