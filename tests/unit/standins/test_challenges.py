import re

import pytest
from msgspec.structs import replace

from menshen.standins.challenges import TRIES, AnotherRequest, Answered, Challenges, NoSuchChallenge, Request
from menshen.standins.proofs import Faces, Phones

REQUEST = Request(method="otp", subject_id="s1", device_id="d1")
PASSED = Answered(outcome="passed", remaining=0)


def failed(remaining: int) -> Answered:
    return Answered(outcome="failed", remaining=remaining)


@pytest.fixture
def phones() -> Phones:
    return Phones()


@pytest.fixture
def codes(phones: Phones) -> Challenges:
    return Challenges("otp", phones)


def code_on(phones: Phones, subject_id: str = "s1") -> str:
    message = phones.last(subject_id)
    assert message
    return message.code


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_the_code_on_the_phone_passes(phones: Phones, codes: Challenges) -> None:
    assert codes.issue("c1", REQUEST)
    assert codes.answer("c1", code_on(phones)) == PASSED


def test_a_wrong_code_costs_a_try_and_the_right_one_still_passes_at_the_last(phones: Phones, codes: Challenges) -> None:
    codes.issue("c1", REQUEST)
    code = code_on(phones)
    assert [codes.answer("c1", wrong(code)) for _ in range(TRIES - 1)] == [failed(2), failed(1)]
    assert codes.answer("c1", code) == PASSED


def test_after_the_last_try_the_right_code_passes_no_more(phones: Phones, codes: Challenges) -> None:
    codes.issue("c1", REQUEST)
    code = code_on(phones)
    assert [codes.answer("c1", wrong(code)) for _ in range(TRIES)][-1] == failed(0)
    assert codes.find("c1").final == failed(0)
    assert codes.answer("c1", code) == failed(0)


def test_what_has_passed_stays_passed(phones: Phones, codes: Challenges) -> None:
    codes.issue("c1", REQUEST)
    codes.answer("c1", code_on(phones))
    assert codes.find("c1").final == PASSED
    assert codes.answer("c1", "000000") == PASSED


def test_issuing_again_sends_no_other_code_and_gives_no_new_tries(phones: Phones, codes: Challenges) -> None:
    codes.issue("c1", REQUEST)
    before = phones.last("s1")
    codes.answer("c1", wrong(code_on(phones)))
    assert not codes.issue("c1", REQUEST)
    assert phones.last("s1") == before
    assert codes.answer("c1", wrong(code_on(phones))) == failed(1)


@pytest.mark.parametrize("changed", [{"subject_id": "s2"}, {"device_id": "d2"}, {"method": "face"}])
def test_a_challenge_is_not_issued_again_for_something_else(
    phones: Phones, codes: Challenges, changed: dict[str, str]
) -> None:
    codes.issue("c1", REQUEST)
    with pytest.raises(AnotherRequest):
        codes.issue("c1", replace(REQUEST, **changed))
    assert phones.last("s2") is None


def test_each_challenge_has_its_own_code_and_the_phone_shows_the_last(phones: Phones, codes: Challenges) -> None:
    sent = {}
    for n in range(20):
        codes.issue(f"c{n}", REQUEST)
        message = phones.last("s1")
        assert message
        sent[message.challenge_id] = message.code
    assert list(sent) == [f"c{n}" for n in range(20)]
    assert len(set(sent.values())) > 10
    assert all(re.fullmatch(r"[0-9]{6}", code) for code in sent.values())
    assert codes.answer("c0", sent["c0"]) == PASSED


def test_a_code_passes_for_its_own_subject_alone(phones: Phones, codes: Challenges) -> None:
    codes.issue("c1", REQUEST)
    codes.issue("c2", replace(REQUEST, subject_id="s2"))
    while code_on(phones, "s2") == code_on(phones):
        codes.issue(f"c2-{code_on(phones, 's2')}", replace(REQUEST, subject_id="s2"))
    assert codes.answer("c1", code_on(phones, "s2")) == failed(2)


def test_a_face_passes_if_it_is_the_subjects() -> None:
    faces = Faces()
    challenges = Challenges("face", faces)
    for challenge_id in ("c1", "c2"):
        challenges.issue(challenge_id, replace(REQUEST, method="face"))
    assert challenges.answer("c1", "face-of-s1") == PASSED
    faces.script("s1", "somebody else")
    assert challenges.answer("c2", "face-of-s1") == failed(2)
    assert challenges.answer("c2", "somebody else") == PASSED


def test_a_challenge_that_nobody_issued_is_not_answered(codes: Challenges) -> None:
    with pytest.raises(NoSuchChallenge):
        codes.answer("c1", "000000")
