"""The protocol's parts, taken out of the running code one at a time, to see whether the oracle notices."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.cutting import Cut, recut
from tests.simulation.ports import scripts

from menshen.detect.loop import Loop
from menshen.detect.ownership.partition import Partition
from menshen.detect.ownership.takeover import Takeover
from menshen.detect.portion import Portion, turns
from menshen.detect.worker import Worker
from menshen.fraud.subject import RecentEvents


class Mutation(NamedTuple):
    """What is different, in words and in the code, and the family of weather that shows it soonest.

    `red_at` is a seed that showed it once: where to begin to look.
    """

    what: str
    shown_by: str
    cuts: tuple[Cut, ...]
    red_at: int = 0


_CLAIM = "owned = await self._takeover.claim(number, self._n_partitions())"
_START_COMMITTED = Cut(Worker._claim, _CLAIM, f"{_CLAIM}\n        owned.position = await self._committed(where)")
_TAKE = "while batch := owned.take(self._settings.batch_max):"
_COMMIT = "with contextlib.suppress(KafkaError):"
_TO_NEXT = "await self._consumer.commit({TopicPartition(EVENTS, owned.number): batch[-1].offset + 1})"
_COMMIT_FIRST = Cut(Worker._work, _TAKE, f"{_TAKE}\n            {_COMMIT}\n                {_TO_NEXT}")
_PUBLISH = 'with stopwatch.stage("publish"):'
_SAVE = "for p in _sound(portions):\n        self._remember(p)\n        await self.save(p.owned)\n    "
_VERDICTS = "[self._signed(v) for j in judged for v in j.outcome.verdicts if v.verdict_id not in owned.answered]"
_ASSESSMENTS = "owned.published_end = await self._append(ASSESSMENTS, owned, records, owned.published_end)"
_EARLY = f"owned.answered_end = await self._append(VERDICTS, owned, {_VERDICTS}, owned.answered_end)\n    "
_ENCODED = "msgspec.json.encode(j.outcome.assessment)"
_RENAMED = 'msgspec.structs.replace(j.outcome.assessment, assessment_id=f"{owned.position} {owned.claim.token}")'
_NO_TOKEN, _NO_MARK = 'slot.get("owner") != token', 'slot.get("mark", b"-1") != mark'
_SAVE_NO_TOKEN, _SAVE_NO_MARK = Cut(scripts.save, _NO_TOKEN, "False"), Cut(scripts.save, "stands_at != mark", "False")

MUTATIONS: Mapping[str, Mutation] = {
    "open_no_token": Mutation(
        "open does not check the token", "zombies", (Cut(scripts.open, _NO_TOKEN, "False"),), red_at=25
    ),
    "open_no_mark": Mutation(
        "open does not check the mark", "loss", (Cut(scripts.open, _NO_MARK, "False"),), red_at=962
    ),
    "save_no_token": Mutation("save does not check the token", "all", (_SAVE_NO_TOKEN,), red_at=39),
    "save_no_mark": Mutation("save does not check the mark", "loss", (_SAVE_NO_MARK,), red_at=46),
    "save_unchecked": Mutation(
        "save checks neither token nor mark", "zombies", (_SAVE_NO_TOKEN, _SAVE_NO_MARK), red_at=1
    ),
    "no_intent": Mutation(
        "no intent is stored",
        "zombies",
        (Cut(scripts.open, 'space.put(keys[0], {**slot, "first": first, "last": last, "intent": intent})', "pass"),),
        red_at=2,
    ),
    "overrun": Mutation(
        "a batch may run over a stored intent, and replaces it",
        "zombies",
        (
            Cut(Partition.take, "record.offset < intent.first", "True"),
            Cut(scripts.open, "stored < int(first)", "True"),
        ),
        red_at=10,
    ),
    "save_drops_intent": Mutation(
        "save deletes an intent that lies beyond its mark",
        "zombies",
        (Cut(scripts.save, '"first" in slot and int(slot["first"]) <= int(new_mark)', "True"),),
        red_at=715,
    ),
    "no_journal": Mutation(
        "what is published beyond the mark is not remembered",
        "zombies",
        (Cut(Takeover._read_journal, "entry.offset >= owned.position", "False"),),
    ),
    "vmark_unstored": Mutation(
        "the journal is looked for from the end of the assessments",
        "zombies",
        (Cut(Takeover._read_journal, "max(first, owned.published_end)", "end"),),
    ),
    "no_hold": Mutation(
        "records of events beyond the mark do not hold vmark back",
        "loss",
        (Cut(Partition.marks, "min(chain(journaled, noted), default=self.published_end)", "self.published_end"),),
        red_at=21,
    ),
    "no_hold_for_shed": Mutation(
        "what was shed beyond the mark does not hold vmark back",
        "loss",
        (Cut(Partition.marks, "chain(journaled, noted)", "journaled"),),
        red_at=1086,
    ),
    "shed_unknown": Mutation(
        "a new owner does not know what was shed beyond the mark",
        "zombies",
        (Cut(Takeover._find_shed, "offset >= owned.position", "False"),),
        red_at=5,
    ),
    "shed_though_judged": Mutation(
        "what is published as judged may still be shed",
        "zombies",
        (Cut(Portion.choose, "offset not in owned.judged", "True"),),
    ),
    "shed_after_judged": Mutation(
        "who was overtaken sheds what is judged, and is believed",
        "all",
        (Cut(Takeover._find_shed, "offset not in owned.judged", "True"),),
        red_at=1789,
    ),
    "shed_untold": Mutation(
        "nothing is written of what is shed",
        "zombies",
        (Cut(Loop._publish, "offset not in owned.shed]", "False]"),),
    ),
    "no_readd": Mutation(
        "shared entries are not added again",
        "loss",
        (Cut(Takeover.claim, "claim.run != run and owned.position > 0", "False"),),
        red_at=16,
    ),
    "run_unwatched": Mutation(
        "nobody notices that Redis was started anew",
        "loss",
        (Cut(Loop._observe, "self._store.run != owned.claim.run", "False"),),
        red_at=70,
    ),
    "no_degrade": Mutation(
        "where the log is cut off the worker goes on at its beginning",
        "loss",
        (Cut(Takeover.refuse_a_gap, "first > owned.position", "False"),),
        red_at=1,
    ),
    "start_committed": Mutation("work starts at the committed offset", "loss", (_START_COMMITTED,), red_at=1),
    "save_before_publish": Mutation(
        "save, then publish", "zombies", (Cut(Loop._round, _PUBLISH, f"{_SAVE}{_PUBLISH}"),)
    ),
    "commit_first": Mutation(
        "commit, then judge, and start at the committed offset", "zombies", (_COMMIT_FIRST, _START_COMMITTED)
    ),
    "no_ask": Mutation(
        "after STALE a worker leaves the partition without asking the group",
        "loss",
        (Cut(Worker._work, 'self._forget(owned, f"stale: {stale}")', "self._owned.pop(owned.number, None)"),),
        red_at=2,
    ),
    "two_drives": Mutation(
        "a partition is claimed again while it is still worked on",
        "zombies",
        (Cut(Worker._claim, "(before and not before.done())", "False"),),
    ),
    "unlocked": Mutation(
        "a partition that is given away is saved amid a batch",
        "zombies",
        (Cut(Worker._drive, "async with owned.busy:", "if True:"),),
        red_at=25,
    ),
    "fenced_publishes": Mutation(
        "a refused owner publishes its batch all the same",
        "zombies",
        (Cut(scripts.open, '[b"STALE"]', '[b"OK", last, intent, *(space.get(key) for key in keys[1:])]'),),
        red_at=11,
    ),
    "no_memory": Mutation(
        "subjects do not remember events",
        "zombies",
        (
            Cut(
                RecentEvents.with_event,
                "RecentEvents(self.packed[-(window - 1) * _ENTRY_BYTES :] + (key + content))",
                "self",
            ),
        ),
    ),
    "w_new_only": Mutation(
        "no verdicts for events that are in the journal",
        "zombies",
        (Cut(Loop._publish, "v.verdict_id not in owned.answered", "j.arrival.key not in owned.journal"),),
    ),
    "w_before_v": Mutation(
        "verdicts are published before assessments",
        "loss",
        (
            Cut(Loop._publish, _ASSESSMENTS, f"{_EARLY}{_ASSESSMENTS}"),
            Cut(Loop._publish, "answers = [self._signed(verdict) for verdict in verdicts]", "answers = []"),
        ),
        red_at=37,
    ),
    "others_unnoticed": Mutation(
        "nobody notices that another owner published in between",
        "all",
        (Cut(Loop._append, "new_end - len(records) != end", "False"),),
        red_at=22,
    ),
    "random_ids": Mutation(
        "the same event's records bear another id each time",
        "zombies",
        (Cut(Loop._publish, _ENCODED, f"msgspec.json.encode({_RENAMED})"),),
    ),
    "batch_in_step": Mutation(
        "the step sees an event's place in its batch",
        "zombies",
        (
            Cut(
                turns,
                "record.timestamp, arrival.content_crc",
                "record.timestamp + record.offset - portion.batch.first, arrival.content_crc",
            ),
        ),
    ),
}
"""By name. Two parts are not among them. Nothing meets the answer DONE, since no worker repeats a save: after a lost
reply it claims anew. And a worker that claims without asking does no lasting harm: the next heartbeat tells it.
"""


@contextmanager
def mutated(name: str | None) -> Iterator[None]:
    """Take a part out while inside; nothing without a name."""
    cuts = defaultdict[Callable[..., Any], list[Cut]](list)
    for cut in MUTATIONS[name].cuts if name else ():
        cuts[cut.function].append(cut)
    whole = {function: function.__code__ for function in cuts}
    try:
        for function, of_function in cuts.items():
            function.__code__ = recut(function, of_function)  # type: ignore[attr-defined]
        yield
    finally:
        for function, code in whole.items():
            function.__code__ = code  # type: ignore[attr-defined]
