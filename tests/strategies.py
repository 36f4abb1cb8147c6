"""Hypothesis strategies for every event family, derived from the types: a new field or family needs nothing here.

What the types cannot say (columns of one length, fields that go together) stands in the tables below, and the contract
test holds that whatever is drawn passes the decoder.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec import NODEFAULT, Struct, inspect, msgpack
from msgspec.structs import replace

from menshen.contract.assessment import IpPlace, Observed
from menshen.contract.events import END, FAMILIES, Checkpoint, Envelope, Event, Keystroke, Override, Pointer, WifiScan
from menshen.fraud.sighting import Sighting

LONGEST_COLUMN = 40
FEW_NAMES = ("a", "b", "c")
"""Identifiers come back often: most of what detectors do begins with one that they know."""

COLUMNS: Mapping[type[Struct], Mapping[str, int]] = {
    Keystroke: {"hold_ms": 0, "classes": 0, "flight_ms": -1},
    Pointer: {"t_ms": 0, "x_px": 0, "y_px": 0},
    WifiScan: {"bssids": 0, "rssi_dbm": 0},
}
"""Fields of one common length, and by how many each is longer."""

WITHIN: Mapping[type[Struct], Mapping[str, st.SearchStrategy[Any]]] = {
    IpPlace: {
        "latitude_deg": st.floats(-90, 90),
        "longitude_deg": st.floats(-180, 180),
        "radius_m": st.floats(0, 20_000_000),
    },
}
"""Bounds of what we write ourselves and therefore never validate."""


def _whole_pointer(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {"starts": sorted({start for start in fields["starts"] if start < len(fields["t_ms"])})}


def _whole_override(fields: dict[str, Any]) -> dict[str, Any]:
    return _whole_checkpoint(fields) | {"operators": list(dict.fromkeys(fields["operators"]))}


def _whole_checkpoint(fields: dict[str, Any]) -> dict[str, Any]:
    required = {"draw_id": "d", "payee_ref": "p", "amount": "1.00"} if fields["step"] == "fund_transfer" else {}
    fields = fields | {name: fields[name] or value for name, value in required.items()}
    currency = (fields["currency"] or "CNY") if fields["amount"] else None
    return fields | {"currency": currency}


COMPLETED: Mapping[type[Struct], Callable[[dict[str, Any]], dict[str, Any]]] = {
    Pointer: _whole_pointer,
    Checkpoint: _whole_checkpoint,
    Override: _whole_override,
}


@cache
def structs(kind: type[Struct], *, bare: bool = False) -> st.SearchStrategy[Any]:
    """Draw a struct that keeps the type's constraints; a bare one leaves out all that can be left out."""
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    fields = {field.name: _field(field, bare=bare) for field in described.fields} | WITHIN.get(kind, {})
    columns = COLUMNS.get(kind, {})
    types = {field.name: field.type for field in described.fields}

    @cache
    def sized(n_rows: int) -> st.SearchStrategy[dict[str, Any]]:
        cut = {name: _sized(types[name], max(0, n_rows + more)) for name, more in columns.items()}
        return st.fixed_dictionaries({**fields, **cut})

    n_rows = st.integers(0, 0 if bare else LONGEST_COLUMN) if columns else st.just(0)
    drawn = n_rows.flatmap(sized)
    return drawn.map(COMPLETED.get(kind, dict)).map(lambda values: kind(**values))


def _field(field: inspect.Field, *, bare: bool) -> st.SearchStrategy[Any]:
    if not bare:
        return _values(field.type)
    if field.default is not NODEFAULT:
        return st.just(field.default)
    return (
        st.just([]) if isinstance(field.type, inspect.ListType) and not field.type.min_length else _values(field.type)
    )


def _values(described: inspect.Type) -> st.SearchStrategy[Any]:
    match described:
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(_lowest(described), _highest(described))
        case inspect.FloatType(ge=low, le=high):
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case inspect.StrType():
            return _texts(described.min_length or 0, described.max_length or 64, described.pattern)
        case inspect.Metadata(type=inspect.StrType() as text, extra_json_schema={"pattern": pattern}):
            return _texts(text.min_length or 0, text.max_length or 64, pattern)
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.UnionType(types=types):
            return st.one_of(*map(_values, sorted(types, key=lambda one: not isinstance(one, inspect.NoneType))))
        case inspect.ListType():
            return _lists(described, described.min_length or 0, min(described.max_length or 8, 8))
        case inspect.StructType(cls=kind):
            return structs(kind)
    raise NotImplementedError(f"no strategy for {described}")


