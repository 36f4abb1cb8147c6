import re

import pytest

from menshen.fraud.detectors import DETECTORS
from menshen.fraud.policy import LEARNED_CODES
from menshen.fraud.reasons import REASONS, Explanation

CODES = {*LEARNED_CODES, *(code for detector in DETECTORS for code in detector.codes)}
GIVING_AWAY = re.compile(
    r"device farm|typing|rhythm|GPS|IP address|mock|emulat|model|score|template|农场|击键|节奏|模型|分数|模板",
    re.IGNORECASE,
)


def test_every_code_that_can_be_given_has_an_entry() -> None:
    assert CODES - REASONS.keys() == set()


@pytest.mark.parametrize("explanation", REASONS.values(), ids=REASONS)
def test_an_entry_speaks_both_languages_to_both_readers(explanation: Explanation) -> None:
    for text in explanation:
        assert re.search("[\u4e00-\u9fff]", text.zh)
        assert re.search("[a-z]", text.en)
        assert text.en.endswith(".")
        assert text.zh.endswith("。")


@pytest.mark.parametrize("explanation", REASONS.values(), ids=REASONS)
def test_the_customer_is_not_told_which_signal_fired(explanation: Explanation) -> None:
    assert not GIVING_AWAY.search(explanation.customer.en + explanation.customer.zh)


def test_the_search_for_what_gives_away_bites() -> None:
    assert all(GIVING_AWAY.search(text) for text in ("your typing rhythm", "您的击键节奏", "the model's Score"))
