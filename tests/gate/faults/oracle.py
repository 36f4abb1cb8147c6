"""What must hold however it broke: each invariant by its name, and what is wrong with it where it does not hold."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from tests.gate.faults.evidence import Evidence
from tests.gate.faults.stage.bank import Movement
from tests.gate.faults.stage.broker import Logged
from tests.gate.faults.stage.customers import LIMIT

from menshen.contract.topics import EVENTS, ONBOARDING
from menshen.contract.verdict import Verdict
from menshen.loan.workflow import TABLE

PAID = ("done", "repaid")
OF_CUSTOMERS = ("Advanced", "Proved", "ProofFailed", "Lifted", "Upheld", "Repaid")
UNDECIDED = ("asked", "sending")
GRACE_MS = 2_000


def one_transfer_a_draw(seen: Evidence) -> Iterator[str]:
    """The bank moves money for a draw once at most."""
    paid = Counter((it.order.application_id, it.order.draw_id) for it in seen.outside.bank.movements)
    yield from (f"{draw} was paid {n} times" for draw, n in paid.items() if n > 1)


def the_bank_and_the_gate_agree(seen: Evidence) -> Iterator[str]:
    """A draw is done exactly if the bank has moved its money."""
    moved = {(it.order.application_id, it.order.draw_id) for it in seen.outside.bank.movements}
    for kept in seen.gates:
        named = (kept.gate.application_id, kept.gate.draw_id)
        if kept.gate.is_transfer and (kept.gate.state in PAID) != (named in moved):
            yield f"{named} is {kept.gate.state}, and its money has {'' if named in moved else 'not '}moved"


def no_money_without_an_allow(seen: Evidence) -> Iterator[str]:
    """Each order left on an allow that was valid for it at that time, as far as the office could know."""
    for movement in seen.outside.bank.movements:
        order = movement.order
        allows = [v for v in seen.outside.said.values() if v.kind == "gate" and v.decision == "allow"]
        about = [v for v in allows if (v.application_id, v.draw_id) == (order.application_id, order.draw_id)]
        faults = [next(_faults(seen, movement, allow), None) for allow in about]
        if None not in faults:
            yield f"{order.application_id} {order.draw_id}: {'; '.join(map(str, faults)) or 'nobody has allowed it'}"


def _faults(seen: Evidence, movement: Movement, allow: Verdict) -> Iterator[str]:
    order, asked = movement.order, seen.outside.asked[allow.event_id]
    draw = (order.application_id, order.draw_id)
    same = [q for q in seen.outside.asked.values() if (q.application_id, q.draw_id) == draw]
    if not allow.decided_ms <= movement.sent_ms < allow.expires_ms:
        yield f"it left {movement.sent_ms - allow.expires_ms} ms after its allow was void"
    if max(q.attempt for q in same if q.occurred_ms <= movement.looked_ms) != allow.attempt:
        yield "another attempt had followed"
    if (order.payee_ref, order.currency) != (asked.payee_ref, asked.currency):
        yield "it went to another payee, or in another currency"
    if order.amount > Decimal(allow.amount_max or 0):
        yield "it was more than was allowed"
    if any(heard_ms < movement.looked_ms for heard_ms in _revoked_ms(seen, allow)):
        yield "it had been taken back"


def _revoked_ms(seen: Evidence, allow: Verdict) -> Iterator[int]:
    for value, heard_ms in seen.outside.heard_ms.items():
        if msgspec.json.decode(value, type=Verdict).revokes == allow.verdict_id:
            yield heard_ms


def no_more_money_than_allowed(seen: Evidence) -> Iterator[str]:
    """What has moved is within what allows were given for, and what is out is within the limit."""
    allowed = {v.event_id: v for v in seen.outside.said.values() if v.kind == "gate" and v.decision == "allow"}
    by_draw = {(v.application_id, v.draw_id): Decimal(v.amount_max or 0) for v in allowed.values()}
    moved = sum((it.order.amount for it in seen.outside.bank.movements), Decimal(0))
    if moved > sum(by_draw.values()):
        yield f"{moved} has moved, {sum(by_draw.values())} was allowed"
    out = defaultdict[str, Decimal](Decimal)
    for kept in seen.gates:
        if kept.gate.is_transfer and kept.gate.state == "done":
            out[kept.gate.application_id] += kept.gate.amount or 0
    yield from (f"{name} has {amount} out of {LIMIT}" for name, amount in out.items() if amount > LIMIT)


def a_recall_is_called(seen: Evidence) -> Iterator[str]:
    """What has taken effect on an allow that was taken back calls a person, once; nothing else does."""
    calls = Counter(row.gate_id for row in seen.tables["alerts"] if row.code == "RECALL")
    taken_back = Counter(row.revokes for row in seen.tables["inbox"] if row.fate == "REVOKES")
    for kept in seen.gates:
        wanted = taken_back[kept.gate.verdict_id] if kept.gate.state in PAID else 0
        if calls[kept.gate_id] != wanted:
            yield f"{kept.gate_id} is {kept.gate.state}: {calls[kept.gate_id]} recalls, where there should be {wanted}"


def one_text_an_id(seen: Evidence) -> Iterator[str]:
    """Whatever is published again is the same to the byte."""
    for topic, field in ((EVENTS, "event_id"), (ONBOARDING, "record_id")):
        texts = defaultdict[str, set[bytes]](set)
        for record in seen.outside.broker.logs[topic]:
            texts[msgspec.json.decode(record.value)[field]].add(record.value)
        yield from (f"{name} has {len(said)} texts" for name, said in texts.items() if len(said) > 1)


def every_change_is_told(seen: Evidence) -> Iterator[str]:
    """The log has each change of an application, numbered without gaps, and in its order."""
    told = _first_of_each(seen.outside.broker.logs[ONBOARDING], "record_id")
    for row in seen.tables["applications"]:
        written = [h.body for h in seen.tables["history"] if h.application_id == row.application_id]
        if told[row.application_id] != written:
            yield f"{row.application_id}: {len(written)} changes, {len(told[row.application_id])} told"
        numbers = [msgspec.json.decode(body)["number"] for body in written]
        if numbers != list(range(1, row.n_changes + 1)):
            yield f"{row.application_id}: {row.n_changes} changes, numbered {numbers}"


def every_event_is_told(seen: Evidence) -> Iterator[str]:
    """The log has each event of an application, numbered without gaps, in its order; every question is among them."""
    told = _first_of_each(seen.outside.broker.logs[EVENTS], "event_id")
    for row in seen.tables["applications"]:
        numbers = [msgspec.json.decode(body)["seq"] for body in told[row.application_id]]
        if numbers != list(range(row.n_events)):
            yield f"{row.application_id}: {row.n_events} events, told {numbers}"
    texts = {record.value for record in seen.outside.broker.logs[EVENTS]}
    yield from (f"{row.event_id} was never asked" for row in seen.tables["questions"] if row.body not in texts)


def _first_of_each(log: list[Logged], field: str) -> defaultdict[str, list[bytes]]:
    """Return what a reader keeps who drops what it knows, by application."""
    known, kept = set[str](), defaultdict[str, list[bytes]](list)
    for record in log:
        said: dict[str, Any] = msgspec.json.decode(record.value)
        if said[field] not in known:
            known.add(said[field])
            kept[said["application_id"]].append(record.value)
    return kept


def no_verdict_is_lost(seen: Evidence) -> Iterator[str]:
    """Each verdict in the log stands in the inbox."""
    kept = {row.verdict_id for row in seen.tables["inbox"]}
    yield from (f"{verdict_id} is in no inbox" for verdict_id in seen.outside.said if verdict_id not in kept)


def a_verdict_counts_once(seen: Evidence) -> Iterator[str]:
    """However often it came, a verdict has changed one gate, once, or none."""
    facts = Counter((change.application_id, change.fact) for change in seen.history)
    fates = Counter((row.application_id, row.fate) for row in seen.tables["inbox"])
    for row in seen.tables["applications"]:
        for fact, fate in (("Answered", "HEEDED"), ("Revoked", "REVOKES")):
            n_facts, n_fates = facts[row.application_id, fact], fates[row.application_id, fate]
            if n_facts != n_fates:
                yield f"{row.application_id}: {n_facts} times {fact}, {n_fates} verdicts {fate}"


def a_request_counts_once(seen: Evidence) -> Iterator[str]:
    """However often it was sent, a request is done once where it was answered, and not at all elsewhere."""
    facts = Counter(change.application_id for change in seen.history if change.fact in OF_CUSTOMERS)
    instead = Counter(change.application_id for change in seen.history if change.fact == "RetryDue")
    replies = Counter(row.idempotency_key.split()[0] for row in seen.tables["replies"])
    for row in seen.tables["applications"]:
        n_done, n_answered = facts[row.application_id], replies[row.application_id] - 1  # one for its opening
        if not n_done <= n_answered <= n_done + instead[row.application_id]:
            yield f"{row.application_id}: {n_answered} requests answered, {n_done} done"


def every_challenge_is_issued(seen: Evidence) -> Iterator[str]:
    """The service of challenges has heard of each."""
    issued = (row.challenge_id for row in seen.tables["challenges"])
    yield from (f"challenge {name} was never issued" for name in issued if not seen.outside.challenged.get(name))


def the_table_allows_it(seen: Evidence) -> Iterator[str]:
    """Each change is a row of the workflow's table, and begins where the one before it ended."""
    rows = {(state, row.fact.__name__, row.then) for row in TABLE for state in row.states}
    states = defaultdict[tuple[str, str, str | None], str](lambda: "waiting")
    for change in seen.history:
        gate = (change.application_id, change.step, change.draw_id)
        if (change.was, change.fact, change.state) not in rows or change.was != states[gate]:
            yield f"{gate}: {change.fact} led from {change.was} to {change.state}, after {states[gate]}"
        states[gate] = change.state
    for kept in seen.gates:
        gate = (kept.gate.application_id, kept.gate.step, kept.gate.draw_id)
        if kept.gate.state != states[gate]:
            yield f"{gate} is {kept.gate.state}, and its history ends in {states[gate]}"


