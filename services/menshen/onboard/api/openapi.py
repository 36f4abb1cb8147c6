"""The OpenAPI document: what the code declares, and what holds for every operation alike."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from menshen.onboard.api import applications, people, steps
from menshen.onboard.api.door import MAY, ROUTES
from menshen.onboard.api.once import REPLAYED
from menshen.onboard.api.problems import CATALOGUE, IDEMPOTENCY_KEY, MEDIA_TYPE, PREFIX, Problem

OPERATIONS = (applications, steps, people)
"""Each of them brings its operations to `ROUTES` when it is imported."""
INTRODUCTION = (
    "The loan workflow that verdicts gate. What is refused is answered with a problem (RFC 9457) and changes nothing. "
    "Every POST but the answer to a challenge takes an Idempotency-Key and is safe to send again. Money is decimal "
    "text with two places, times are milliseconds since 1970, ids are pseudonyms."
)
ALWAYS = ("unauthenticated", "forbidden", "internal", "unavailable")
OF_BODIES = ("malformed", "too-large", "media-type", "invalid")
OF_DEEDS = ("idempotency-key", "idempotency-key-reused", "invalid")
OF_WORKFLOW = ("contradiction", "may-not-apply", "not-yet", "not-now", "attempts", "does-not-fit", "closed")


@cache
def document() -> dict[str, Any]:
    """Return the document. It is the same for every deployment."""
    routes = [route for route in ROUTES.routes if isinstance(route, APIRoute)]
    written: dict[str, Any] = get_openapi(title="Menshen onboard", version="1", description=INTRODUCTION, routes=routes)
    schemas = written["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    _, problems = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
    schemas.update(problems["$defs"])
    written["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "A key that `menshen api-keys new` has made."}
    }
    written["security"] = [{"key": []}]
    for route in routes:
        for method in route.methods or ():
            operation = written["paths"][route.path][method.lower()]
            _complete(operation, route)
            _add_problems(written["components"].setdefault("responses", {}), operation, route)
    return written


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    operation["operationId"] = route.name
    said = " ".join(route.description.split())
    operation["summary"] = said.partition(":")[0].partition(".")[0]
    operation["description"] = f"{said} Roles: {', '.join(sorted(MAY[route.name]))}."
    operation["x-roles"] = sorted(MAY[route.name])
    operation["responses"].pop("422", None)
    if _takes_key(operation):
        for response in operation["responses"].values():
            response["headers"] = {REPLAYED: _REPLAYED}
    if route.name == "open_application":
        operation["responses"]["200"] = operation["responses"]["201"] | {"description": "It is open already"}


def _add_problems(shared: dict[str, Any], operation: dict[str, Any], route: APIRoute) -> None:
    by_status = dict[int, list[str]]()
    for slug in dict.fromkeys(_problems(operation, route)):
        by_status.setdefault(CATALOGUE[slug].status, []).append(slug)
    for status, slugs in sorted(by_status.items()):
        name = ".".join(slugs)
        shared[name] = _response(status, slugs)
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{name}"}


def _problems(operation: dict[str, Any], route: APIRoute) -> Iterator[str]:
    yield from ALWAYS
    if "{" in route.path:
        yield "unknown"
    if operation.get("parameters"):
        yield "invalid"
    if route.body_field is not None:
        yield from OF_BODIES
    if _takes_key(operation):
        yield from (*OF_DEEDS, *OF_WORKFLOW)


def _takes_key(operation: dict[str, Any]) -> bool:
    return any(parameter["name"] == IDEMPOTENCY_KEY for parameter in operation.get("parameters", ()))


def _response(status: int, slugs: list[str]) -> dict[str, Any]:
    examples = {slug: {"value": _example(slug)} for slug in slugs}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
    described = {"description": "; ".join(CATALOGUE[slug].title for slug in slugs), "content": {MEDIA_TYPE: content}}
    return described | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


def _example(slug: str) -> dict[str, Any]:
    kind = CATALOGUE[slug]
    said = {"type": PREFIX + slug, "title": kind.title, "status": kind.status, "detail": kind.advice}
    return said | _FIELDS.get(slug, {})


_REPLAYED = {
    "description": "`true`: it was done before, and this is the answer of then.",
    "schema": {"type": "string", "const": "true"},
}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "How to come in.", "schema": {"type": "string"}, "required": True}},
    503: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}, "required": True}},
}
_FIELDS: dict[str, dict[str, Any]] = {
    "invalid": {"errors": [{"field": "amount", "rule": "Field required"}]},
    "may-not-apply": {"until_ms": 1767225600000},
    "not-yet": {"step": "eligibility", "state": "waiting"},
    "not-now": {"state": "asked"},
    "attempts": {"retry_at_ms": 1767225600000, "state": "waiting"},
}
