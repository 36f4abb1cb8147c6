"""What the strategies draw is what the decoder admits, in every family."""

import re
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect
from tests.strategies import bare_events, events

from menshen.contract.decoding import decode_event, encode_event
from menshen.contract.events import FAMILIES, Envelope

family = pytest.mark.parametrize("kind", FAMILIES, ids=lambda kind: kind.__name__)


def _patterns(described: inspect.Type) -> Iterator[str]:
    """Walk through a type to the patterns of its texts."""
    match described:
        case inspect.StrType(pattern=str() as pattern):
            yield pattern
        case inspect.Metadata(extra_json_schema={"pattern": pattern}):
            yield pattern
        case inspect.UnionType(types=types):
            yield from (pattern for one in types for pattern in _patterns(one))
        case inspect.ListType(item_type=item):
            yield from _patterns(item)
        case inspect.StructType(fields=fields):
            yield from (pattern for field in fields for pattern in _patterns(field.type))


@family
@settings(max_examples=15)
@given(data=st.data())
def test_every_drawn_event_passes_the_decoder(kind: type[Envelope], data: st.DataObject) -> None:
    event = data.draw(events(kind))
    assert decode_event(encode_event(event)) == event


@family
@settings(max_examples=5)
@given(data=st.data())
def test_a_bare_event_leaves_out_all_that_it_can(kind: type[Envelope], data: st.DataObject) -> None:
    event = data.draw(bare_events(kind))
    required = {field.name for field in inspect.type_info(kind).fields if field.required}  # type: ignore[attr-defined]
    said = msgspec.to_builtins(event)
    for name in set(said) - required - {"type"}:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({key: value for key, value in said.items() if key != name}, type=kind)


@pytest.mark.parametrize("pattern", sorted({*(p for kind in FAMILIES for p in _patterns(inspect.type_info(kind)))}))
def test_no_pattern_lets_a_line_break_slip_in_at_the_end(pattern: str) -> None:
    for text in ("1" * 12, "a" * 12, "CNY", "1.00", "ld", ""):
        assert not re.search(pattern, text + "\n"), f"write {pattern!r} so that it also ends before a line break"
