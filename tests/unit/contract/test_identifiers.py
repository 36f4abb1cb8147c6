"""A record's id is a function of what it names: the same on every machine, in every year."""

from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from menshen.contract.identifiers import as_uuid, record_digest, record_id

PARTS = st.tuples(*(st.text(max_size=6, alphabet="ab:é\n") for _ in range(4)))


def test_ids_never_change_from_release_to_release() -> None:
    """Golden values: another id for an event that is published already would be a second verdict."""
    assert record_id("tenant", "subject", "event", "verdict") == "a5aa08bf-7f2a-058a-86fe-c69653956141"
    assert record_id("tenant", "subject", "event", "assessment") == "c4671014-70af-4b57-c650-e64bb65a9bb0"
    assert record_id("", "", "", "") == "374708ff-f771-9dd5-979e-c875d56cd228"
    assert record_id("门神", "s", "e", "revoke:x") == "9e76c8dd-045a-b487-bf27-32f63306ce74"


@given(PARTS, PARTS)
def test_other_parts_give_another_id(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assume(one != other)
    assert record_id(*one) != record_id(*other)


def test_parts_do_not_run_together() -> None:
    cuts = [
        ("abc", "", "d", "e"),
        ("ab", "c", "d", "e"),
        ("", "abc", "d", "e"),
        ("a", "bc", "de", ""),
        ("abc", "d", "", "e"),
    ]
    assert len({record_id(*parts) for parts in cuts}) == len(cuts)


@given(PARTS)
def test_an_id_is_written_as_a_uuid(parts: tuple[str, ...]) -> None:
    assert str(UUID(record_id(*parts))) == record_id(*parts)
    assert UUID(record_id(*parts)).bytes == record_digest(*parts)
    assert as_uuid(record_digest(*parts)) == record_id(*parts)
