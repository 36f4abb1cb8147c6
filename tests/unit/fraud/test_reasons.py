import re

import pytest

from menshen.fraud.detectors import DETECTORS
from menshen.fraud.policy import OTHER_CODES
from menshen.fraud.reasons import REASONS, Explanation, bits_of, codes_of

CODES = {*OTHER_CODES, *(code for detector in DETECTORS for code in detector.codes)}
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


def test_a_set_of_codes_comes_back_from_its_bits() -> None:
    for codes in (set(), {"NEW_DEVICE"}, {"ANOMALY", "EXPOSURE"}, set(REASONS)):
        assert codes_of(bits_of(codes)) == codes
    assert bits_of(["ANOMALY", "ANOMALY", "NO_SUCH_CODE"]) == bits_of(["ANOMALY"])


def test_the_places_of_codes_in_the_catalogue_do_not_change() -> None:
    """They stand in the memory of subjects: only add to the end of this list."""
    given = (
        "NEW_DEVICE SHARED_DEVICE IMPOSSIBLE_TRAVEL GPS_IP_MISMATCH MOCKED_LOCATION TYPING_MISMATCH INHUMAN_TYPING "
        "FAILED_LOGINS NIGHT_DEVICE_SWITCHING LEARNED_RISK ANOMALY EXPOSURE"
    )
    assert [bits_of([code]) for code in given.split()] == [1 << place for place in range(len(REASONS))]
