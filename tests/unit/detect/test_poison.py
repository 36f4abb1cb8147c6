"""The share of dead letters is of the newest records, and what is usual at the start of a process is no alarm."""

import pytest

from menshen.detect.poison import DeadLetterShare, PoisonWatch
from menshen.shell import metrics
from menshen.shell.errors import Refusal
from menshen.shell.settings import DetectSettings, SettingsError, read_settings

GIVEN = {"MENSHEN_PEPPER": "p" * 16, "MENSHEN_SIGNING_KEY": "k" * 32}


def watch(window: int = 1000, alarm_percent: int = 5, stop_percent: int = 50) -> PoisonWatch:
    own = {"WINDOW": window, "ALARM_PERCENT": alarm_percent, "STOP_PERCENT": stop_percent}
    return PoisonWatch(
        read_settings(DetectSettings, GIVEN | {f"MENSHEN_DEAD_LETTER_{name}": str(n) for name, n in own.items()})
    )


def test_the_share_is_of_the_whole_window_also_while_it_fills() -> None:
    share = DeadLetterShare(1000)
    assert share.percent == 0
    share.add(2, 1)
    assert share.percent == 0.1
    share.add(998, 99)
    assert share.percent == 10


def test_what_the_window_has_left_behind_counts_no_more() -> None:
    share = DeadLetterShare(100)
    share.add(60, 60)
    share.add(60, 0)
    assert share.percent == 50, "without the first batch fewer than 100 records would be left"
    share.add(60, 0)
    assert (share.n_records, share.n_dead) == (120, 0)


def test_in_a_batch_larger_than_the_window_every_record_counts_alike() -> None:
    share = DeadLetterShare(100)
    share.add(400, 100)
    assert share.percent == 25
    share.add(100, 0)
    assert share.percent == 0


def test_a_share_batch_by_batch_is_that_of_a_recount() -> None:
    batches = [((7 * n) % 23 + 1, (5 * n) % 11 % ((7 * n) % 23 + 1)) for n in range(300)]
    share = DeadLetterShare(100)
    for n, batch in enumerate(batches, 1):
        share.add(*batch)
        newest = next(
            (batches[n - k : n] for k in range(1, n) if sum(b[0] for b in batches[n - k : n]) >= 100), batches[:n]
        )
        n_records, n_dead = (sum(column) for column in zip(*newest, strict=True))
        assert share.percent == 100 * n_dead / max(100, n_records)


async def test_the_alarm_stands_above_its_share_and_not_at_it() -> None:
    poison = watch()
    poison.count(50, 50)
    assert await poison.readiness() is None
    poison.count(1, 1)
    assert await poison.readiness() == ("51 of the last 51 records are dead letters, over 5 %: see `menshen dlq list`")
    assert metrics.REGISTRY.get_sample_value("menshen_detect_dead_letter_share") == 0.051
    poison.count(949, 0)
    assert await poison.readiness()
    poison.count(50, 0)
    assert await poison.readiness() is None


def test_the_alarm_is_logged_once_when_it_begins_and_once_when_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    poison = watch(window=100)
    for n_records, n_dead in ((100, 100), (100, 100), (100, 0), (100, 0)):
        poison.count(n_records, n_dead)
    told = "".join(capsys.readouterr())
    assert told.count("an unusual share") == 1
    assert told.count("as usual again") == 1
    assert told.index("an unusual share") < told.index("as usual again")


def test_a_flood_is_refused_above_its_share_and_the_message_says_what_to_do() -> None:
    poison = watch()
    poison.count(1000, 500)
    assert not poison.flooded
    poison.refuse_a_flood()
    poison.count(1000, 501)
    assert poison.flooded
    with pytest.raises(Refusal, match=r"501 of the last 1000 .* over 50 %: `menshen dlq list` .*STOP_PERCENT=100"):
        poison.refuse_a_flood()


async def test_one_hundred_means_never() -> None:
    poison = watch(alarm_percent=100, stop_percent=100)
    poison.count(5000, 5000)
    assert not poison.flooded
    assert await poison.readiness() is None


def test_the_worker_cannot_stop_before_it_has_raised_the_alarm() -> None:
    with pytest.raises(SettingsError, match=r"STOP_PERCENT must not be below MENSHEN_DEAD_LETTER_ALARM_PERCENT"):
        watch(alarm_percent=20, stop_percent=19)
    watch(alarm_percent=20, stop_percent=20)
