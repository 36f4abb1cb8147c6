"""Tags stand in the memory of subjects: they must be the same on every machine, in every year."""

import pytest

from menshen.fraud.tagging import tag


@pytest.mark.parametrize(
    ("identifier", "expected"), [("d1", "fcd38eb77616f227"), ("", "e4a6a0577479b2b4"), ("门", "9298f3f4e2c37c70")]
)
def test_tags_never_change_from_release_to_release(identifier: str, expected: str) -> None:
    """Golden values: with other tags every device of every subject would be new at once."""
    assert tag(identifier).hex() == expected


def test_a_tag_that_others_were_asked_for_since_is_still_the_same() -> None:
    first = tag("d1")
    kept = tag.cache_info().maxsize
    assert kept is not None
    tags = {tag(f"other-{n}") for n in range(kept)}
    assert len(tags) == kept
    assert tag("d1") == first
