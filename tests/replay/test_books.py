"""A book that takes two tellings for one would prove nothing."""

import json

from tests.replay.books import Book


def record(name: str, score: int = 0, kind: str = "assessment_id") -> bytes:
    return json.dumps({kind: name, "score": score}).encode()


def test_the_same_records_in_another_order_are_the_same_book() -> None:
    one, other = Book([record("a"), record("b")]), Book([record("b"), record("a")])
    assert (one.n_differences(other), len(one), one.n_conflicts) == (0, 2, 0)


def test_a_record_that_lacks_or_is_too_many_or_has_other_bytes_is_a_difference() -> None:
    book = Book([record("a"), record("b"), record("v", kind="verdict_id")])
    assert book.n_differences(Book([record("a"), record("b")])) == 1
    assert book.n_differences(Book([record("a"), record("b"), record("v", kind="verdict_id"), record("c")])) == 1
    assert book.n_differences(Book([record("a"), record("b", 1), record("v", kind="verdict_id")])) == 1


def test_the_first_record_of_an_id_counts_and_one_of_other_bytes_is_a_conflict() -> None:
    book = Book([record("a"), record("a"), record("a", 1)])
    assert (book.n_conflicts, book.n_differences(Book([record("a")]))) == (1, 0)
