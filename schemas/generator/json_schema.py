"""From a struct of the contract to its JSON Schema."""

import inspect
from collections.abc import Iterator
from typing import Any

import msgspec
from schemas.generator.fields import FIELDS, RULES

from menshen.contract.assessment import Assessment, Shed
from menshen.contract.events import FAMILIES
from menshen.contract.onboarding import Onboarding
from menshen.contract.verdict import Verdict

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = 1
STRUCTS: dict[str, type[msgspec.Struct]] = {
    **{str(family.__struct_config__.tag): family for family in FAMILIES},
    "assessment": Assessment,
    "shed": Shed,
    "verdict": Verdict,
    "onboarding": Onboarding,
}
"""Everything on the wire that has a schema, by name."""


def file_of(name: str) -> str:
    """Return the name of a schema's file."""
    return f"{name}.v{VERSION}.json"


def schema_of(name: str) -> dict[str, Any]:
    """Return the schema of a name in `STRUCTS`.

    Raises
    ------
    KeyError
        A field has no description in `FIELDS`.
    """
    kind = STRUCTS[name]
    _, components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    described = {title: _described(title, schema) for title, schema in sorted(components.items())}
    root = described.pop(kind.__name__)
    head: dict[str, Any] = {"$schema": DIALECT, "$id": f"urn:menshen:{name}:v{VERSION}"}
    return head | root | ({"$defs": described} if described else {})


def named_fields() -> Iterator[tuple[str, str]]:
    """Yield each struct's name with each of its fields, `type` included."""
    for name in STRUCTS:
        schema = schema_of(name)
        for part in (schema, *schema.get("$defs", {}).values()):
            yield from ((part["title"], field) for field in part["properties"])


def key_of(title: str, field: str) -> str:
    """Return the key under which `FIELDS` describes a field of a struct."""
    return f"{title}.{field}" if f"{title}.{field}" in FIELDS else field


def _described(title: str, schema: dict[str, Any]) -> dict[str, Any]:
    paragraphs = inspect.cleandoc(schema["description"]).split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    properties = {
        field: {"description": FIELDS[key_of(title, field)]} | what for field, what in schema["properties"].items()
    }
    return schema | {"description": text, "properties": properties} | RULES.get(title, {})
