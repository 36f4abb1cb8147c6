"""Every way to spoil a document that its schema speaks of: what is required left out, wrong types, out of bounds."""

from collections.abc import Iterator
from typing import Any, NamedTuple

Json = Any
NO_SUCH_TYPE: Json = {"not": "this"}


class Spoiled(NamedTuple):
    """A document with one fault, and which."""

    fault: str
    document: Json


def spoiled(schema: dict[str, Json], document: dict[str, Json]) -> Iterator[Spoiled]:
    """Yield the document with each fault that `schema` forbids, one at a time."""
    yield from _object(schema, document, schema.get("$defs", {}))


def _object(schema: dict[str, Json], document: dict[str, Json], parts: dict[str, Json]) -> Iterator[Spoiled]:
    for field in schema.get("required", ()):
        yield Spoiled(f"no {field}", {name: value for name, value in document.items() if name != field})
    for field, value in document.items():
        for fault, bad in _value(schema["properties"][field], value, parts):
            yield Spoiled(f"{field}: {fault}", document | {field: bad})


def _value(schema: dict[str, Json], value: Json, parts: dict[str, Json]) -> Iterator[Spoiled]:
    if "anyOf" in schema:
        schema = next(one for one in schema["anyOf"] if one != {"type": "null"})
    if "$ref" in schema:
        schema = parts[schema["$ref"].removeprefix("#/$defs/")]
    if isinstance(value, dict) and "properties" in schema:
        yield Spoiled("wrong type", ["not an object"])
        yield from _object(schema, value, parts)
    elif isinstance(value, list):
        yield Spoiled("wrong type", NO_SUCH_TYPE)
        yield from _list(schema, value, parts)
    elif value is not None and not isinstance(value, dict):
        yield Spoiled("wrong type", NO_SUCH_TYPE)
        yield from _bounds(schema, value)


def _list(schema: dict[str, Json], value: list[Json], parts: dict[str, Json]) -> Iterator[Spoiled]:
    if value and "maxItems" in schema:
        most = schema["maxItems"]
        yield Spoiled("too many", (value * (most + 1))[: most + 1])
    if "minItems" in schema:
        yield Spoiled("too few", [])
    first = schema["prefixItems"][0] if "prefixItems" in schema else schema["items"]
    for fault, bad in _value(first, value[0], parts) if value else ():
        yield Spoiled(f"item {fault}", [bad, *value[1:]])


def _bounds(schema: dict[str, Json], value: Json) -> Iterator[Spoiled]:
    if "enum" in schema:
        yield Spoiled("none of the words", "no such word" if isinstance(value, str) else 999)
    if "minimum" in schema:
        yield Spoiled("too small", schema["minimum"] - 1)
    if "maximum" in schema:
        yield Spoiled("too large", schema["maximum"] + 1)
    if "exclusiveMaximum" in schema:
        yield Spoiled("too large", schema["exclusiveMaximum"])
    if "maxLength" in schema:
        yield Spoiled("too long", "0" * (schema["maxLength"] + 1))
    if "minLength" in schema:
        yield Spoiled("too short", "")
    if "pattern" in schema:
        yield Spoiled("a line break at the end", value + "\n")
        yield Spoiled("a letter that is not allowed", value + "ü")
    if "type" in schema and schema["type"] in ("string", "boolean"):
        yield Spoiled("a number", 1)
    if "type" in schema and schema["type"] in ("integer", "number"):
        yield Spoiled("a number as text", str(value))
