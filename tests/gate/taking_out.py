"""Takes a check out of the product, in the running code, to see whether anybody would notice."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pytest import MonkeyPatch
from tests.cutting import Cut, recut

from menshen.contract.opening import CHECKS, Misfit
from menshen.contract.signature import TrustedKeys
from menshen.loan import workflow
from menshen.onboard import inbox, paying, ports
from menshen.onboard.inbox import Inbox
from menshen.onboard.sender import Sender

OF_THE_GATE_THAT_IT_NAMES = (
    "(questions.c.gate_id == self._actor.store.gate_id(verdict.application_id, verdict.step, verdict.draw_id))"
    " & (questions.c.attempt == verdict.attempt)"
)
LAYERS: Mapping[str, Cut] = {
    "the signature": Cut(TrustedKeys.verify, "key_id not in self._keys", "True: return\n    if False"),
    "the question's id": Cut(Inbox._answer, "questions.c.event_id == verdict.event_id", OF_THE_GATE_THAT_IT_NAMES),
    "an id counts once": Cut(Inbox.take, "_known(connection, inbox.c.verdict_id == verdict.verdict_id)", "False"),
    "the inbox's primary key": Cut(
        inbox._remember,
        "    connection.execute(",
        "    _known(connection, inbox.c.verdict_id == verdict.verdict_id) or connection.execute(",
    ),
    "a question is answered once": Cut(inbox._spent, "return Fate.ANSWERED", "pass"),
    "what was taken back before": Cut(inbox._spent, "return Fate.REVOKED", "pass"),
    "what is taken back now": Cut(Inbox._revoke, "self._actor.act(connection, kept, Revoked(), now_ms=now_ms)", "pass"),
    "the newest attempt": Cut(Inbox._answer, "kept.gate.attempt != row.attempt", "False"),
    "fresh as sending begins": Cut(workflow.fresh, "m.now_ms < m.gate.expires_ms", "True"),
    "void if expired": Cut(paying.begin, "gate.doubted or now_ms >= expires_ms", "gate.doubted"),
    "void if doubted": Cut(paying.begin, "gate.doubted or now_ms >= expires_ms", "now_ms >= expires_ms"),
    "the last look at the clock": Cut(Sender._tell, "told.void or clock_ms() >= told.expires_ms", "told.void"),
    "one key a draw": Cut(ports.transfer_key, 'draw_id, "transfer"', 'str(__import__("uuid").uuid4()), "transfer"'),
}
"""What stands between a wrong verdict and the money, beside the bindings of `contract.opening.CHECKS`."""


def take_out(layers: Iterable[str], patch: MonkeyPatch) -> None:
    """Take layers out, until the patch is undone."""
    cuts = list[Cut]()
    for layer in layers:
        if layer in LAYERS:
            cuts.append(LAYERS[layer])
        else:
            patch.setitem(CHECKS, Misfit(layer), lambda *_: True)
    cut_out(cuts, patch)


def cut_out(cuts: Iterable[Cut], patch: MonkeyPatch) -> None:
    """Have functions say something else, until the patch is undone."""
    by_function = defaultdict[Callable[..., Any], list[Cut]](list)
    for cut in cuts:
        by_function[cut.function].append(cut)
    for function, of_function in by_function.items():
        patch.setattr(function, "__code__", recut(function, of_function))