def _lowest(number: inspect.IntType) -> int:
    """Return the least value; a number without bounds is a count of our own."""
    return number.gt + 1 if number.gt is not None else number.ge or 0


def _highest(number: inspect.IntType) -> int:
    return number.lt - 1 if number.lt is not None else 2**53 if number.le is None else number.le


@cache
def _texts(low: int, high: int, pattern: str | None) -> st.SearchStrategy[str]:
    if pattern is None:
        return st.text(min_size=low, max_size=high)
    matching = st.from_regex(pattern.removesuffix(END) + r"\Z", fullmatch=True)
    fitting = matching.filter(lambda text: low <= len(text) <= high)
    return st.one_of(st.sampled_from(FEW_NAMES), fitting) if "!-~" in pattern else fitting


def _lists(described: inspect.ListType, low: int, high: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(_values(described.item_type), min_size=low, max_size=high)


def _sized(described: inspect.Type, size: int) -> st.SearchStrategy[Any]:
    if isinstance(described, inspect.ListType):
        return _lists(described, size, size)
    assert isinstance(described, inspect.StrType)
    assert described.pattern is not None
    letters = described.pattern.partition("[")[2].partition("]")[0]
    return st.text(alphabet=letters, min_size=size, max_size=size)


def events(*kinds: type[Envelope]) -> st.SearchStrategy[Event]:
    """Draw an event of one of the families; of any, where none is named."""
    return st.one_of(*(structs(kind) for kind in kinds or FAMILIES))


def bare_events(*kinds: type[Envelope]) -> st.SearchStrategy[Event]:
    """Draw an event that says no more than it must."""
    return st.one_of(*(structs(kind, bare=True) for kind in kinds or FAMILIES))


@st.composite
def sightings(draw: st.DrawFn, *kinds: type[Envelope]) -> Sighting:
    """Draw an event as it stands in the log, at any time at all, with anything observed."""
    event = draw(events(*kinds))
    on_time_ms = min(2**53, max(0, event.occurred_ms + draw(st.integers(0, 299_999))))
    appended_ms = draw(st.one_of(st.just(on_time_ms), st.integers(0, 2**53)))
    offset, content_crc = draw(st.integers(0, 2**63 - 1)), draw(st.integers(0, 2**32 - 1))
    return Sighting(event, offset, appended_ms, content_crc, draw(structs(Observed)))


@cache
def drawn_sightings(kind: type[Envelope], n_draws: int = 20) -> tuple[Sighting, ...]:
    """Draw the same sightings of a family at each call: to make long histories of, for which drawing is too slow."""
    drawn: dict[bytes, Sighting] = {}

    @settings(max_examples=n_draws, phases=[Phase.generate], database=None, derandomize=True, deadline=None)
    @given(sightings(kind))
    def draw(sighting: Sighting) -> None:
        drawn[msgpack.encode(sighting.event)] = sighting

    draw()
    return tuple(drawn.values())


def varied(sighting: Sighting, i: int) -> Sighting:
    """Return the sighting as an attacker would vary it: with identifiers, an address and an order that no other has."""
    event, at_ms = sighting.event, sighting.appended_ms + i * 61_000
    fresh = {"event_id": f"e{i}", "session_id": f"s{i}", "device_id": f"d{i}", "ip": f"10.{i >> 8 & 255}.{i & 255}.1"}
    fresh = {field: value for field, value in fresh.items() if hasattr(event, field)}
    columns = {field: _rotated(getattr(event, field), i) for field in COLUMNS.get(type(event), {})}
    assurance = ("authenticated", "claimed", "person")[i % 3]
    event = replace(event, **fresh, **columns, assurance=assurance, occurred_ms=min(2**53, at_ms))
    return replace(sighting, event=event, appended_ms=at_ms)


def _rotated(column: Any, i: int) -> Any:
    first = i % (len(column) or 1)
    return column[first:] + column[:first]
