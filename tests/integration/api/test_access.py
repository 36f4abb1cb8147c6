"""Who may do what: every operation of the API against every role, and against those who have none."""

import json
from typing import get_args

import pytest
from tests.integration.api.customer import HERE, LIMIT, SIGNED, kind_of
from tests.integration.api.office import Answer, Api, Office

from menshen.onboard.api import keys
from menshen.onboard.api.app import create_app
from menshen.onboard.api.keys import Role
from menshen.onboard.api.openapi import document
from menshen.onboard.desk import clock_ms

NEW = {"application_id": "a-1", "subject_id": "s-1", "product_id": "p"}
DRAW = LIMIT | {"draw_id": "d-1", "payee_ref": "p-1", "amount": "1.00"}
SERVICE, PEOPLE, VOTERS = "service", "analyst approver auditor", "analyst approver"
EVERYBODY = f"{SERVICE} {PEOPLE}"
MATRIX: tuple[tuple[str, str, object, str], ...] = (
    ("POST", "/v1/applications", NEW, SERVICE),
    ("GET", "/v1/applications/{application_id}", None, EVERYBODY),
    ("GET", "/v1/applications/{application_id}/history", None, EVERYBODY),
    ("POST", "/v1/applications/{application_id}/steps/eligibility", HERE, SERVICE),
    ("POST", "/v1/applications/{application_id}/steps/agreement", SIGNED, SERVICE),
    ("POST", "/v1/applications/{application_id}/steps/limit_activation", LIMIT, SERVICE),
    ("POST", "/v1/applications/{application_id}/draws", DRAW, SERVICE),
    ("POST", "/v1/applications/{application_id}/draws/{draw_id}/repayment", None, SERVICE),
    ("POST", "/v1/applications/{application_id}/refusal", {"kind": "credit"}, SERVICE),
    ("POST", "/v1/applications/{application_id}/appeal", {"step": "agreement"}, SERVICE),
    ("POST", "/v1/challenges/{challenge_id}/answers", {"answer": "1"}, SERVICE),
    ("GET", "/v1/reviews", None, PEOPLE),
    ("GET", "/v1/reviews/{review_id}", None, PEOPLE),
    ("POST", "/v1/reviews/{review_id}/votes", {"decision": "block", "note": "no"}, VOTERS),
    ("GET", "/v1/alerts", None, PEOPLE),
)
OPEN_TO_ALL = ("/livez", "/readyz", "/metrics", "/openapi.json")
operations = pytest.mark.parametrize(("verb", "path", "body", "may"), MATRIX, ids=[row[1] for row in MATRIX])


def knock(api: Api, verb: str, path: str, body: object, **headers: str) -> Answer:
    path = path.format(application_id="a-1", draw_id="d-1", challenge_id="c-1", review_id="r-1")
    if verb == "POST":
        return api.post(path, body, **headers)
    return api.call("GET", path, None, headers)


@pytest.fixture(scope="module")
def office(module_office: Office) -> Office:
    return module_office


def test_every_route_of_the_application_is_in_the_matrix(office: Office) -> None:
    served = {
        (verb, route.path)
        for route in create_app(office.desk, office.outside, {}).routes
        for verb in getattr(route, "methods", None) or ()
    }
    guarded = {(verb, path) for verb, path, *_ in MATRIX}
    assert served - guarded == {(verb, path) for path in OPEN_TO_ALL for verb in ("GET", "HEAD")}
    declared = {(verb.upper(), path) for path, verbs in document()["paths"].items() for verb in verbs}
    assert declared == guarded == served & guarded


@operations
@pytest.mark.parametrize("role", get_args(Role))
def test_a_role_gets_in_where_the_matrix_says_so(
    office: Office, role: Role, verb: str, path: str, body: object, may: str
) -> None:
    reply = knock(office.api(role), verb, path, body)
    if role in may.split():
        assert reply.status not in (401, 403)
    else:
        assert (reply.status, kind_of(reply)) == (403, "forbidden")


@operations
@pytest.mark.parametrize(
    "shown",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer msk_x",
        "Basic {key}",
        "{key}",
        "Bearer {key}x",
        "Bearer {other}",
        "Bearer é",
    ],
)
def test_nobody_gets_in_without_a_key_that_opens(
    office: Office, shown: str | None, verb: str, path: str, body: object, may: str
) -> None:
    key = office.keys["service"]
    other = f"{key[:-1]}{'A' if key[-1] != 'A' else 'B'}"
    nobody = Api(office.address, None)
    headers = {} if shown is None else {"Authorization": shown.format(key=key, other=other)}
    reply = knock(nobody, verb, path, body, **headers)
    assert (reply.status, kind_of(reply)) == (401, "unauthenticated")
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", OPEN_TO_ALL)
def test_health_and_the_document_are_open_to_all(office: Office, path: str) -> None:
    assert Api(office.address, None).get(path).status == 200


def test_the_document_says_which_roles_may(office: Office) -> None:
    written = json.loads(json.dumps(Api(office.address, None).get("/openapi.json").body))
    said = {(v.upper(), p): o["x-roles"] for p, verbs in written["paths"].items() for v, o in verbs.items()}
    assert said == {(verb, path): sorted(may.split()) for verb, path, _, may in MATRIX}


def test_whoever_has_no_key_is_not_told_what_is_wrong_with_the_rest(office: Office) -> None:
    reply = Api(office.address, None).post("/v1/applications", b"{", Content_Type="text/plain")
    assert reply.status == 401


def test_a_revoked_key_opens_nothing_from_the_next_call_on(office: Office) -> None:
    api = office.person("auditor", "leaver")
    assert api.get("/v1/alerts").status == 200
    prefix = str(api.key).split("_")[1]
    office.desk.database.run(lambda c: keys.revoke(c, prefix, now_ms=clock_ms()))
    assert api.get("/v1/alerts").status == 401