def nothing_hangs(seen: Evidence) -> Iterator[str]:
    """What has a deadline has not outlived it, and what had to leave has left."""
    for kept in seen.gates:
        gate = kept.gate
        overdue = min((ms for ms in (gate.due_ms, gate.retry_ms) if ms is not None), default=seen.now_ms)
        if gate.state in UNDECIDED or (gate.is_transfer and gate.state == "open") or overdue < seen.now_ms - GRACE_MS:
            yield f"{gate.application_id} {gate.step} {gate.draw_id} is {gate.state} still"
    waiting = Counter(row.kind for row in seen.tables["outbox"] if row.sent_ms is None)
    yield from (f"{n} of kind {kind} wait to be sent" for kind, n in waiting.items())


def nobody_is_surprised(seen: Evidence) -> Iterator[str]:
    """No process ended at an error that nobody expected."""
    yield from seen.outside.bugs


def once_in_calm_weather(seen: Evidence) -> Iterator[str]:
    """Where nothing breaks nothing is sent twice, however many processes there are."""
    if not seen.outside.calm:
        return
    for topic, log in seen.outside.broker.logs.items():
        if n_again := len(log) - len({record.value for record in log}):
            yield f"{n_again} records of {topic} were sent again"
    yield from (f"{name} was ordered {n} times" for name, n in seen.outside.bank.told.items() if n > 1)
    yield from (f"challenge {name} was issued {n} times" for name, n in seen.outside.challenged.items() if n > 1)


INVARIANTS: Mapping[str, Callable[[Evidence], Iterator[str]]] = {
    check.__name__.replace("_", " "): check
    for check in (
        one_transfer_a_draw,
        the_bank_and_the_gate_agree,
        no_money_without_an_allow,
        no_more_money_than_allowed,
        a_recall_is_called,
        one_text_an_id,
        every_change_is_told,
        every_event_is_told,
        no_verdict_is_lost,
        a_verdict_counts_once,
        a_request_counts_once,
        every_challenge_is_issued,
        the_table_allows_it,
        nothing_hangs,
        nobody_is_surprised,
        once_in_calm_weather,
    )
}


NEED_A_STAGE = {
    "no money without an allow",
    "a request counts once",
    "no verdict is lost",
    "every challenge is issued",
    "once in calm weather",
}
OF_REAL_PROCESSES = INVARIANTS.keys() - NEED_A_STAGE
"""Those that can be seen from outside of real processes."""


def violations(seen: Evidence, names: Collection[str] = INVARIANTS.keys()) -> dict[str, list[str]]:
    """Return what does not hold, by the name of the invariant."""
    found = {name: list(INVARIANTS[name](seen)) for name in names}
    return {name: wrong for name, wrong in found.items() if wrong}
