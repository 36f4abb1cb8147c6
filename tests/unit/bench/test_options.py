"""A bench that could say nothing of waits does not begin."""

import pytest
from tests.bench.__main__ import _given


@pytest.mark.parametrize(
    "words", [["--rates", "1000,10"], ["--seconds", "0.9"], ["--rates", "", "--pressure", "--seconds", "0.9"]]
)
def test_too_few_events_at_a_rate_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        _given(words)
    assert ended.value.code == 2
    assert "fewer than 1,000 events say nothing of waits: more --seconds or higher --rates" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--rates", "", "--seconds", "0.1"], ["--rates", "50", "--seconds", "20"]])
def test_enough_events_or_no_waits_at_all_will_do(words: list[str]) -> None:
    assert _given(words)
